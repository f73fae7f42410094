/**
 * Strings of a file, told apart by their bytes.
 *
 * A protobuf string should be UTF-8, but files with other bytes exist and load. A decoder that puts U+FFFD in their
 * place makes two names one. Here a byte that is not part of valid UTF-8 becomes the lone surrogate U+DC00 + byte,
 * which no valid UTF-8 decodes to: the mapping is one to one, and {@link encodeUtf8} gives the bytes back. (Python
 * calls this `surrogateescape`.)
 */

const ESCAPE_BASE = 0xdc00;

/** Decodes bytes to a string from which {@link encodeUtf8} makes the same bytes again, valid UTF-8 or not. */
export function decodeUtf8(bytes: Uint8Array): string {
  const units: number[] = [];
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      units.push(ESCAPE_BASE + (bytes[at] ?? 0));
      at += 1;
    } else {
      pushCodePoint(units, codePoint(bytes, at, length));
      at += length;
    }
    if (units.length > 4096) text += String.fromCharCode(...units.splice(0));
  }
  return text + String.fromCharCode(...units);
}

/** Encodes a string, turning the lone surrogates of {@link decodeUtf8} back into the bytes they stand for. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff) bytes.push(code - ESCAPE_BASE);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 63),
        0x80 | ((code >> 6) & 63),
        0x80 | (code & 63),
      );
  }
  return Uint8Array.from(bytes);
}

/** The string with every byte that was not UTF-8 shown as U+FFFD: for people, never as a key. */
export function displayText(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, '\ufffd');
}

function pushCodePoint(units: number[], code: number): void {
  if (code < 0x10000) units.push(code);
  else units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/** Length of the valid sequence at `at` (Unicode 15, table 3-7: no overlong forms, no surrogates), or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let next = at + 2; next < at + length; next += 1) {
    if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  let code = (bytes[at] ?? 0) & (length === 1 ? 0x7f : 0xff >> (length + 1));
  for (let next = at + 1; next < at + length; next += 1) code = (code << 6) | ((bytes[next] ?? 0) & 63);
  return code;
}
