import { execFile } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/node/file-source.ts';
import { checkTarget } from '../../src/node/output-target.ts';
import { stageCopy, stageFile } from '../../src/node/staged-file.ts';
import { testFolder, unprivileged } from '../helpers/folder.ts';

const folder = testFolder();
const FREE = { force: false, keep: [] };
const FORCE = { force: true, keep: [] };

describe('stageFile', () => {
  it('shows the file under its name in one step', async () => {
    const target = await checkTarget(folder.at('out'), FREE);
    const staged = await stageFile(target, FREE, async (file) => {
      await file.writeFile('new');
    });
    expect(readdirSync(folder.at('.'))).toEqual([expect.stringMatching(/^\.se-inject-[0-9a-f]{24}\.tmp$/)]);
    await staged.commit();
    expect(folder.list()).toEqual(['out 3 bytes 6e6577']);
    expect(statSync(folder.at('out')).nlink).toBe(1);
  });

  it('replaces a file when forced, and keeps its permissions', async () => {
    chmodSync(folder.write('out', 'old'), 0o604);
    const target = await checkTarget(folder.at('out'), FORCE);
    await (await stageFile(target, FORCE, (file) => file.writeFile('new'))).commit();
    expect(folder.list()).toEqual(['out 3 bytes 6e6577']);
    expect(statSync(folder.at('out')).mode & 0o777).toBe(0o604);
  });

  it('does not replace a file that appeared meanwhile', async () => {
    const target = await checkTarget(folder.at('out'), FREE);
    const staged = await stageFile(target, FREE, (file) => file.writeFile('new'));
    folder.write('out', 'theirs');
    await expect(staged.commit()).rejects.toMatchObject({ code: 'node/output-exists' });
    await staged.undo();
    expect(folder.list()).toEqual(['out 6 bytes 746865697273']);
  });

  it.each(['EPERM', 'ENOTSUP'])('does without hard links (%s), and still replaces nothing', async (code) => {
    const system = { link: () => Promise.reject(Object.assign(new Error('no links'), { code })) };
    const target = await checkTarget(folder.at('out'), FREE);
    const write = (file: { writeFile(text: string): Promise<void> }) => file.writeFile('new');
    const first = await stageFile(target, FREE, write, system);
    const second = await stageFile(target, FREE, write, system);
    await first.commit();
    await expect(second.commit()).rejects.toMatchObject({ code: 'node/output-exists' });
    await second.undo();
    expect(folder.list()).toEqual(['out 3 bytes 6e6577']);
  });

  it('does not replace, even when forced, what has become the input meanwhile', async () => {
    const input = folder.write('in', 'model');
    const source = await openFile(input);
    const options = { force: true, keep: [source.identity] };
    const target = await checkTarget(folder.at('out'), options);
    const staged = await stageFile(target, options, (file) => file.writeFile('new'));
    linkSync(input, folder.at('out'));
    await expect(staged.commit()).rejects.toMatchObject({ code: 'node/same-file' });
    await staged.undo();
    await source.close();
    expect(folder.list()).toEqual(['in 5 bytes 6d6f64656c', 'out 5 bytes 6d6f64656c']);
  });

  it('leaves nothing where writing fails, and says why', async () => {
    const target = await checkTarget(folder.at('out'), FREE);
    const full = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
    await expect(stageFile(target, FREE, full)).rejects.toMatchObject({
      code: 'node/io',
      message: `cannot write "${folder.at('out')}": the disk is full: free space or choose another folder`,
    });
    expect(folder.list()).toEqual([]);
  });

  it('says that a folder may not be written to', async () => {
    mkdirSync(folder.at('locked'));
    chmodSync(folder.at('.'), 0o755);
    chmodSync(folder.at('locked'), 0o555);
    const target = await checkTarget(folder.at('locked', 'out'), FREE);
    await expect(
      unprivileged(() => stageFile(target, FREE, (file) => file.writeFile('new'))),
    ).rejects.toMatchObject({ code: 'node/io', message: expect.stringMatching(/permission denied/) });
  });

  it('can take a committed file away again, unless it took the place of another', async () => {
    const write = (file: { writeFile(text: string): Promise<void> }) => file.writeFile('new');
    folder.write('old', 'old');
    const fresh = await stageFile(await checkTarget(folder.at('fresh'), FREE), FREE, write);
    const replacing = await stageFile(await checkTarget(folder.at('old'), FORCE), FORCE, write);
    for (const file of [fresh, replacing]) {
      await file.commit();
      await file.undo();
    }
    expect(folder.list()).toEqual(['old 3 bytes 6e6577']);
  });

  it.each(['SIGINT', 'SIGTERM', 'exit'] as const)('removes its temporary file on %s', async (end) => {
    const stagedFile = new URL('../../src/node/staged-file.ts', import.meta.url).href;
    const loader = new URL('../helpers/ts-loader.mjs', import.meta.url).href;
    const script = `
      const { stageFile } = await import(${JSON.stringify(stagedFile)});
      const folder = process.argv[1];
      const target = { shown: 'out', path: folder + '/out', folder, mode: undefined };
      await stageFile(target, { force: false, keep: [] }, async () => {
        (await import('node:fs')).writeFileSync(folder + '/seen', String((await import('node:fs')).readdirSync(folder).length));
        ${end === 'exit' ? 'process.exit(3)' : `process.kill(process.pid, '${end}')`};
        await new Promise((resolve) => setTimeout(resolve, 5000));
      });`;
    const child = promisify(execFile)(process.execPath, [
      '--import',
      loader,
      '--input-type=module',
      '-e',
      script,
      folder.at('.'),
    ]);
    await expect(child).rejects.toMatchObject(
      end === 'exit' ? { code: 3, signal: null } : { code: null, signal: end },
    );
    // It was there, and is not any more.
    expect(folder.list()).toEqual(['seen 1 bytes 31']);
  });
});

describe('stageCopy', () => {
  it('copies, and never links', async () => {
    const original = folder.write('data', 'numbers');
    const target = await checkTarget(folder.at('copy'), FREE);
    await (await stageCopy(original, target, FREE)).commit();
    writeFileSync(original, 'changed');
    expect(folder.list()).toEqual(['copy 7 bytes 6e756d62657273', 'data 7 bytes 6368616e676564']);
  });
});
