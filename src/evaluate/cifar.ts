import { arraySample, truncated } from './array-dataset.ts';
import type { ByteStream } from './rows.ts';
import type { DataFault, Dataset, Sample } from './sample.ts';

/** Bytes of a picture: 32 x 32 in three planes, red, green, blue. */
const PIXELS = 3072;

/** Label bytes before each picture: CIFAR-100 has a coarse one and a fine one. */
const LABEL_BYTES = { cifar10: 1, cifar100: 2 } as const;

/** A batch file of CIFAR, whose size says how many pictures it holds. */
export interface CifarFile extends ByteStream {
  readonly size: number;
}

/**
 * Tells which CIFAR a file is by its size and its first bytes, or nothing where it is none: every record begins with a
 * label below 10, or with one below 20 and one below 100.
 */
export function cifarKind(head: Uint8Array, size: number): 'cifar10' | 'cifar100' | undefined {
  const fits = (kind: 'cifar10' | 'cifar100'): boolean => {
    const record = LABEL_BYTES[kind] + PIXELS;
    if (size === 0 || size % record !== 0) return false;
    for (let at = 0; at + 1 < head.length; at += record) {
      const [first = 0, second = 0] = [head[at], head[at + 1]];
      if (kind === 'cifar10' ? first > 9 : first > 19 || second > 99) return false;
    }
    return true;
  };
  // A multiple of both sizes is beyond nine million bytes, and then the labels decide.
  return fits('cifar10') ? 'cifar10' : fits('cifar100') ? 'cifar100' : undefined;
}

/**
 * CIFAR-10 or CIFAR-100 in its binary version, one file after another; of CIFAR-100 the fine labels.
 *
 * @example
 * ```ts
 * const dataset = cifarDataset('cifar10', 'data', [testBatch], ['airplane', ...]);
 * ```
 */
export function cifarDataset(
  format: 'cifar10' | 'cifar100',
  path: string,
  files: readonly CifarFile[],
  classNames: readonly string[] | undefined,
  notes: readonly string[] = [],
): Dataset {
  const record = LABEL_BYTES[format] + PIXELS;
  const counts = files.map(({ size }) => Math.ceil(size / record));
  const size = counts.reduce((sum, count) => sum + count, 0);
  return { format, path, classNames, size, notes, walk };

  async function* walk(): AsyncGenerator<Sample | DataFault> {
    for (const [index, file] of files.entries()) {
      let row = 0;
      for await (const bytes of recordsOf(file, record)) {
        const label = bytes[LABEL_BYTES[format] - 1] ?? 0;
        const data = bytes.subarray(LABEL_BYTES[format]);
        const name = files.length === 1 ? `#${row}` : `${file.path}#${row}`;
        yield arraySample(name, label, { dataType: 'uint8', dims: [3, 32, 32], data }, 'chw');
        row += 1;
      }
      const expected = counts[index] ?? 0;
      if (row < expected) yield truncated(file.path, row, expected);
    }
  }
}

/** Records of a fixed size, each a copy. */
async function* recordsOf(stream: ByteStream, length: number): AsyncGenerator<Uint8Array> {
  let record = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of stream.open()) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + length - filled);
      record.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < length) continue;
      yield record;
      record = new Uint8Array(length);
      filled = 0;
    }
  }
}
