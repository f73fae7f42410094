import { CHUNK, type ElementReader, elementReader } from './elements.ts';
import type { RuntimeTensor } from './runtime.ts';

/**
 * The share of predictions that agree, of two tensors of one type and shape: the largest of each row of [N, C], and of
 * the channels at each pixel of [N, C, H, W].
 *
 * Nothing is read where the two are known to be bit-exact. Null for other ranks, for C below 2, for strings and bools, and where there is no row. Of equal values the first
 * counts, and NaN counts as the largest, as in NumPy.
 */
export function argmaxAgreement(
  before: RuntimeTensor,
  after: RuntimeTensor,
  bitExact: boolean,
): number | null {
  const [samples = 0, classes = 0, height = 1, width = 1] = before.dims;
  if ((before.dims.length !== 2 && before.dims.length !== 4) || classes < 2 || before.dataType === 'bool')
    return null;
  const readBefore = elementReader(before);
  const readAfter = elementReader(after);
  const pixels = height * width;
  if (readBefore === undefined || readAfter === undefined || samples * pixels === 0) return null;
  if (bitExact) return 1;
  let agreeing = 0;
  if (before.dims.length === 2) {
    const [rowsBefore, rowsAfter] = [
      rowArgmax(readBefore, samples, classes),
      rowArgmax(readAfter, samples, classes),
    ];
    for (let row = 0; row < samples; row += 1) if (rowsBefore[row] === rowsAfter[row]) agreeing += 1;
    return agreeing / samples;
  }
  for (let sample = 0; sample < samples; sample += 1) {
    const first = sample * classes * pixels;
    const pixelsBefore = pixelArgmax(readBefore, first, classes, pixels);
    const pixelsAfter = pixelArgmax(readAfter, first, classes, pixels);
    for (let pixel = 0; pixel < pixels; pixel += 1)
      if (pixelsBefore[pixel] === pixelsAfter[pixel]) agreeing += 1;
  }
  return agreeing / (samples * pixels);
}

function rowArgmax(read: ElementReader, rows: number, classes: number): Int32Array {
  const result = new Int32Array(rows);
  const values = new Float64Array(CHUNK);
  let [row, column, best] = [0, 0, Number.NEGATIVE_INFINITY];
  for (let start = 0; start < rows * classes; start += CHUNK) {
    const count = Math.min(CHUNK, rows * classes - start);
    read(start, count, values);
    for (let i = 0; i < count; i += 1) {
      const value = values[i]!;
      if (column === 0 || beats(value, best)) {
        best = value;
        result[row] = column;
      }
      column += 1;
      if (column === classes) {
        column = 0;
        row += 1;
      }
    }
  }
  return result;
}

function pixelArgmax(read: ElementReader, first: number, classes: number, pixels: number): Int32Array {
  const result = new Int32Array(pixels);
  const best = new Float64Array(pixels);
  const values = new Float64Array(CHUNK);
  for (let channel = 0; channel < classes; channel += 1) {
    for (let start = 0; start < pixels; start += CHUNK) {
      const count = Math.min(CHUNK, pixels - start);
      read(first + channel * pixels + start, count, values);
      for (let i = 0; i < count; i += 1) {
        const value = values[i]!;
        if (channel === 0 || beats(value, best[start + i]!)) {
          best[start + i] = value;
          result[start + i] = channel;
        }
      }
    }
  }
  return result;
}

function beats(value: number, best: number): boolean {
  return value > best || (Number.isNaN(value) && !Number.isNaN(best));
}
