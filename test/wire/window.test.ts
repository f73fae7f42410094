import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { type ByteSource, memorySource } from '../../src/wire/byte-source.ts';
import { childPath, MODEL_PATH } from '../../src/wire/field-path.ts';
import { type Field, need, readFrom } from '../../src/wire/window.ts';
import { errorOf } from '../helpers/error-of.ts';
import { countingSource, scratchSource } from '../helpers/sources.ts';

const w = wireWriter();
const PATH = childPath(MODEL_PATH, 'node', 0, 7);

/** Reads all headers of a file whose fields are no messages. */
function walk(source: ByteSource): Promise<Field[]> {
  return readFrom(source, function* (window) {
    const fields: Field[] = [];
    for (let at = 0; at < source.size; at = fields.at(-1)?.end ?? source.size) {
      const request = window.header(at, source.size);
      if (request !== undefined) yield request;
      fields.push(window.field(at, source.size, PATH));
    }
    return fields;
  });
}

function walkBytes(...parts: readonly Uint8Array[]): Promise<Field[]> {
  return walk(memorySource(join(...parts)));
}

describe('SlidingWindow.field', () => {
  it('tells where each form of field lies', async () => {
    const fields = await walkBytes(w.int(1, 300), w.double(2, 1), w.text(300, 'abc'), w.float(4, 1));
    expect(fields).toEqual([
      { number: 1, wireType: 0, start: 0, lengthStart: 1, contentStart: 1, end: 3 },
      { number: 2, wireType: 1, start: 3, lengthStart: 4, contentStart: 4, end: 12 },
      { number: 300, wireType: 2, start: 12, lengthStart: 14, contentStart: 15, end: 18 },
      { number: 4, wireType: 5, start: 18, lengthStart: 19, contentStart: 19, end: 23 },
    ]);
  });

  it('takes tags and lengths of up to 5 bytes, padded or not', async () => {
    const [field] = await walkBytes(varint(0x0a, 5), varint(2, 5), Uint8Array.of(1, 2));
    expect(field).toEqual({ number: 1, wireType: 2, start: 0, lengthStart: 5, contentStart: 10, end: 12 });
    const [highest] = await walkBytes(varint(2 ** 32 - 8), Uint8Array.of(0));
    expect(highest?.number).toBe(2 ** 29 - 1);
  });

  it.each<[string, ErrorCode, Uint8Array, number]>([
    ['a tag that the message ends in', 'wire/truncated', Uint8Array.of(0x80), 0],
    ['a varint that the message ends in', 'wire/truncated', Uint8Array.of(0x08, 0x80, 0x80), 1],
    ['a length that is missing', 'wire/truncated', Uint8Array.of(0x0a), 1],
    ['a length that the message ends in', 'wire/truncated', Uint8Array.of(0x0a, 0xff), 1],
    ['a length past the end', 'wire/length-past-end', Uint8Array.of(0x0a, 3, 1, 2), 0],
    [
      'the longest length there is',
      'wire/length-past-end',
      join(Uint8Array.of(0x0a), varint(2 ** 32 - 1)),
      0,
    ],
    ['8 bytes past the end', 'wire/length-past-end', Uint8Array.of(0x09, 1, 2, 3, 4, 5, 6, 7), 0],
    ['4 bytes past the end', 'wire/length-past-end', Uint8Array.of(0x0d, 1, 2, 3), 0],
    ['field number 0', 'wire/invalid-tag', Uint8Array.of(0x00, 0), 0],
    ['a group', 'wire/unexpected-wire-type', Uint8Array.of(0x0b, 0x0c), 0],
    ['the end of a group', 'wire/unexpected-wire-type', Uint8Array.of(0x0c), 0],
    ['wire type 6', 'wire/unexpected-wire-type', Uint8Array.of(0x0e), 0],
    ['wire type 7', 'wire/unexpected-wire-type', Uint8Array.of(0x0f), 0],
    ['a tag of 6 bytes', 'wire/overlong-varint', varint(0x08, 6), 0],
    ['a tag beyond 32 bits', 'wire/overlong-varint', varint(2 ** 32 + 8), 0],
    ['a length of 6 bytes', 'wire/overlong-varint', join(Uint8Array.of(0x0a), varint(0, 6)), 1],
    ['a length beyond 32 bits', 'wire/overlong-varint', join(Uint8Array.of(0x0a), varint(2 ** 32)), 1],
    ['a number of 11 bytes', 'wire/overlong-varint', join(Uint8Array.of(0x08), varint(0, 11)), 1],
    ['a number of 100 bytes', 'wire/overlong-varint', join(Uint8Array.of(0x08), varint(0, 100)), 1],
    [
      'a number of 10 bytes without an end',
      'wire/overlong-varint',
      join(Uint8Array.of(0x08), varint(0, 11).subarray(0, 10)),
      1,
    ],
  ])('refuses %s: %s', async (_, code, bytes, offset) => {
    // The same at the start, and behind another field.
    for (const before of [new Uint8Array(0), w.text(9, 'fine')]) {
      const error = await errorOf(walkBytes(before, bytes));
      expect(error.code).toBe(code);
      expect(error.details).toEqual({ offset: before.length + offset, field: 'model.node[7]' });
      expect(error.message).toContain(`at byte ${before.length + offset}, in model.node[7]: `);
    }
  });

  it('takes a number of 10 bytes', async () => {
    const [field] = await walkBytes(Uint8Array.of(0x08), varint(5, 10));
    expect(field?.end).toBe(11);
  });
});

describe('SlidingWindow.int64', () => {
  it('reads every 64-bit number', async () => {
    const values = [0n, 1n, 127n, 128n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 53n + 1n];
    for (const value of values) {
      const read = await readFrom(memorySource(w.int(3, value)), function* (window) {
        const request = window.header(0, window.size);
        if (request !== undefined) yield request;
        return window.int64(window.field(0, window.size, PATH));
      });
      expect(read).toBe(value);
    }
  });
});

describe('readFrom', () => {
  it('reads the same of a source that keeps nothing', async () => {
    const field = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => w.int(5, value)),
      fc.uint8Array({ maxLength: 40 }).map((content) => w.text(6, content)),
      fc.double().map((value) => w.double(7, value)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(field, { maxLength: 20 }), async (fields) => {
        const bytes = join(...fields);
        const whole = await walk(memorySource(bytes));
        expect(whole.map(({ start, end }) => end - start)).toEqual(fields.map(({ length }) => length));
        expect(await walk(scratchSource(bytes))).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });

  it('passes over a payload without reading it', async () => {
    const bytes = join(w.int(1, 8), w.message(9, new Uint8Array(4_000_000)), w.int(1, 9));
    const source = countingSource(memorySource(bytes));
    expect((await walk(source)).map(({ number }) => number)).toEqual([1, 9, 1]);
    // One window at the start and one behind the payload.
    expect(source.reads).toEqual([
      [0, 256 * 1024],
      [bytes.length - 2, 2],
    ]);
  });

  it('reads what is asked for in one piece, however long', async () => {
    const bytes = Uint8Array.from({ length: 700_000 }, (_, index) => index % 251);
    const source = countingSource(memorySource(bytes));
    const read = await readFrom(source, (window) => need(window, 100, 600_000));
    expect(Buffer.compare(read, bytes.subarray(100, 600_100))).toBe(0);
    expect(source.reads).toEqual([[100, 600_000]]);
  });

  it('rejects with what the source rejects with', async () => {
    const source: ByteSource = { size: 10, read: () => Promise.reject(new TypeError('disk')) };
    await expect(walk(source)).rejects.toThrow(new TypeError('disk'));
  });
});
