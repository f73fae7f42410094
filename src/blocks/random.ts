/**
 * Seeded random numbers that are the same on every platform: integer arithmetic, and of the floating-point operations
 * only those that IEEE 754 defines to the last bit (`Math.log` and `Math.cos` are not among them).
 */
export interface RandomStream {
  /** The next number of [0, 1), in steps of 2^-24: exact in float32. */
  uniform(): number;
  /** The next number of the standard normal distribution. */
  normal(): number;
  /** Fills an array with the next numbers of [-limit, limit), as so many calls of {@link RandomStream.uniform} would. */
  fillUniform(out: Float64Array, limit: number): void;
  /** Fills an array with the next normal numbers of a deviation, as so many calls of {@link RandomStream.normal} would. */
  fillNormal(out: Float64Array, deviation: number): void;
}

/** Accepted pairs of which the logarithms are taken together: what does not wait for each other runs side by side. */
const PAIRS = 512;

/**
 * Starts the stream of a seed and a label, independent of the streams of all other labels: leaving a site out does not
 * change the weights of the others.
 *
 * (Generator: xoshiro128**, Blackman and Vigna 2018, public domain; its state is filled by FNV-1a and the finalizer of
 * MurmurHash3.)
 */
export function randomStream(seed: number, label: string): RandomStream {
  const state = new Uint32Array(4);
  for (let word = 0; word < 4; word += 1) state[word] = hashText(`${word}/${seed}/${label}`);
  let [a = 1, b = 2, c = 3, d = 4] = state;
  let spare: number | undefined;

  const next = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const uniform = (): number => (next() >>> 8) * 2 ** -24;
  // Marsaglia's polar method: rejection and a logarithm, no sine or cosine.
  const normal = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * uniform() - 1 + 2 ** -24;
      const y = 2 * uniform() - 1 + 2 ** -24;
      const square = x * x + y * y;
      if (square >= 1) continue;
      const factor = Math.sqrt((-2 * naturalLog(square)) / square);
      spare = y * factor;
      return x * factor;
    }
  };
  const fillUniform = (out: Float64Array, limit: number): void => {
    // Local variables stay in registers; those of the closure would be loaded and stored for each number.
    let [w, x, y, z] = [a, b, c, d];
    for (let at = 0; at < out.length; at += 1) {
      const product = Math.imul(x, 5);
      const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 8;
      const shifted = x << 9;
      y ^= w;
      z ^= x;
      x ^= y;
      w ^= z;
      y ^= shifted;
      z = (z << 11) | (z >>> 21);
      out[at] = (2 * (result * 2 ** -24) - 1) * limit;
    }
    [a, b, c, d] = [w, x, y, z];
  };
  const fillNormal = (out: Float64Array, deviation: number): void => {
    const [xs, ys, squares] = [new Float64Array(PAIRS), new Float64Array(PAIRS), new Float64Array(PAIRS)];
    const draws = new Float64Array(2 * PAIRS);
    let at = 0;
    if (spare !== undefined && out.length > 0) {
      out[0] = spare * deviation;
      spare = undefined;
      at = 1;
    }
    while (at < out.length) {
      const wanted = Math.min(PAIRS, (out.length - at + 1) >> 1);
      // As many pairs as are still wanted: no more are drawn than single calls would draw.
      for (let found = 0; found < wanted; ) {
        const pairs = draws.subarray(0, 2 * (wanted - found));
        fillUniform(pairs, 1);
        for (let draw = 0; draw < pairs.length; draw += 2) {
          const x = (pairs[draw] ?? 0) + 2 ** -24;
          const y = (pairs[draw + 1] ?? 0) + 2 ** -24;
          const square = x * x + y * y;
          if (square >= 1) continue;
          xs[found] = x;
          ys[found] = y;
          squares[found] = square;
          found += 1;
        }
      }
      for (let index = 0; index < wanted; index += 1) {
        const square = squares[index] ?? 1;
        squares[index] = Math.sqrt((-2 * naturalLog(square)) / square);
      }
      for (let index = 0; index < wanted; index += 1) {
        const factor = squares[index] ?? 0;
        out[at] = (xs[index] ?? 0) * factor * deviation;
        const second = (ys[index] ?? 0) * factor;
        if (at + 1 < out.length) out[at + 1] = second * deviation;
        else spare = second;
        at += 2;
      }
    }
  };
  return { uniform, normal, fillUniform, fillNormal };
}

/** ln(x) for positive x by the series of the inverse hyperbolic tangent: the same bits everywhere. */
export function naturalLog(x: number): number {
  let mantissa = x;
  let exponent = 0;
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent -= 1;
  }
  while (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  let sum = 1 / 27;
  sum = sum * ratio * ratio + 1 / 25;
  sum = sum * ratio * ratio + 1 / 23;
  sum = sum * ratio * ratio + 1 / 21;
  sum = sum * ratio * ratio + 1 / 19;
  sum = sum * ratio * ratio + 1 / 17;
  sum = sum * ratio * ratio + 1 / 15;
  sum = sum * ratio * ratio + 1 / 13;
  sum = sum * ratio * ratio + 1 / 11;
  sum = sum * ratio * ratio + 1 / 9;
  sum = sum * ratio * ratio + 1 / 7;
  sum = sum * ratio * ratio + 1 / 5;
  sum = sum * ratio * ratio + 1 / 3;
  sum = sum * ratio * ratio + 1;
  return 2 * ratio * sum + exponent * Math.LN2;
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
