import { describe, expect, it } from 'vitest';
import { readArrays } from '../../src/node/npz.ts';
import { errorOf } from '../helpers/error-of.ts';
import { testFolder } from '../helpers/folder.ts';
import { numpyFile } from '../helpers/numpy-files.ts';

const folder = testFolder();

describe('readArrays', () => {
  it('reads the arrays of an .npz file by their names', async () => {
    const arrays = await readArrays(folder.write('inputs.npz', numpyFile('npz')));
    expect([...arrays.keys()]).toEqual(['x', 'é/y']);
    expect(arrays.get('x')?.dims).toEqual([1, 6]);
  });

  it('reads an .npy file, whatever its ending, as an array without a name', async () => {
    const arrays = await readArrays(folder.write('x.bin', numpyFile('float32')));
    expect([...arrays]).toEqual([
      ['', { dataType: 'float32', dims: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, -0) }],
    ]);
  });

  it('names the file in what it refuses', async () => {
    const text = folder.write('x.npy', 'hello');
    expect(await errorOf(readArrays(text))).toMatchObject({
      code: 'onnx/invalid-array',
      message: `"${text}" is neither an .npy nor an .npz file: save the inputs with np.savez("inputs.npz", name=array)`,
      details: { path: text },
    });
    const strings = folder.write('strings.npy', numpyFile('text'));
    expect(await errorOf(readArrays(strings))).toMatchObject({
      code: 'onnx/unsupported-data-type',
      message: expect.stringContaining(`cannot read "${strings}": the array has elements`),
      details: { path: strings, descr: '<U1' },
    });
    expect((await errorOf(readArrays(folder.at('none.npz')))).code).toBe('node/not-found');
  });

  it('reads no file that is larger than what it may hold', async () => {
    const path = folder.write('x.npy', numpyFile('float32'));
    const size = numpyFile('float32').length;
    expect((await readArrays(path, { maxBytes: size, maxEntries: 1 })).size).toBe(1);
    expect(await errorOf(readArrays(path, { maxBytes: size - 1, maxEntries: 1 }))).toMatchObject({
      code: 'onnx/invalid-array',
      message: `"${path}" has ${size} bytes, more than ${size - 1}: give a smaller array`,
    });
  });
});
