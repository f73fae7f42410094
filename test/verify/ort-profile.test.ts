import { describe, expect, it } from 'vitest';
import { parseProfile } from '../../src/verify/ort-profile.ts';

/** An event as onnxruntime 1.30 writes it, less the fields that are not read. */
function event(name: string, op: string, provider: string, index = '0', cat = 'Node'): unknown {
  return {
    cat,
    pid: 1,
    tid: 1,
    dur: 1,
    ts: 1,
    ph: 'X',
    name,
    args: { op_name: op, provider, node_index: index },
  };
}

describe('parseProfile', () => {
  it('reads each node once, however often it ran, and nothing else', () => {
    const conv = event('conv_kernel_time', 'Conv', 'WebGpuExecutionProvider', '3');
    const json = JSON.stringify([
      { cat: 'Session', name: 'model_run', args: {} },
      event('conv&kernel', 'Conv', 'WebGpuExecutionProvider', '3', 'Api'),
      conv,
      conv,
      null,
      { cat: 'Node', name: 'no arguments' },
      { cat: 'Node', name: 'no provider', args: { op_name: 'Conv' } },
    ]);
    expect(parseProfile(json)).toEqual({ nodes: [{ name: 'conv', opType: 'Conv', provider: 'webgpu' }] });
  });

  it('reads names that were written as they are, quotes and line breaks included', () => {
    const names = ['a"b', 'C:\\q', 'two\nlines', 'x","args" : {"op_name" : "No"}}'];
    const lines = names.map(
      (name, index) =>
        `{"cat" : "Node","pid" :1,"name" :"${name}_kernel_time","args" : {"op_name" : "Relu","provider" : "CPUExecutionProvider","node_index" : "${index}"}}`,
    );
    expect(parseProfile(`[\n${lines.join(',\n')}\n]`).nodes.map(({ name }) => name)).toEqual(names);
  });

  it('takes one suffix off, not the part of a name that looks like it', () => {
    const { nodes } = parseProfile(
      JSON.stringify([event('a_kernel_time_kernel_time', 'Relu', 'CPUExecutionProvider')]),
    );
    expect(nodes[0]?.name).toBe('a_kernel_time');
  });

  it('keeps nodes apart that share a name in different graphs', () => {
    const json = JSON.stringify([
      event('a_kernel_time', 'Relu', 'CPUExecutionProvider', '1'),
      event('a_kernel_time', 'Relu', 'CPUExecutionProvider', '2'),
    ]);
    expect(parseProfile(json).nodes).toHaveLength(2);
  });

  it.each([
    ['CPUExecutionProvider', 'cpu'],
    ['WebGpuExecutionProvider', 'webgpu'],
    ['CUDAExecutionProvider', 'cuda'],
    ['TensorrtExecutionProvider', 'tensorrt'],
    ['DmlExecutionProvider', 'dml'],
    ['CoreMLExecutionProvider', 'coreml'],
    ['XnnpackExecutionProvider', 'XnnpackExecutionProvider'],
  ])('calls %s %s', (provider, short) => {
    expect(parseProfile(JSON.stringify([event('a_kernel_time', 'Relu', provider)])).nodes[0]?.provider).toBe(
      short,
    );
  });

  it.each([
    ['{"cat":"Node"', 'onnxruntime wrote a profile that is not JSON: run it again'],
    ['{}', 'onnxruntime wrote a profile that is no list of events: run it again'],
  ])('refuses %s', (json, message) => {
    expect(() => parseProfile(json)).toThrow(expect.objectContaining({ code: 'verify/run-failed', message }));
  });
});
