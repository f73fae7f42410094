import type { RandomStream } from '../blocks/random.ts';
import { toFloat16 } from '../onnx/half.ts';
import type { RuntimeDataType, RuntimeTensor } from './runtime.ts';

/**
 * How the numbers of made inputs are spread: `normal` is what a network sees after the mean and standard deviation of
 * its training images are taken out, `unit` images in 0 to 1, `byte` images in 0 to 255.
 */
export type InputRegime = 'normal' | 'unit' | 'byte' | 'zeros';

/** Cells along each side of the coarse grid that gives an image its structure. */
const CELLS = 8;

/** Made indices stay below this, since the smallest tables that are indexed are small. */
const IDS = 10;

/** Makes the elements of an input. Names tell masks, which are 1, and segments, which are 0, from indices. */
export function makeTensor(
  name: string,
  dataType: RuntimeDataType,
  dims: readonly number[],
  regime: InputRegime,
  stream: RandomStream,
): RuntimeTensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const zeros = regime === 'zeros';
  switch (dataType) {
    case 'float32':
      return { dataType, dims, data: new Float32Array(floats(dims, size, regime, stream)) };
    case 'float64':
      return { dataType, dims, data: floats(dims, size, regime, stream) };
    case 'float16':
      return { dataType, dims, data: Uint16Array.from(floats(dims, size, regime, stream), toFloat16) };
    case 'uint8':
      return { dataType, dims, data: Uint8Array.from(floats(dims, size, zeros ? regime : 'byte', stream)) };
    case 'int8': {
      const bytes = floats(dims, size, zeros ? regime : 'byte', stream);
      return { dataType, dims, data: Int8Array.from(bytes, (byte) => (zeros ? 0 : byte - 128)) };
    }
    case 'bool':
      return { dataType, dims, data: fill(new Uint8Array(size), () => (stream.uniform() < 0.5 ? 0 : 1)) };
    case 'string': {
      const word = (): string => (zeros ? '' : String.fromCharCode(97 + Math.floor(stream.uniform() * IDS)));
      return { dataType, dims, data: Array.from({ length: size }, word) };
    }
    case 'int64':
      return { dataType, dims, data: BigInt64Array.from(ids(), BigInt) };
    case 'uint64':
      return { dataType, dims, data: BigUint64Array.from(ids(), BigInt) };
    case 'int32':
      return { dataType, dims, data: Int32Array.from(ids()) };
    case 'uint32':
      return { dataType, dims, data: Uint32Array.from(ids()) };
    case 'int16':
      return { dataType, dims, data: Int16Array.from(ids()) };
    case 'uint16':
      return { dataType, dims, data: Uint16Array.from(ids()) };
  }

  function ids(): Uint8Array {
    const values = new Uint8Array(size);
    if (zeros || /segment|token_type/i.test(name)) return values;
    if (/mask/i.test(name)) return values.fill(1);
    return fill(values, () => Math.floor(stream.uniform() * IDS));
  }
}

function fill<T extends Uint8Array | Float64Array>(target: T, next: () => number): T {
  for (let i = 0; i < target.length; i += 1) target[i] = next();
  return target;
}

function floats(
  dims: readonly number[],
  size: number,
  regime: InputRegime,
  stream: RandomStream,
): Float64Array {
  const values = new Float64Array(size);
  if (regime === 'zeros') return values;
  const draw =
    regime === 'normal'
      ? (out: Float64Array): void => stream.fillNormal(out, 1)
      : (out: Float64Array): void => void fill(out, stream.uniform);
  const layout = imageLayout(dims);
  if (layout === undefined) draw(values);
  else fillImages(values, layout, regime === 'normal', draw);
  if (regime === 'byte') for (let i = 0; i < size; i += 1) values[i] = Math.floor(values[i]! * 256);
  return values;
}

/** Where the pixels of images lie: the distance from one channel to the next and from one pixel to the next. */
interface ImageLayout {
  readonly samples: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly channelStep: number;
  readonly pixelStep: number;
}

/** The layout of a tensor that has the shape of images, channels first or last. */
function imageLayout(dims: readonly number[]): ImageLayout | undefined {
  const [samples = 0, second = 0, third = 0, fourth = 0] = dims;
  if (dims.length !== 4) return undefined;
  const isImage = (channels: number, height: number, width: number): boolean =>
    [1, 3, 4].includes(channels) && Math.min(height, width) >= CELLS;
  if (isImage(second, third, fourth))
    return {
      samples,
      channels: second,
      height: third,
      width: fourth,
      channelStep: third * fourth,
      pixelStep: 1,
    };
  if (isImage(fourth, second, third))
    return {
      samples,
      channels: fourth,
      height: second,
      width: third,
      channelStep: 1,
      pixelStep: fourth,
    };
  return undefined;
}

/**
 * Fills images with a coarse grid, smoothed, and noise upon it. White noise alone looks the same everywhere to a pooling
 * layer. Of normal draws the sum is of variance 1 on average; of uniform ones it stays in their range.
 */
function fillImages(
  values: Float64Array,
  layout: ImageLayout,
  normal: boolean,
  draw: (out: Float64Array) => void,
): void {
  const { samples, channels, height, width, channelStep, pixelStep } = layout;
  // A point between four draws has 4/9 of their variance on average: (3/2)² × 0.8² × 4/9 + 0.6² = 1.
  const [smooth, rough] = normal ? [1.2, 0.6] : [0.75, 0.25];
  const knots = new Float64Array((CELLS + 1) ** 2);
  const noise = new Float64Array(height * width);
  for (let plane = 0; plane < samples * channels; plane += 1) {
    draw(knots);
    draw(noise);
    const sample = Math.floor(plane / channels);
    const first = sample * channels * height * width + (plane % channels) * channelStep;
    for (let row = 0; row < height; row += 1) {
      const y = (row * CELLS) / height;
      for (let column = 0; column < width; column += 1) {
        const coarse = between(knots, y, (column * CELLS) / width);
        values[first + (row * width + column) * pixelStep] =
          smooth * coarse + rough * noise[row * width + column]!;
      }
    }
  }
}

/** The value at a point of the grid, linear between the knots along both axes. */
function between(knots: Float64Array, y: number, x: number): number {
  const [row, column] = [Math.floor(y), Math.floor(x)];
  const at = row * (CELLS + 1) + column;
  const right = x - column;
  const upper = knots[at]! * (1 - right) + knots[at + 1]! * right;
  const lower = knots[at + CELLS + 1]! * (1 - right) + knots[at + CELLS + 2]! * right;
  return upper * (1 - (y - row)) + lower * (y - row);
}
