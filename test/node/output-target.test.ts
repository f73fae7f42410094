import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/node/file-source.ts';
import { checkTarget } from '../../src/node/output-target.ts';
import { testFolder } from '../helpers/folder.ts';

const folder = testFolder();
const FREE = { force: false, keep: [] };
const FORCE = { force: true, keep: [] };

describe('checkTarget', () => {
  it('takes a new file in a folder that is there', async () => {
    mkdirSync(folder.at('real'));
    symlinkSync('real', folder.at('alias'));
    const target = await checkTarget(folder.at('alias', 'out.onnx'), FREE);
    const real = realpathSync(folder.at('real'));
    expect(target).toEqual({
      shown: folder.at('alias', 'out.onnx'),
      path: `${real}/out.onnx`,
      folder: real,
      mode: undefined,
    });
  });

  it('refuses a file that is there, unless forced', async () => {
    const path = folder.write('out.onnx', 'old');
    chmodSync(path, 0o640);
    await expect(checkTarget(path, FREE)).rejects.toMatchObject({
      code: 'node/output-exists',
      message: `"${path}" exists: use --force to replace it, or -o to write elsewhere`,
    });
    expect((await checkTarget(path, FORCE)).mode).toBe(0o640);
  });

  it('follows a link to a file', async () => {
    mkdirSync(folder.at('there'));
    folder.write('there/old.onnx', 'old');
    symlinkSync('there/old.onnx', folder.at('link.onnx'));
    const target = await checkTarget(folder.at('link.onnx'), FORCE);
    expect(target.path).toBe(realpathSync(folder.at('there', 'old.onnx')));
  });

  it('refuses a link to nothing, forced or not', async () => {
    symlinkSync('nothing', folder.at('link.onnx'));
    for (const options of [FREE, FORCE]) {
      await expect(checkTarget(folder.at('link.onnx'), options)).rejects.toThrow(
        /is a link to a file that does not exist/,
      );
    }
  });

  it('never takes what is to be kept, under whatever name', async () => {
    const path = folder.write('in.onnx', 'model');
    linkSync(path, folder.at('hard.onnx'));
    symlinkSync('in.onnx', folder.at('soft.onnx'));
    symlinkSync('.', folder.at('here'));
    const source = await openFile(path);
    for (const name of ['in.onnx', 'hard.onnx', 'soft.onnx', 'here/in.onnx', './here/../in.onnx']) {
      await expect(
        checkTarget(folder.at(name), { force: true, keep: [source.identity] }),
      ).rejects.toMatchObject({ code: 'node/same-file' });
    }
    await source.close();
  });

  it.each(['folder', 'folder/', 'new/', 'fifo', '/dev/null'])('refuses %s', async (name) => {
    mkdirSync(folder.at('folder'));
    execFileSync('mkfifo', [folder.at('fifo')]);
    const path = name.startsWith('/') ? name : `${folder.at('.')}/${name}`;
    await expect(checkTarget(path, FORCE)).rejects.toMatchObject({ code: 'node/not-a-file' });
  });

  it('says which folder is missing', async () => {
    await expect(checkTarget(folder.at('no', 'out.onnx'), FREE)).rejects.toMatchObject({
      code: 'node/not-found',
      message: `cannot write "${folder.at('no', 'out.onnx')}": the folder "${folder.at('no')}" does not exist, create it first`,
    });
  });

  it('says that a part of the path is a file', async () => {
    folder.write('file', '');
    await expect(checkTarget(folder.at('file', 'out.onnx'), FREE)).rejects.toMatchObject({
      code: 'node/not-found',
    });
  });
});
