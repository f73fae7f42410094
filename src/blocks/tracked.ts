/**
 * Float64 numbers that know how far a computation in another type may be off them: what the references of the blocks
 * are written in.
 *
 * A bound counts roundings: it is in units of the unit roundoff u of that other type. A sum of n
 * terms may lose n roundings of the sum of their magnitudes, in whatever order it is taken. It is infinite, or no number,
 * where something on the way is more than float32 holds, or may be a division by 0.
 */
import type { BlockSite, Features, ReferenceResult } from './block.ts';

/** Numbers for samples, channels and positions, any of which may be 1, with the bound of each. */
export interface Tracked {
  readonly dims: readonly [samples: number, channels: number, positions: number];
  readonly data: Float64Array;
  readonly bound: Float64Array;
  /** Set where all bounds are 0: there are millions of features, and nobody needs as many zeros for them. */
  readonly exact?: true;
}

/** The largest number of float32: blocks compute in it, or in what holds less. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * u of float32, for what errors do to each other: the square of a number that is nothing but an error (a constant map less
 * its mean) has no error to the first order.
 */
const U = 2 ** -24;

/** A function of one number: the steepest slope it has, and the roundings that computing it takes. */
export interface Curve {
  readonly of: (x: number) => number;
  readonly slope: number;
  /** Roundings of the function's value. */
  readonly relative?: number;
  /** Roundings of 1. */
  readonly absolute?: number;
}

/** The features by sample, channel and position, in whatever order they are stored. */
export function readFeatures({ data, dims }: Features, site: BlockSite): Tracked {
  const [samples = 1] = dims;
  const { channels } = site;
  const positions = data.length / Math.max(1, samples * channels);
  const inOrder = site.channelAxis === 1 ? data : swap(data, samples, positions, channels);
  return exactly([samples, channels, positions], inOrder);
}

/** Numbers that are off by nothing; the zeros are made when somebody asks for them. */
function exactly(dims: Tracked['dims'], data: Float64Array): Tracked {
  let bound: Float64Array | undefined;
  return {
    dims,
    data,
    exact: true,
    get bound() {
      bound ??= new Float64Array(data.length);
      return bound;
    },
  };
}

/** The weight with one number for each channel. */
export function perChannel(weights: ReadonlyMap<string, Float64Array>, name: string): Tracked {
  const data = weights.get(name) ?? new Float64Array(0);
  return exactly([1, data.length, 1], data);
}

/** A number that the block has as a constant: it is rounded where it is stored, coarsely where it is tiny. */
export function constant(value: number): Tracked {
  return { dims: [1, 1, 1], data: Float64Array.of(value), bound: Float64Array.of(8 * Math.abs(value)) };
}

/** a + b, with broadcasting. */
export function add(a: Tracked, b: Tracked): Tracked {
  return combine(
    a,
    b,
    (x, y) => x + y,
    (x, y, ex, ey) => ex + ey + Math.abs(x + y),
  );
}

/** a - b, with broadcasting. */
export function subtract(a: Tracked, b: Tracked): Tracked {
  return combine(
    a,
    b,
    (x, y) => x - y,
    (x, y, ex, ey) => ex + ey + Math.abs(x - y),
  );
}

/** a * b, with broadcasting. */
export function multiply(a: Tracked, b: Tracked): Tracked {
  return combine(
    a,
    b,
    (x, y) => x * y,
    (x, y, ex, ey) => Math.abs(x) * ey + Math.abs(y) * ex + ex * ey * U + Math.abs(x * y),
  );
}

/** a / b, with broadcasting; a GPU's division takes some roundings. */
export function divide(a: Tracked, b: Tracked): Tracked {
  return combine(
    a,
    b,
    (x, y) => x / y,
    (x, y, ex, ey) => {
      // What may be divided by 0 may be anything.
      const least = Math.abs(y) - ey * U;
      return least > 0 ? (ex + Math.abs(x / y) * ey) / least + 4 * Math.abs(x / y) : Number.POSITIVE_INFINITY;
    },
  );
}

/** A function of each number. */
export function apply(a: Tracked, { of, slope, relative = 0, absolute = 0 }: Curve): Tracked {
  const data = a.data.map(of);
  const bound = a.bound.map((error, at) => slope * error + relative * Math.abs(data[at] ?? 0) + absolute);
  return { dims: a.dims, data, bound };
}

