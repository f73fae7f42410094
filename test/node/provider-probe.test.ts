import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { SeInjectError } from '../../src/errors.ts';
import { probeProvider, readProbe, vulkanAdapter } from '../../src/node/provider-probe.ts';
import { addModel } from '../../src/verify/probe.ts';
import { HAS_WEBGPU, VULKAN_ENV } from '../helpers/swiftshader.ts';

describe('probeProvider', () => {
  it('finds the CPU, which has no adapter and computes float16 in float32 or as it is', async () => {
    const probe = await probeProvider('cpu');
    expect(probe).toEqual({
      provider: 'cpu',
      status: 'available',
      detail: '',
      adapter: null,
      float16: expect.stringMatching(/^(widened|native)$/),
    });
  });

  it.skipIf(!HAS_WEBGPU)('finds WebGPU and the adapter that it computes on', async () => {
    const { status, detail, adapter } = await probeProvider('webgpu', { env: VULKAN_ENV });
    expect({ status, detail }).toEqual({ status: 'available', detail: '' });
    if (!VULKAN_ENV['VK_DRIVER_FILES']?.includes('swiftshader')) return;
    expect(adapter).toEqual({
      vendor: 'google',
      architecture: 'swiftshader',
      description: expect.stringContaining('SwiftShader'),
      fallback: true,
    });
  });

  it('tells of a driver that is missing', async () => {
    const env = { VK_DRIVER_FILES: '/none.json', VK_ICD_FILENAMES: undefined };
    const probe = await probeProvider('webgpu', { env });
    // Where WebGPU does not go through Vulkan, the variable means nothing.
    if (process.platform !== 'linux') return;
    expect(probe).toMatchObject({ status: 'unavailable', adapter: null, float16: 'none' });
    expect(probe.detail).toMatch(/^provider "webgpu" is not available here \(.*WebGPU adapter/);
  });

  it('tells of a provider that no build has', async () => {
    expect(await probeProvider('abacus')).toMatchObject({ provider: 'abacus', status: 'unavailable' });
  });
});

describe('readProbe', () => {
  const log = 'Using "Some GPU" with driver: "/usr/lib/libvulkan_some.so"';

  it('does not take a provider for available that left its node to the CPU', () => {
    const value = { version: '1', ownNodes: 0, float16: 'widened' } as const;
    expect(readProbe('dml', { status: 'ok', value, log })).toEqual({
      provider: 'dml',
      status: 'unavailable',
      detail: '"dml" left its node to the CPU',
      adapter: null,
      float16: 'none',
    });
  });

  it('makes crashes, hangs and hunger into answers', () => {
    expect(readProbe('cuda', { status: 'crashed', signal: 'SIGSEGV', exitCode: null, log })).toMatchObject({
      status: 'crashed',
      detail: '"cuda" ended its process (SIGSEGV)',
    });
    expect(readProbe('cuda', { status: 'crashed', signal: null, exitCode: 3, log }).detail).toContain(
      '(exit code 3)',
    );
    expect(readProbe('cuda', { status: 'timeout', afterMs: 5, log })).toMatchObject({
      status: 'timeout',
      detail: '"cuda" did not answer within 5 ms',
    });
    expect(readProbe('cuda', { status: 'memory', rssBytes: 9, log })).toMatchObject({
      status: 'crashed',
      detail: '"cuda" took more memory than it may (9 bytes)',
    });
  });

  it('throws where there is no runtime at all', () => {
    const error = new SeInjectError('verify/runtime-missing', 'missing');
    expect(() => readProbe('cpu', { status: 'error', error, log })).toThrow(error);
  });
});

describe('vulkanAdapter', () => {
  const line = (name: string, driver: string): string =>
    `DRIVER | LAYER:          Using "${name}" with driver: "${driver}"\n`;

  it.each([
    [
      'SwiftShader Device (Subzero)',
      '/usr/lib/chromium/./libvk_swiftshader.so',
      'google',
      'swiftshader',
      true,
    ],
    ['llvmpipe (LLVM 15.0.6, 256 bits)', '/usr/lib/libvulkan_lvp.so', 'mesa', 'llvmpipe', true],
    ['NVIDIA H100', 'libGLX_nvidia.so.0', 'nvidia', '', false],
    ['AMD Radeon RX 7900 XTX (RADV NAVI31)', '/usr/lib/libvulkan_radeon.so', 'amd', '', false],
    ['Intel(R) Arc(tm) A770', '/usr/lib/libvulkan_intel.so', 'intel', '', false],
    ['Something else', '/home/amd/libvulkan_else.so', '', '', false],
  ])('reads %s', (description, driver, vendor, architecture, fallback) => {
    const log = `INFO: before\n${line(description, driver)}${line(description, driver)}after`;
    expect(vulkanAdapter(log)).toEqual({ vendor, architecture, description, fallback });
  });

  it('says nothing where there is no device, or more than one', () => {
    expect(vulkanAdapter('')).toBeNull();
    expect(vulkanAdapter(line('A', 'a.so') + line('B', 'b.so'))).toBeNull();
  });
});

describe('addModel', () => {
  it('is a model that adds its input to itself', () => {
    const { opsetImport, graph } = onnxProto.onnx.ModelProto.decode(addModel(10));
    expect(opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([['', 13]]);
    expect(graph?.node).toMatchObject([{ opType: 'Add', name: 'add', input: ['x', 'x'], output: ['y'] }]);
    for (const [name, values] of [
      ['x', graph?.input],
      ['y', graph?.output],
    ] as const) {
      const type = values?.[0]?.type?.tensorType;
      expect([values?.length, values?.[0]?.name, type?.elemType]).toEqual([1, name, 10]);
      expect(type?.shape?.dim?.map((dim) => Number(dim.dimValue))).toEqual([2]);
    }
  });
});
