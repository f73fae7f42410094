import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatQuantity,
  formatShare,
  formatTable,
} from '../../src/report/format.ts';
import { renderJson } from '../../src/report/render-json.ts';

describe('numbers', () => {
  it('are written for people', () => {
    expect([0, 999, 1000, 25557032].map(formatCount)).toEqual(['0', '999', '1,000', '25,557,032']);
    expect(
      [0, 999, 1000, 9994, 9995, 99_949, 99_950, 999_499, 999_500, 4_089_184_256, -2500].map(formatQuantity),
    ).toEqual([
      '0',
      '999',
      '1.00 k',
      '9.99 k',
      '10.0 k',
      '99.9 k',
      '100 k',
      '999 k',
      '1.00 M',
      '4.09 G',
      '-2.50 k',
    ]);
    expect([0, 512, 21_200, 603_432, 102_500_000].map(formatBytes)).toEqual([
      '0 bytes',
      '512 bytes',
      '21.2 KB',
      '603 KB',
      '103 MB',
    ]);
    expect([
      formatShare(2_530_992, 25_610_152),
      formatShare(1, 1000),
      formatShare(3, 200),
      formatShare(0, 0),
    ]).toEqual(['9.9%', '0.10%', '1.5%', '0%']);
    expect([0.84, 9.96, 123.4, 3420].map(formatDuration)).toEqual(['0.8 ms', '10.0 ms', '123 ms', '3.4 s']);
  });
});

describe('formatTable', () => {
  it('lines columns up and leaves no blanks behind', () => {
    const columns = [
      { heading: 'name', align: 'left' },
      { heading: 'n', align: 'right' },
      { heading: '', align: 'left' },
    ] as const;
    expect(
      formatTable(columns, [
        ['a', '100', ''],
        ['longer', '5', 'x'],
      ]),
    ).toEqual(['name      n', 'a       100', 'longer    5  x']);
    expect(formatTable(columns, [])).toEqual([]);
  });
});

describe('renderJson', () => {
  it('is one line that steers no terminal and means the same', () => {
    const value = { name: 'a\u001b[2J\u009b\u202e\u2028\ud800', list: [1, null] };
    const text = renderJson(value);
    expect(text).toMatch(/^[\u0020-\u007e]+$/);
    expect(JSON.parse(text)).toEqual(value);
  });
});
