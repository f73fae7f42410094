import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFolder } from '../../src/node/data-folder.ts';
import { planDataFiles } from '../../src/node/external-files.ts';
import { openFile } from '../../src/node/file-source.ts';
import { checkTarget } from '../../src/node/output-target.ts';
import { writeModel } from '../../src/node/write-model.ts';
import { checkExternalData } from '../../src/onnx/external-data.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { patchBytes } from '../../src/wire/patch.ts';
import { externalModel } from '../helpers/external-model.ts';
import { testFolder } from '../helpers/folder.ts';

const folder = testFolder();
const NUMBERS = new Uint8Array(Float32Array.of(1, -2, 3.5, 0.25).buffer);

function writeInput(locations: readonly string[] = ['w.bin']): string {
  mkdirSync(folder.at('in', 'sub'), { recursive: true });
  for (const location of locations) writeFileSync(folder.at('in', location), NUMBERS);
  return folder.write(
    'in/model.onnx',
    externalModel(locations.map((location, index) => ({ name: `w${index}`, location }))),
  );
}

/** Writes a model unchanged to another place, as a command does. */
async function copyModel(input: string, output: string, force = false) {
  const source = await openFile(input);
  const data = await openFolder(input);
  try {
    const model = await scanModel(source);
    const files = await checkExternalData(model, data);
    const keep = [source.identity];
    for (const { path } of files) keep.push((await data.open(path)).identity);
    const options = { force, keep };
    const target = await checkTarget(output, options);
    const plan = await planDataFiles(files, data, target, options);
    return await writeModel({
      patch: patchBytes(source, []),
      target,
      options,
      data: { plan, folder: data },
    });
  } finally {
    await data.close();
    await source.close();
  }
}

