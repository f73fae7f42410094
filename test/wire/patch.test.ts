import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { join, varint } from '../../fixtures/wire-writer.ts';
import { type ByteSource, memorySource } from '../../src/wire/byte-source.ts';
import {
  type BytePatch,
  type Edit,
  type Enclosure,
  encodeVarint,
  patchBytes,
  patchedBytes,
  patchedSource,
  varintWidth,
} from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';

const NOTHING = new Uint8Array(0);

/** A field as it is before the edit, with what the edit does to it. */
interface Item {
  /** Bytes that come in front. */
  readonly before: Uint8Array;
  /** The content: bytes, or fields. */
  readonly content: Uint8Array | readonly Item[];
  /** Width of the length prefix, where the content does not need more. */
  readonly width: number;
  /** Bytes that come at the end of the content. */
  readonly end: Uint8Array;
  readonly change: 'keep' | 'remove' | { readonly content: Uint8Array };
}

const TAG = Uint8Array.of(0x0a);

const noise = fc.uint8Array({ maxLength: 5 });
const addition = fc.oneof(
  { weight: 3, arbitrary: fc.constant(NOTHING) },
  noise,
  fc.uint8Array({ minLength: 120, maxLength: 140 }),
);
const { item } = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.record({
    before: addition,
    content: fc.oneof({ depthSize: 'medium' }, noise, fc.array(tie('item'), { maxLength: 4 })),
    width: fc.constantFrom(1, 1, 2, 5),
    end: addition,
    change: fc.oneof(
      { weight: 4, arbitrary: fc.constant('keep' as const) },
      fc.constant('remove' as const),
      addition.map((content) => ({ content })),
    ),
  }),
}));
const file = fc.array(item, { maxLength: 6 });

/** The file as it is, its edits in an order that counts only where two stand at one offset. */
function original(items: readonly Item[]): { bytes: Uint8Array; edits: Edit[] } {
  const edits: Edit[] = [];
  const bytes = write(items, undefined, 0, edits);
  return { bytes, edits };
}

function write(
  items: readonly Item[],
  parent: Enclosure | undefined,
  from: number,
  edits: Edit[],
): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = from;
  for (const { before, content, width, end, change } of items) {
    if (before.length > 0) edits.push({ within: parent, offset: at, remove: 0, insert: before });
    const length = content instanceof Uint8Array ? content.length : write(content, undefined, 0, []).length;
    const prefix = varint(length, width);
    const lengthStart = at + TAG.length;
    const contentStart = lengthStart + prefix.length;
    const field = { parent, lengthStart, contentStart, end: contentStart + length };
    const inside: Edit[] = [];
    const written = content instanceof Uint8Array ? content : write(content, field, contentStart, inside);
    if (change === 'remove')
      edits.push({ within: parent, offset: at, remove: field.end - at, insert: NOTHING });
    else if (change === 'keep') {
      edits.push(...inside);
      if (end.length > 0) edits.push({ within: field, offset: field.end, remove: 0, insert: end });
    } else edits.push({ within: field, offset: contentStart, remove: length, insert: change.content });
    parts.push(TAG, prefix, written);
    at = field.end;
  }
  return join(...parts);
}

/** The file after the edit, written from scratch. */
function rewritten(items: readonly Item[]): Uint8Array {
  return join(
    ...items.map(({ before, content, width, end, change }) => {
      if (change === 'remove') return before;
      let inner: Uint8Array;
      if (change !== 'keep') inner = change.content;
      else inner = join(content instanceof Uint8Array ? content : rewritten(content), end);
      // A prefix keeps the width that it had, which for a long content was more than was asked for.
      const had = varint(
        content instanceof Uint8Array ? content.length : original(content).bytes.length,
        width,
      ).length;
      return join(before, TAG, varint(inner.length, had), inner);
    }),
  );
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const order = [...items];
  let state = seed;
  for (let at = order.length - 1; at > 0; at -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (at + 1);
    [order[at], order[other]] = [order[other] as T, order[at] as T];
  }
  return order;
}

