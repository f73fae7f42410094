import { describe, expect, it } from 'vitest';
import { runError, sessionError } from '../../src/verify/ort-errors.ts';

// The messages that a session can be made to throw here are tested with onnxruntime itself, in onnxruntime.test.ts.

describe('sessionError', () => {
  it.each([
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    'no available backend found. ERR: [coreml] backend not found.',
    '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters',
  ])('blames the provider for "%s"', (text) => {
    expect(sessionError(new Error(text), 'p', 'the model').code).toBe('verify/provider-unavailable');
  });

  it('drops the place in the runtime’s sources that a message begins with, and line ends', () => {
    const cause = new Error('/onnxruntime_src/a/b.cc:136 ns::F::G(const A&)::<lambda()> it\n was (not) so');
    const error = sessionError(cause, 'cpu', '"a.onnx"');
    expect(error.message).toBe(
      'onnxruntime does not load "a.onnx" (it was (not) so): see the message for why',
    );
    expect(error.details).toEqual({ provider: 'cpu', reason: 'unknown' });
    expect(error.cause).toBe(cause);
  });

  it('blames the device for float16 that it lacks when a session computes ahead', () => {
    const text =
      'shader_helper.cc:416 GenerateSourceCode Program Transpose requires f16 but the device does not support it.';
    expect(sessionError(new Error(text), 'webgpu', 'the model')).toMatchObject({
      code: 'verify/provider-unavailable',
      details: { provider: 'webgpu', lacks: 'float16' },
    });
  });

  it('takes what is no error too', () => {
    expect(sessionError('oops', 'cpu', 'the model').message).toContain('(oops)');
  });
});

describe('runError', () => {
  it('tells a device that lacks float16 from a run that fails', () => {
    const text =
      "Non-zero status code returned while running Relu node. Name:'y' Status Message: shader_helper.cc:416 GenerateSourceCode Program Relu requires f16 but the device does not support it.";
    expect(runError(new Error(text), 'webgpu')).toMatchObject({
      code: 'verify/provider-unavailable',
      details: { provider: 'webgpu', lacks: 'float16' },
    });
    expect(runError(new Error('no'), 'webgpu')).toMatchObject({
      code: 'verify/run-failed',
      message: 'onnxruntime could not run the model on "webgpu" (no): check the inputs and their shapes',
    });
  });
});
