/**
 * Seeded random numbers that are the same on every platform: integer arithmetic, and of the floating-point operations
 * only those that IEEE 754 defines to the last bit (`Math.log` and `Math.cos` are not among them).
 */
export interface RandomStream {
  /** The next number of [0, 1), in steps of 2^-24: exact in float32. */
  uniform(): number;
  /** The next number of the standard normal distribution. */
  normal(): number;
}

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
  return { uniform, normal };
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
  let sum = 0;
  for (let power = 27; power >= 1; power -= 2) sum = sum * ratio * ratio + 1 / power;
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
