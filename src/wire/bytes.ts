/** Joins byte arrays into one. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Words that are compared at a time: two blocks of them stay in the cache. */
const BLOCK_WORDS = 4096;

/** Shorter arrays are not worth the views. */
const WORDWISE = 64;

/** Where a block that does not begin at a whole word is copied to, for either side. */
let scratch: readonly [Int32Array, Int32Array] | undefined;

/** Tells whether two byte arrays are the same, length included. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let at = 0;
  // Whole files are compared with this: four bytes at a time, whatever byte either begins at.
  if (a.length >= WORDWISE) {
    scratch ??= [new Int32Array(BLOCK_WORDS), new Int32Array(BLOCK_WORDS)];
    while (at + 4 <= a.length) {
      const words = Math.min(BLOCK_WORDS, (a.length - at) >> 2);
      if (!equalWords(wordsAt(a, at, words, scratch[0]), wordsAt(b, at, words, scratch[1]), words))
        return false;
      at += 4 * words;
    }
  }
  for (; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function wordsAt(bytes: Uint8Array, at: number, words: number, spare: Int32Array): Int32Array {
  const offset = bytes.byteOffset + at;
  if (offset % 4 === 0) return new Int32Array(bytes.buffer, offset, words);
  new Uint8Array(spare.buffer).set(bytes.subarray(at, at + 4 * words));
  return spare;
}

/** Without a branch for each word: most that is compared is the same. */
function equalWords(a: Int32Array, b: Int32Array, words: number): boolean {
  let differing = 0;
  for (let at = 0; at < words; at += 1) differing |= a[at]! ^ b[at]!;
  return differing === 0;
}
