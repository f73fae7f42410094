import { describe, expect, it } from 'vitest';
import { formatName } from '../../src/onnx/format-name.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';

describe('formatName', () => {
  it.each([
    ['conv1/weight:0', 'conv1/weight:0'],
    ['ä€😀', 'ä€😀'],
    ['', ''],
    ['a\u001b[2Jb', 'a\\u001b[2Jb'],
    ['two\nlines\r\t', 'two\\u000alines\\u000d\\u0009'],
    ['\u0000\u007f\u0085\u009f', '\\u0000\\u007f\\u0085\\u009f'],
    ['a\u202eb\u2066c\u2069\u200e\u200f\u2028', 'a\\u202eb\\u2066c\\u2069\\u200e\\u200f\\u2028'],
    [decodeUtf8(Uint8Array.of(0x61, 0xff)), 'a\ufffd'],
  ])('%j is shown as %j', (name, shown) => {
    expect(formatName(name)).toBe(shown);
  });

  it('cuts a very long name', () => {
    expect(formatName('x'.repeat(200))).toBe('x'.repeat(200));
    expect(formatName('x'.repeat(201))).toBe(`${'x'.repeat(200)}…`);
  });

  it('does not cut a character in two', () => {
    expect(formatName(`${'x'.repeat(199)}😀x`).isWellFormed()).toBe(true);
  });

  it('leaves no control character of any kind', () => {
    const all = String.fromCharCode(...Array.from({ length: 0x100 }, (_, code) => code));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(formatName(all)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});
