/** The functions of activations and gates in float64, by their definitions, for the references of the blocks. */
import type { Curve } from './tracked.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number): number => Math.min(Math.max(x + 3, 0), 6) / 6;

/** Runtimes approximate the exponential: 16 roundings is what a GPU's takes, and more than a CPU's. */
const EXPONENTIAL = 16;

/** Activations by the names of their option. */
export const ACTIVATION_CURVES: Readonly<Record<string, Curve>> = {
  relu: { of: (x) => Math.max(x, 0), slope: 1, relative: 4 },
  silu: { of: (x) => x * sigmoid(x), slope: 1.1, relative: 4 },
  hardswish: { of: (x) => x * hardSigmoid(x), slope: 1.5, relative: 4 },
  // The error function is approximated to a few roundings of 1, and x/2 of them count.
  gelu: { of: (x) => (x / 2) * (1 + errorFunction(x / Math.SQRT2)), slope: 1.13, relative: 4, absolute: 16 },
  leakyrelu: { of: (x) => (x >= 0 ? x : 0.01 * x), slope: 1, relative: 4 },
};

/** Gates by the names of their option. */
export const GATE_CURVES: Readonly<Record<string, Curve>> = {
  sigmoid: { of: sigmoid, slope: 1 / 4, absolute: EXPONENTIAL },
  hardsigmoid: { of: hardSigmoid, slope: 1 / 6, absolute: EXPONENTIAL },
  '2*sigmoid': { of: (x) => 2 * sigmoid(x), slope: 1 / 2, absolute: EXPONENTIAL },
  tanh: { of: Math.tanh, slope: 1, absolute: EXPONENTIAL },
  relu: { of: (x) => Math.max(x, 0), slope: 1, relative: 4, absolute: EXPONENTIAL },
};

/** The exponential of numbers that are at most 0. */
export const FALLING_EXPONENTIAL: Curve = { of: Math.exp, slope: 1, relative: EXPONENTIAL };

/** Nothing is done. */
export const IDENTITY: Curve = { of: (x) => x, slope: 1 };

/** erf(x) by its series with positive terms, 2/sqrt(π) e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!. */
export function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