describe('a model with external data', () => {
  it('finds its data in place when it is written to its own folder', async () => {
    const written = await copyModel(writeInput(), folder.at('in', 'out.onnx'));
    expect(written.dataFiles).toEqual([{ path: 'w.bin', bytes: 16, fate: 'kept' }]);
    expect(folder.list().filter((line) => line.includes('w.bin'))).toHaveLength(1);
  });

  it('takes copies along to another folder, in the same places', async () => {
    const input = writeInput(['w.bin', 'sub/v.bin']);
    mkdirSync(folder.at('out'));
    const written = await copyModel(input, folder.at('out', 'out.onnx'));
    expect(written.dataFiles.map(({ fate }) => fate)).toEqual(['copied', 'copied']);
    for (const name of ['w.bin', 'sub/v.bin']) {
      expect(new Uint8Array(readFileSync(folder.at('out', name)))).toEqual(NUMBERS);
      const [from, to] = [folder.at('in', name), folder.at('out', name)].map((path) => lstatSync(path));
      expect(to?.isSymbolicLink()).toBe(false);
      expect(to?.ino).not.toBe(from?.ino);
    }
    expect(folder.list().filter((line) => line.includes('.tmp'))).toEqual([]);
  });

  it('copies the file that a link in the folder leads to, not the link', async () => {
    const input = writeInput();
    rmSync(folder.at('in', 'w.bin'));
    folder.write('in/sub/real.bin', NUMBERS);
    symlinkSync('sub/real.bin', folder.at('in', 'w.bin'));
    mkdirSync(folder.at('out'));
    await copyModel(input, folder.at('out', 'out.onnx'));
    expect(lstatSync(folder.at('out', 'w.bin')).isFile()).toBe(true);
  });

  it('keeps a file that is the same, and wants force for another', async () => {
    const input = writeInput();
    mkdirSync(folder.at('out'));
    folder.write('out/w.bin', NUMBERS);
    const inode = statSync(folder.at('out', 'w.bin')).ino;
    expect((await copyModel(input, folder.at('out', 'a.onnx'))).dataFiles[0]?.fate).toBe('kept');
    expect(statSync(folder.at('out', 'w.bin')).ino).toBe(inode);
    folder.write(
      'out/w.bin',
      NUMBERS.map((byte) => byte ^ 1),
    );
    const before = folder.list();
    await expect(copyModel(input, folder.at('out', 'b.onnx'))).rejects.toMatchObject({
      code: 'node/output-exists',
      details: { path: expect.stringMatching(/w\.bin$/) },
    });
    expect(folder.list()).toEqual(before);
    await copyModel(input, folder.at('out', 'b.onnx'), true);
    expect(new Uint8Array(readFileSync(folder.at('out', 'w.bin')))).toEqual(NUMBERS);
  });

  it('counts a hard link to the data as the data', async () => {
    const input = writeInput();
    mkdirSync(folder.at('out'));
    linkSync(folder.at('in', 'w.bin'), folder.at('out', 'w.bin'));
    expect((await copyModel(input, folder.at('out', 'a.onnx'))).dataFiles[0]?.fate).toBe('kept');
  });

  it('is never written over its own data', async () => {
    const input = writeInput();
    const before = folder.list();
    await expect(copyModel(input, folder.at('in', 'w.bin'), true)).rejects.toMatchObject({
      code: 'node/same-file',
    });
    mkdirSync(folder.at('out'));
    await expect(copyModel(input, folder.at('out', 'w.bin'), true)).rejects.toMatchObject({
      code: 'node/same-file',
    });
    rmSync(folder.at('out'), { recursive: true });
    expect(folder.list()).toEqual(before);
  });

  it('leaves nothing in the other folder where the model cannot be written', async () => {
    const input = writeInput(['w.bin', 'sub/v.bin']);
    mkdirSync(folder.at('out'));
    const before = folder.list();
    const source = await openFile(input);
    const data = await openFolder(input);
    const options = { force: false, keep: [] };
    const files = await checkExternalData(await scanModel(source), data);
    const target = await checkTarget(folder.at('out', 'out.onnx'), options);
    const plan = await planDataFiles(files, data, target, options);
    // Somebody takes the name between the check and the write.
    folder.write('out/out.onnx', 'theirs');
    await expect(
      writeModel({ patch: patchBytes(source, []), target, options, data: { plan, folder: data } }),
    ).rejects.toMatchObject({ code: 'node/output-exists' });
    rmSync(folder.at('out', 'out.onnx'));
    await data.close();
    await source.close();
    expect(folder.list()).toEqual(before);
  });

  it('refuses data behind a link that leaves the folder, for files and for folders on the way', async () => {
    folder.write('secret.bin', NUMBERS);
    const input = writeInput();
    rmSync(folder.at('in', 'w.bin'));
    symlinkSync('../secret.bin', folder.at('in', 'w.bin'));
    await expect(copyModel(input, folder.at('in', 'out.onnx'))).rejects.toMatchObject({
      code: 'onnx/external-data-path',
      message: expect.stringMatching(/link that leaves the model's folder/),
    });
    writeFileSync(input, externalModel([{ name: 'w', location: 'up/secret.bin' }]));
    symlinkSync('..', folder.at('in', 'up'));
    await expect(copyModel(input, folder.at('in', 'out.onnx'))).rejects.toMatchObject({
      code: 'onnx/external-data-path',
    });
  });

  it('takes a model and its data that are both links into one folder, as caches of models make them', async () => {
    mkdirSync(folder.at('blobs'));
    mkdirSync(folder.at('snapshot'));
    mkdirSync(folder.at('out'));
    folder.write('blobs/1', externalModel([{ name: 'w', location: 'w.bin' }]));
    folder.write('blobs/2', NUMBERS);
    symlinkSync('../blobs/1', folder.at('snapshot', 'model.onnx'));
    symlinkSync('../blobs/2', folder.at('snapshot', 'w.bin'));
    await copyModel(folder.at('snapshot', 'model.onnx'), folder.at('out', 'out.onnx'));
    expect(lstatSync(folder.at('out', 'w.bin')).isFile()).toBe(true);
  });

  it('does not copy out of the output folder through a link in it', async () => {
    const input = writeInput(['sub/v.bin']);
    mkdirSync(folder.at('out'));
    mkdirSync(folder.at('elsewhere'));
    symlinkSync('../elsewhere', folder.at('out', 'sub'));
    await expect(copyModel(input, folder.at('out', 'out.onnx'))).rejects.toMatchObject({
      code: 'onnx/external-data-path',
    });
    expect(folder.list().filter((line) => line.startsWith(join('elsewhere', 'v')))).toEqual([]);
  });

  it('says what is missing, and refuses a folder in its place', async () => {
    const input = writeInput();
    rmSync(folder.at('in', 'w.bin'));
    await expect(copyModel(input, folder.at('in', 'out.onnx'))).rejects.toMatchObject({
      code: 'onnx/external-data-missing',
    });
    mkdirSync(folder.at('in', 'w.bin'));
    await expect(copyModel(input, folder.at('in', 'out.onnx'))).rejects.toMatchObject({
      code: 'node/not-a-file',
    });
  });
});
