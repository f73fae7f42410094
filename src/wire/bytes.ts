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
const BLOCK_WORDS = 8192;

const WORD_BYTES = 8;

/** Shorter arrays are not worth the views. */
const WORDWISE = 64;

/** Where a block that does not begin at a whole word is copied to, for either side. */
let scratch: readonly [BigInt64Array, BigInt64Array] | undefined;

/** Tells whether two byte arrays are the same, length included. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let at = 0;
  // Whole files are compared with this: eight bytes at a time, whatever byte either begins at.
  if (a.length >= WORDWISE) {
    scratch ??= [new BigInt64Array(BLOCK_WORDS), new BigInt64Array(BLOCK_WORDS)];
    while (at + WORD_BYTES <= a.length) {
      const words = Math.min(BLOCK_WORDS, Math.floor((a.length - at) / WORD_BYTES));
      if (!equalWords(wordsAt(a, at, words, scratch[0]), wordsAt(b, at, words, scratch[1]))) return false;
      at += WORD_BYTES * words;
    }
  }
  for (; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function wordsAt(bytes: Uint8Array, at: number, words: number, spare: BigInt64Array): BigInt64Array {
  const offset = bytes.byteOffset + at;
  if (offset % WORD_BYTES === 0) return new BigInt64Array(bytes.buffer, offset, words);
  new Uint8Array(spare.buffer).set(bytes.subarray(at, at + WORD_BYTES * words));
  return words === BLOCK_WORDS ? spare : spare.subarray(0, words);
}

function equalWords(a: BigInt64Array, b: BigInt64Array): boolean {
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