/** The root of each number, all of which must be above 0. */
export function squareRoot(a: Tracked): Tracked {
  const data = a.data.map(Math.sqrt);
  const bound = a.bound.map((error, at) => {
    const root = data[at] ?? 0;
    const least = Math.sqrt(Math.max(0, (a.data[at] ?? 0) - error * U));
    return error / (root + least) + 4 * root;
  });
  return { dims: a.dims, data, bound };
}

/** The sum, mean or maximum over all channels or all positions. */
export function reduce(a: Tracked, kind: 'sum' | 'mean' | 'max', over: 'channels' | 'positions'): Tracked {
  const [samples, channels, positions] = a.dims;
  const isOver = over === 'channels';
  const dims = isOver ? ([samples, 1, positions] as const) : ([samples, channels, 1] as const);
  const [terms, step] = isOver ? [channels, positions] : [positions, 1];
  const data = new Float64Array(dims[0] * dims[1] * dims[2]);
  const bound = new Float64Array(data.length);
  const errors = a.exact === true ? undefined : a.bound;
  const share = kind === 'mean' ? terms : 1;
  for (let at = 0; at < data.length; at += 1) {
    const first = isOver
      ? Math.floor(at / positions) * channels * positions + (at % positions)
      : at * positions;
    if (kind === 'max') {
      data[at] = largest(a.data, first, terms, step);
      bound[at] = errors === undefined ? 0 : Math.max(0, largest(errors, first, terms, step));
    } else {
      const { sum, magnitude } = sumsOf(a.data, first, terms, step);
      const inherited = errors === undefined ? 0 : sumsOf(errors, first, terms, step).sum;
      data[at] = sum / share;
      bound[at] = (inherited + ofSum(terms, magnitude)) / share;
    }
  }
  return { dims, data, bound };
}

/** Roundings of a sum of so many terms, whose magnitudes add up to that. */
function ofSum(terms: number, magnitude: number): number {
  return magnitude <= LARGEST ? (terms + 1) * magnitude : Number.POSITIVE_INFINITY;
}

function largest(numbers: Float64Array, first: number, terms: number, step: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let term = 0; term < terms; term += 1) most = Math.max(most, numbers[first + term * step] ?? 0);
  return most;
}

/**
 * The sum of so many terms, and that of their magnitudes: each as two side by side, since an addition waits for the one
 * before it and maps have thousands of positions.
 */
function sumsOf(
  numbers: Float64Array,
  first: number,
  terms: number,
  step: number,
): { readonly sum: number; readonly magnitude: number } {
  let even = 0;
  let odd = 0;
  let evenMagnitude = 0;
  let oddMagnitude = 0;
  let at = first;
  for (let pair = terms >> 1; pair > 0; pair -= 1, at += 2 * step) {
    const [x, y] = [numbers[at] ?? 0, numbers[at + step] ?? 0];
    even += x;
    odd += y;
    evenMagnitude += Math.abs(x);
    oddMagnitude += Math.abs(y);
  }
  if (terms % 2 === 1) {
    even += numbers[at] ?? 0;
    evenMagnitude += Math.abs(numbers[at] ?? 0);
  }
  return { sum: even + odd, magnitude: evenMagnitude + oddMagnitude };
}

/** A fully connected layer over the channels; the weight is [outputs, inputs], or its transpose where channels are last. */
export function dense(
  x: Tracked,
  weights: ReadonlyMap<string, Float64Array>,
  name: string,
  outputs: number,
  site: BlockSite,
): Tracked {
  const { dims, data: values, bound: errors } = x;
  const [samples, inputs, positions] = dims;
  const weight = weights.get(`${name}.weight`) ?? new Float64Array(0);
  const bias = weights.get(`${name}.bias`);
  const transposed = site.channelAxis !== 1;
  const data = new Float64Array(samples * outputs * positions);
  const bound = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += 1) {
    const position = at % positions;
    const output = Math.floor(at / positions) % outputs;
    const first = Math.floor(at / (positions * outputs)) * inputs * positions + position;
    const [start, step] = transposed ? [output, outputs] : [output * inputs, 1];
    let sum = bias?.[output] ?? 0;
    let magnitude = Math.abs(sum);
    let inherited = 0;
    for (let input = 0; input < inputs; input += 1) {
      const w = weight[start + input * step] ?? 0;
      const product = w * (values[first + input * positions] ?? 0);
      sum += product;
      magnitude += Math.abs(product);
      inherited += Math.abs(w) * (errors[first + input * positions] ?? 0);
    }
    data[at] = sum;
    bound[at] = inherited + ofSum(inputs, magnitude);
  }
  return { dims: [samples, outputs, positions], data, bound };
}