/** Offsets at which two edits of one message meet, whose order is theirs. */
function meets(edits: readonly Edit[]): boolean {
  const seen = new Set<string>();
  return edits.some(({ within, offset }) => {
    const key = `${within?.contentStart} ${offset}`;
    return seen.size === seen.add(key).size;
  });
}

describe('patchBytes', () => {
  it('gives what writing the edited file from scratch gives', async () => {
    await fc.assert(
      fc.asyncProperty(file, async (items) => {
        const { bytes, edits } = original(items);
        const patch = patchBytes(memorySource(bytes), edits);
        const result = await patchedBytes(patch);
        expect(result).toEqual(rewritten(items));
        expect(patch.size).toBe(result.length);
      }),
      { numRuns: 600 },
    );
  });

  it('takes edits in any order', async () => {
    await fc.assert(
      fc.asyncProperty(file, fc.nat(), async (items, seed) => {
        const { bytes, edits } = original(items);
        fc.pre(!meets(edits));
        const patch = patchBytes(memorySource(bytes), shuffled(edits, seed));
        expect(await patchedBytes(patch)).toEqual(rewritten(items));
      }),
      { numRuns: 150 },
    );
  });

  it('copies nothing: what was not edited is a range of the original', () => {
    fc.assert(
      fc.property(file, (items) => {
        const { bytes, edits } = original(items);
        const { pieces, prefixes } = patchBytes(memorySource(bytes), edits);
        const fresh = pieces.reduce(
          (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0),
          0,
        );
        const inserted = edits.reduce((sum, { insert }) => sum + insert.length, 0);
        expect(fresh).toBe(inserted + prefixes.reduce((sum, { width }) => sum + width, 0));
      }),
    );
  });

  it('gives the file itself where nothing is edited', () => {
    const source = memorySource(Uint8Array.of(1, 2, 3));
    expect(patchBytes(source, []).pieces).toEqual([{ offset: 0, length: 3 }]);
    expect(patchBytes(memorySource(NOTHING), []).pieces).toEqual([]);
  });

  const OUTER: Enclosure = { parent: undefined, lengthStart: 1, contentStart: 2, end: 6 };
  const INNER: Enclosure = { parent: OUTER, lengthStart: 3, contentStart: 4, end: 6 };
  const NESTED = Uint8Array.of(0x0a, 4, 0x0a, 2, 7, 8);
  const at = (within: Enclosure | undefined, offset: number, remove: number, ...insert: number[]): Edit => ({
    within,
    offset,
    remove,
    insert: Uint8Array.from(insert),
  });
  const patched = async (...edits: Edit[]): Promise<number[]> => [
    ...(await patchedBytes(patchBytes(memorySource(NESTED), edits))),
  ];

  it('puts edits of the inner field first where two meet, then those given first', async () => {
    expect(
      await patched(at(OUTER, 6, 0, 1), at(INNER, 6, 0, 2), at(undefined, 6, 0, 3), at(OUTER, 6, 0, 4)),
    ).toEqual([0x0a, 7, 0x0a, 3, 7, 8, 2, 1, 4, 3]);
  });

  it('takes an insertion at the place of a replacement, before or behind it', async () => {
    expect(await patched(at(INNER, 4, 0, 1), at(INNER, 4, 1, 2))).toEqual([0x0a, 5, 0x0a, 3, 1, 2, 8]);
    expect(await patched(at(INNER, 4, 1, 2), at(INNER, 4, 0, 1))).toEqual([0x0a, 5, 0x0a, 3, 2, 1, 8]);
  });

  it('widens the prefixes above an edit where the new length needs it, and no others', async () => {
    const long = Array.from({ length: 126 }, () => 9);
    const patch = patchBytes(memorySource(NESTED), [at(INNER, 6, 0, ...long)]);
    expect([...(await patchedBytes(patch)).subarray(0, 8)]).toEqual([0x0a, 0x83, 1, 0x0a, 0x80, 1, 7, 8]);
    expect(patch.prefixes).toEqual([
      { field: OUTER, length: 131, width: 2 },
      { field: INNER, length: 128, width: 2 },
    ]);
  });

  it('asks for widths in the order of the file', async () => {
    const widths: [Enclosure, number][] = [];
    const patch = patchBytes(memorySource(NESTED), [at(INNER, 4, 1)], (field, order) => {
      widths.push([field, order]);
      return 3;
    });
    expect(widths.sort(([, a], [, b]) => a - b)).toEqual([
      [OUTER, 0],
      [INNER, 1],
    ]);
    expect([...(await patchedBytes(patch))]).toEqual([0x0a, 0x85, 0x80, 0, 0x0a, 0x81, 0x80, 0, 8]);
  });

  it.each<[string, Edit[]]>([
    ['two edits that remove the same byte', [at(INNER, 4, 2), at(INNER, 5, 1, 1)]],
    ['the same removal twice', [at(INNER, 4, 1), at(INNER, 4, 1)]],
    ['an insertion inside a removal', [at(OUTER, 2, 4), at(INNER, 5, 0, 1)]],
    ['a removal past the end', [at(undefined, 4, 3)]],
    ['an insertion behind the end', [at(undefined, 7, 0, 1)]],
  ])('refuses %s', async (_, edits) => {
    const error = await errorOf(() => patchBytes(memorySource(NESTED), edits));
    expect(error.code).toBe('wire/patch-overlap');
  });

  it('refuses a message or a file over 2 GiB without touching its bytes', async () => {
    const limit = 2 ** 31 - 1;
    const huge = (size: number): ByteSource => ({ size, read: () => Promise.reject(new Error('was read')) });
    // Just under, just over: by one byte in the field, by one behind it.
    const field: Enclosure = { parent: undefined, lengthStart: 1, contentStart: 6, end: limit - 10 };
    expect(patchBytes(huge(limit - 10), [at(field, 6, 0, 1, 2, 3)]).size).toBe(limit - 7);
    for (const [size, edits] of [
      [limit, [at(undefined, limit, 0, 1)]],
      [limit, [at({ ...field, end: limit }, 6, 0, 1, 2, 3, 4, 5, 6, 7)]],
    ] as const) {
      const error = await errorOf(() => patchBytes(huge(size), edits));
      expect(error.code).toBe('splice/result-too-large');
      expect(error.details).toEqual({ bytes: limit + 1, limit });
    }
  });
});

