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

/** Shorter arrays are not worth the two views. */
const WORDWISE = 64;

/** Tells whether two byte arrays are the same, length included. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // Whole files are compared with this: four bytes at a time where both begin at a whole word.
  if (a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0 && a.length >= WORDWISE) {
    const words = a.length >> 2;
    const [left, right] = [
      new Uint32Array(a.buffer, a.byteOffset, words),
      new Uint32Array(b.buffer, b.byteOffset, words),
    ];
    for (let at = 0; at < words; at += 1) if (left[at] !== right[at]) return false;
    return equalBytes(a.subarray(4 * words), b.subarray(4 * words));
  }
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
