import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, linkSync, symlinkSync, truncateSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/node/file-source.ts';
import { testFolder, unprivileged } from '../helpers/folder.ts';

const folder = testFolder();

describe('openFile', () => {
  it('reads at any place', async () => {
    const source = await openFile(folder.write('a', 'hello'));
    expect(source.size).toBe(5);
    expect(await source.read(1, 3)).toEqual(new TextEncoder().encode('ell'));
    expect(await source.read(5, 0)).toEqual(new Uint8Array(0));
    const target = new Uint8Array(2);
    await source.fill(target, 3);
    expect(target).toEqual(new TextEncoder().encode('lo'));
    await source.close();
  });

  it('gives arrays whose slice is a copy, which a Buffer’s is not', async () => {
    const source = await openFile(folder.write('a', 'hello'));
    const bytes = await source.read(0, 5);
    bytes.slice(0, 1)[0] = 0;
    expect(bytes[0]).toBe('h'.charCodeAt(0));
    expect(bytes.constructor).toBe(Uint8Array);
    await source.close();
  });

  it('refuses a range outside of the file', async () => {
    const source = await openFile(folder.write('a', 'hello'));
    await expect(source.read(3, 3)).rejects.toMatchObject({ code: 'wire/truncated' });
    await source.close();
  });

  it('knows one file under several names', async () => {
    const path = folder.write('a', 'hello');
    linkSync(path, folder.at('hard'));
    symlinkSync('a', folder.at('soft'));
    const sources = await Promise.all(['a', 'hard', 'soft'].map((name) => openFile(folder.at(name))));
    const other = await openFile(folder.write('b', 'hello'));
    const identities = sources.map(({ identity }) => `${identity.dev} ${identity.ino}`);
    expect(new Set(identities).size).toBe(1);
    expect(other.identity).not.toEqual(sources[0]?.identity);
    for (const source of [...sources, other]) await source.close();
  });

  it.each<[string, () => void, RegExp]>([
    ['a folder', () => folder.write('x', ''), /is a folder, no regular file/],
    ['a FIFO', () => execFileSync('mkfifo', [folder.at('fifo')]), /is a FIFO, no regular file/],
  ])('refuses %s without waiting for it', async (what, make, message) => {
    make();
    const path = what === 'a FIFO' ? folder.at('fifo') : folder.at('.');
    await expect(openFile(path)).rejects.toMatchObject({
      code: 'node/not-a-file',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a device and a socket', async () => {
    await expect(openFile('/dev/null')).rejects.toMatchObject({ code: 'node/not-a-file' });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(folder.at('socket'), resolve));
    await expect(openFile(folder.at('socket'))).rejects.toMatchObject({ code: 'node/not-a-file' });
    await new Promise((resolve) => server.close(resolve));
  });

  it('says which path has nothing, its control characters escaped', async () => {
    const path = folder.at('no\u001b[2Jne');
    await expect(openFile(path)).rejects.toMatchObject({
      code: 'node/not-found',
      message: `cannot read "${folder.at('no')}\\u001b[2Jne": there is no such file or folder`,
    });
  });

  it('says that a file may not be read', async () => {
    const path = folder.write('a', 'hello');
    chmodSync(path, 0);
    await expect(unprivileged(() => openFile(path))).rejects.toMatchObject({ code: 'node/io' });
  });

  it('notices that the file became shorter', async () => {
    const path = folder.write('a', 'hello');
    const source = await openFile(path);
    truncateSync(path, 2);
    await expect(source.read(0, 5)).rejects.toMatchObject({ code: 'node/file-changed' });
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'node/file-changed' });
    await source.close();
  });

  it('notices that the file became longer, or was written to', async () => {
    const path = folder.write('a', 'hello');
    const source = await openFile(path);
    await source.assertUnchanged();
    appendFileSync(path, '!');
    await expect(source.assertUnchanged()).rejects.toThrow(/it had 5 bytes and now has 6/);
    truncateSync(path, 5);
    utimesSync(path, 1, 1);
    await expect(source.assertUnchanged()).rejects.toThrow(/it was written to/);
    await source.close();
  });
});