describe('patchedSource', () => {
  async function same(patch: BytePatch, ranges: readonly (readonly [number, number])[]): Promise<void> {
    const bytes = await patchedBytes(patch);
    const source = patchedSource(patch);
    expect(source.size).toBe(bytes.length);
    for (const [a, b] of ranges) {
      const from = a % (bytes.length + 1);
      const length = b % (bytes.length - from + 1);
      expect([...(await source.read(from, length))]).toEqual([...bytes.subarray(from, from + length)]);
    }
  }

  it('reads every range as the patched bytes have it', async () => {
    const ranges = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 10, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(file, ranges, async (items, asked) => {
        const { bytes, edits } = original(items);
        await same(patchBytes(memorySource(bytes), edits), asked);
      }),
      { numRuns: 150 },
    );
  });

  it('refuses a range that leaves it', async () => {
    const source = patchedSource(
      patchBytes(memorySource(Uint8Array.of(1)), [
        { within: undefined, offset: 1, remove: 0, insert: Uint8Array.of(2) },
      ]),
    );
    expect((await errorOf(source.read(1, 2))).code).toBe('wire/truncated');
  });
});

describe('encodeVarint', () => {
  it('writes what an independent writer writes, at any width', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.integer({ min: 1, max: 5 }), (value, width) => {
        expect(encodeVarint(value, width)).toEqual(varint(value, width));
        expect(varintWidth(value)).toBe(varint(value).length);
      }),
    );
    for (const value of [0, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 28, 2 ** 31 - 1]) {
      expect(encodeVarint(value)).toEqual(varint(value));
    }
  });
});