/** Takes other positions: the number at each comes from the position that `from` says. */
export function spread(a: Tracked, positions: number, from: (position: number) => number): Tracked {
  const [samples, channels, own] = a.dims;
  const data = new Float64Array(samples * channels * positions);
  const bound = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += 1) {
    const source = Math.floor(at / positions) * own + from(at % positions);
    data[at] = a.data[source] ?? 0;
    bound[at] = a.bound[source] ?? 0;
  }
  return { dims: [samples, channels, positions], data, bound };
}

/** What a reference gives back: everything in the order in which the features are stored. */
export function toResult(
  site: BlockSite,
  values: {
    readonly squeeze?: Tracked;
    readonly hidden?: Tracked;
    readonly gate: Tracked;
    /** Left out where it is the features times one gate a channel, which need not be written down. */
    readonly scaled?: Tracked;
  },
): ReferenceResult & { readonly gateBound: Float64Array } {
  const { squeeze, hidden, gate, scaled } = values;
  const none = new Float64Array(0);
  const result = {
    squeeze: squeeze?.data ?? none,
    hidden: hidden?.data ?? none,
    gate: stored(gate, gate.data, site),
    gateBound: stored(gate, gate.bound, site),
  };
  if (scaled === undefined) return result;
  const last = stored(scaled, scaled.data, site);
  return {
    ...result,
    scaled: last,
    // The last rounding may be a double one, where a type of 16 bits is computed in float32.
    scaledBound: stored(scaled, scaled.bound, site).map((error, at) => error + Math.abs(last[at] ?? 0)),
  };
}

function stored({ dims }: Tracked, numbers: Float64Array, site: BlockSite): Float64Array {
  const [samples, channels, positions] = dims;
  return site.channelAxis === 1 ? numbers : swap(numbers, samples, channels, positions);
}

/** Swaps the two inner axes. */
function swap(numbers: Float64Array, samples: number, rows: number, columns: number): Float64Array {
  const turned = new Float64Array(numbers.length);
  for (let sample = 0; sample < samples; sample += 1) {
    const first = sample * rows * columns;
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        turned[first + column * rows + row] = numbers[first + row * columns + column] ?? 0;
      }
    }
  }
  return turned;
}

function combine(
  a: Tracked,
  b: Tracked,
  of: (x: number, y: number) => number,
  error: (x: number, y: number, ex: number, ey: number) => number,
): Tracked {
  const dims = [0, 1, 2].map((axis) => Math.max(a.dims[axis] ?? 1, b.dims[axis] ?? 1));
  const [samples = 1, channels = 1, positions = 1] = dims;
  const data = new Float64Array(samples * channels * positions);
  const bound = new Float64Array(data.length);
  const at = ({ dims: [n, c, p] }: Tracked, sample: number, channel: number, position: number): number =>
    ((n === 1 ? 0 : sample) * c + (c === 1 ? 0 : channel)) * p + (p === 1 ? 0 : position);
  const [aErrors, bErrors] = [a.bound, b.bound];
  let index = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let position = 0; position < positions; position += 1) {
        const [i, j] = [at(a, sample, channel, position), at(b, sample, channel, position)];
        const [x, y] = [a.data[i] ?? Number.NaN, b.data[j] ?? Number.NaN];
        const value = of(x, y);
        data[index] = value;
        bound[index] =
          Math.abs(value) <= LARGEST
            ? error(x, y, aErrors[i] ?? 0, bErrors[j] ?? 0)
            : Number.POSITIVE_INFINITY;
        index += 1;
      }
    }
  }
  return { dims: [samples, channels, positions], data, bound };
}
