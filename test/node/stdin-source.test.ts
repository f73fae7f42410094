import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { streamSource } from '../../src/node/stdin-source.ts';

describe('streamSource', () => {
  it('reads across the chunks in which the bytes came', async () => {
    const source = await streamSource(Readable.from([Buffer.from('he'), Buffer.from('l'), 'lo']));
    expect(source.size).toBe(5);
    expect(await source.read(1, 3)).toEqual(new TextEncoder().encode('ell'));
    const whole = await source.read(0, 2);
    whole.slice()[0] = 0;
    expect(whole[0]).toBe('h'.charCodeAt(0));
  });

  it('takes nothing for an empty file', async () => {
    expect((await streamSource(Readable.from([]))).size).toBe(0);
  });

  it('stops at the limit, without waiting for the end', async () => {
    const endless = Readable.from(
      (async function* () {
        for (;;) yield Buffer.alloc(4);
      })(),
    );
    await expect(streamSource(endless, 10)).rejects.toMatchObject({ code: 'wire/too-large' });
  });
});
