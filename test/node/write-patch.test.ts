import { appendFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/node/file-source.ts';
import { streamPatch, writePatch } from '../../src/node/write-patch.ts';
import { type ByteSource, memorySource } from '../../src/wire/byte-source.ts';
import { type BytePatch, type Edit, patchBytes, patchedBytes } from '../../src/wire/patch.ts';
import { testFolder } from '../helpers/folder.ts';

const folder = testFolder();

/** Bytes that differ from place to place, so that a chunk in the wrong place shows. */
function numbered(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = Math.imul(at, 2654435761);
  return new Uint8Array(words.buffer, 0, length);
}

function insertions(size: number, count: number): Edit[] {
  return Array.from({ length: count }, (_, index) => ({
    within: undefined,
    offset: Math.floor((size * index) / count),
    remove: index % 3,
    insert: new Uint8Array(index * 7).fill(index),
  }));
}

const SIZES = [0, 1, 1000, 4 * 1024 * 1024, 13 * 1024 * 1024 + 5];

describe('writePatch', () => {
  it.each(SIZES)('writes what the patch says, from a file of %i bytes', async (size) => {
    const source = await openFile(folder.write('in', numbered(size)));
    const patch = patchBytes(source, size === 0 ? [] : insertions(size, Math.min(size, 40)));
    const file = await open(folder.at('out'), 'wx');
    const timings = await writePatch(patch, file);
    await file.close();
    expect(Buffer.compare(folder.read('out'), await patchedBytes(patch))).toBe(0);
    expect(patch.size).toBe(folder.read('out').length);
    expect(timings.writeMs).toBeGreaterThan(0);
    expect(timings.syncMs).toBeGreaterThan(0);
    await source.close();
  });

  it('writes from memory as well', async () => {
    const patch = patchBytes(memorySource(numbered(5000)), insertions(5000, 9));
    const file = await open(folder.at('out'), 'wx');
    await writePatch(patch, file);
    await file.close();
    expect(Buffer.compare(folder.read('out'), await patchedBytes(patch))).toBe(0);
  });

  it('reads short ranges together', async () => {
    const bytes = numbered(200_000);
    const inner = memorySource(bytes);
    let reads = 0;
    const source: ByteSource = {
      size: inner.size,
      read: (offset, length) => {
        reads += 1;
        return inner.read(offset, length);
      },
    };
    const patch = patchBytes(source, insertions(bytes.length, 1000));
    const file = await open(folder.at('out'), 'wx');
    await writePatch(patch, file);
    await file.close();
    expect(reads).toBeLessThan(6);
    expect(Buffer.compare(folder.read('out'), await patchedBytes(patch))).toBe(0);
  });

  it('gives up where the original changes under it', async () => {
    const path = folder.write('in', numbered(1000));
    const source = await openFile(path);
    const patch = patchBytes(source, insertions(1000, 3));
    appendFileSync(path, 'x');
    const file = await open(folder.at('out'), 'wx');
    await expect(writePatch(patch, file)).rejects.toMatchObject({ code: 'node/file-changed' });
    await file.close();
    await source.close();
  });

  it('passes on what the disk says, once no step is under way any more', async () => {
    const patch = patchBytes(memorySource(numbered(13_000_000)), []);
    const file = await open(folder.write('out', ''), 'r');
    await expect(writePatch(patch, file)).rejects.toMatchObject({ code: 'EBADF' });
    await file.close();
  });
});

describe('streamPatch', () => {
  it.each(SIZES)('writes %i bytes to a slow reader', async (size) => {
    const patch = patchBytes(memorySource(numbered(size)), insertions(size, Math.min(size, 10)));
    const stream = new PassThrough();
    const chunks: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of stream) {
        chunks.push(Buffer.from(chunk));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    const listeners = stream.listenerCount('error');
    await streamPatch(patch, stream);
    expect(stream.listenerCount('error')).toBe(listeners);
    stream.end();
    await reading;
    expect(Buffer.compare(Buffer.concat(chunks), await patchedBytes(patch))).toBe(0);
  });

  it('says that the reader has gone', async () => {
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const patch: BytePatch = patchBytes(memorySource(numbered(10)), []);
    await expect(streamPatch(patch, stream)).rejects.toMatchObject({
      code: 'node/io',
      message: 'cannot write to "stdout": the reader has gone',
    });
  });
});
