import { describe, expect, it } from 'vitest';
import {
  checkExternalData,
  type DataFolder,
  externalDataMissing,
  hasExternalData,
} from '../../src/onnx/external-data.ts';
import type { ModelFile } from '../../src/onnx/model-file.ts';
import { readTensor } from '../../src/onnx/read-tensor.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type ExternalTensor, externalModel, type TensorHome } from '../helpers/external-model.ts';

function model(tensors: readonly ExternalTensor[], home?: TensorHome): Promise<ModelFile> {
  return scanModel(memorySource(externalModel(tensors, home)));
}

function folderOf(files: Readonly<Record<string, Uint8Array>>): DataFolder {
  const open = async (path: string) => {
    const bytes = files[path];
    if (bytes === undefined) throw externalDataMissing(path);
    return memorySource(bytes);
  };
  return { open, size: async (path) => (await open(path)).size };
}

const NUMBERS = new Uint8Array(Float32Array.of(1, -2, 3.5, 0.25).buffer);

describe('checkExternalData', () => {
  it('lists each data file once, wherever the tensors stand', async () => {
    const tensors = [
      { name: 'a', location: 'w.bin', offset: 0, length: 8 },
      { name: 'b', location: 'w.bin', offset: 8, length: 8 },
      { name: 'c', location: 'more/w.bin' },
    ];
    const folder = folderOf({ 'w.bin': NUMBERS, 'more/w.bin': NUMBERS.subarray(0, 8) });
    for (const home of ['initializer', 'constant', 'function'] as const) {
      expect(await checkExternalData(await model(tensors, home), folder), home).toEqual([
        { path: 'w.bin', bytes: 16, tensors: 2 },
        { path: 'more/w.bin', bytes: 8, tensors: 1 },
      ]);
    }
    // Both branches of the If hold them.
    expect(await checkExternalData(await model(tensors, 'body'), folder)).toEqual([
      { path: 'w.bin', bytes: 16, tensors: 4 },
      { path: 'more/w.bin', bytes: 8, tensors: 2 },
    ]);
  });

  it('has nothing to say of a model without external data, folder or not', async () => {
    const plain = await model([]);
    expect(hasExternalData(plain)).toBe(false);
    expect(await checkExternalData(plain, undefined)).toEqual([]);
  });

  it.each([
    '/etc/passwd',
    '\\\\server\\share',
    'C:\\weights.bin',
    'c:weights.bin',
    '../w.bin',
    'a/../../w.bin',
    'a/..',
    'a\\..\\w.bin',
    '',
    'w\0.bin',
  ])('refuses the path %j before anything is opened', async (location) => {
    const folder: DataFolder = {
      size: () => Promise.reject(new Error('opened')),
      open: () => Promise.reject(new Error('opened')),
    };
    await expect(checkExternalData(await model([{ name: 'a', location }]), folder)).rejects.toMatchObject({
      code: 'onnx/external-data-path',
      details: { tensor: 'a', path: location },
    });
  });

  it.each(['w..bin', '..w', 'a/..w/w.bin', 'ab:c', '...'])('takes the path %j', async (location) => {
    const found = await checkExternalData(
      await model([{ name: 'a', location }]),
      folderOf({ [location]: NUMBERS }),
    );
    expect(found).toHaveLength(1);
  });

  it.each<[string, Partial<ExternalTensor>, RegExp]>([
    ['past the end', { offset: 12, length: 8 }, /no bytes 12 to 20 of "w.bin".*the file has 16 bytes/],
    ['past the end, by its shape', { offset: 12 }, /no bytes 12 to 20/],
    ['before the start', { offset: -8, length: 8 }, /there can be no bytes/],
    ['beyond what can be counted', { offset: '1e300' }, /there can be no bytes/],
    ['at no number', { offset: 'x' }, /there can be no bytes/],
    ['in a fraction of a byte', { offset: 0.5 }, /there can be no bytes/],
    ['of a negative length', { length: -1 }, /there can be no bytes/],
    ['shorter than its shape', { length: 4 }, /4 bytes .* are not the 8 that its shape needs/],
    ['longer than its shape', { length: 16 }, /16 bytes .* are not the 8 that its shape needs/],
  ])('refuses data %s', async (_what, where, message) => {
    const broken = await model([{ name: 'a', location: 'w.bin', ...where }]);
    await expect(checkExternalData(broken, folderOf({ 'w.bin': NUMBERS }))).rejects.toMatchObject({
      code: 'onnx/external-data-range',
      message: expect.stringMatching(message),
    });
  });

  it('says which file is missing, and that a pipe has no folder', async () => {
    const lone = await model([{ name: 'a', location: 'w\u001b.bin' }]);
    await expect(checkExternalData(lone, folderOf({}))).rejects.toMatchObject({
      code: 'onnx/external-data-missing',
      message: 'the model\'s weights in "w\\u001b.bin" are missing: put that file beside the model',
    });
    await expect(checkExternalData(lone, undefined)).rejects.toMatchObject({
      code: 'onnx/external-data-unavailable',
    });
  });
});

describe('readTensor', () => {
  it('reads numbers from a data file', async () => {
    const file = await model([
      { name: 'a', location: 'w.bin', offset: 8, length: 8 },
      { name: 'b', location: 'w.bin', dims: [2, 2] },
    ]);
    const [a, b] = file.graph.initializer;
    const folder = folderOf({ 'w.bin': NUMBERS });
    expect(await readTensor(file, a!, folder)).toEqual(Float64Array.of(3.5, 0.25));
    expect(await readTensor(file, b!, folder)).toEqual(Float64Array.of(1, -2, 3.5, 0.25));
    await expect(readTensor(file, a!)).rejects.toMatchObject({ code: 'onnx/external-data-unavailable' });
  });
});
