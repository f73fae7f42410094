/**
 * How large a difference may be before it is a fault of the rewrite.
 *
 * Bit-exactness needs no tolerance. With graph optimizations on it cannot be had: an inserted block keeps the runtime from
 * fusing what it fused before, and a GPU may sum in another order. The yardstick for that is the original itself, compared
 * with itself between levels and providers on the same inputs.
 */
import type { TensorComparison } from './metrics.ts';
import { floatFormat } from './numbers.ts';
import type { RuntimeDataType } from './runtime.ts';

/**
 * How many times its own noise a model may move. The yardstick is the largest of many rounding differences, measured once;
 * a second draw of that maximum, with the roundings of the blocks added, stays well within the double, and an error that
 * hides in the rest is 12 dB above noise that the user already accepts.
 */
export const YARDSTICK_FACTOR = 4;

/**
 * What is let pass of the output's largest magnitude even where the original did not differ from itself at all, in ULPs of
 * that magnitude (as if it were a power of two). Its own levels may happen to round alike where a fusion undone by a block
 * does not. Measured on the CPU over thirty networks, optimizations off against on: four fifths of the float32 outputs
 * move by less than 36 ULPs; what moves by more has a yardstick that says so.
 *
 * Float16 gets less: it is mostly computed in float32 and rounded at the ends (0.6 ULPs measured), and its ULP is 8,192
 * times as large. Integers, bools and strings get nothing: they have no rounding.
 */
export const FLOOR_ULPS: Readonly<Partial<Record<RuntimeDataType, number>>> = {
  float16: 2,
  float32: 64,
  float64: 64,
};

/**
 * The largest tolerance that still tells something, as a fraction of the output's root mean square. What a wrong block
 * does is of the size of the output itself, and a comparison that lets a hundredth of it pass (40 dB) still sees that.
 *
 * Float16 has 11 bits, and a hundredth of the root mean square of a thousand classes is less than an ULP of the surest:
 * there it is a tenth (20 dB).
 */
export const MAX_RMS_FRACTION = 0.01;
/** {@link MAX_RMS_FRACTION} of float16. */
export const MAX_RMS_FRACTION_FLOAT16 = 0.1;

/** What a tolerance is made from. */
export interface ToleranceRequest {
  /**
   * The largest |difference| of the original's output from itself between levels or providers, on the same inputs;
   * {@link yardstickOf} gives it. Not finite where the original was NaN or infinite in different places.
   */
  readonly yardstick: number;
  /** Element type of the output: it says how large an ULP is. */
  readonly dataType: RuntimeDataType;
  /** Root mean square of the original's output. */
  readonly rms: number;
  /** Largest magnitude of the original's output. */
  readonly scale: number;
}

/** How large an absolute difference may be, or why no size of difference would tell anything. */
export type Tolerance =
  | {
      /** There is a tolerance. */
      readonly status: 'checked';
      /** The largest |difference| that passes; 0 where the values have to be equal. */
      readonly value: number;
      /** What it comes from: the original's own noise, the floor in ULPs, or a type that does not round. */
      readonly basis: 'yardstick' | 'floor' | 'exact';
    }
  | {
      /** There is none that would tell a fault from noise. */
      readonly status: 'unchecked';
      /** For people: the facts, without the name of the output. */
      readonly reason: string;
    };

/**
 * The tolerance for an output: the larger of {@link YARDSTICK_FACTOR} yardsticks and {@link FLOOR_ULPS}, and `unchecked`
 * where that is more than {@link MAX_RMS_FRACTION} of the output's root mean square.
 *
 * @example
 * ```ts
 * toleranceFor({ yardstick: 1e-6, dataType: 'float32', rms: 1, scale: 4 });
 * // → { status: 'checked', value: 0.000030517578125, basis: 'floor' }
 * ```
 */
export function toleranceFor({ yardstick, dataType, rms, scale }: ToleranceRequest): Tolerance {
  if (!Number.isFinite(yardstick)) {
    const reason = 'the original itself is NaN or infinite in different places from run to run';
    return { status: 'unchecked', reason };
  }
  const ulp = 2 * (floatFormat(dataType)?.unitRoundoff ?? 0);
  const floor = (FLOOR_ULPS[dataType] ?? 0) * ulp * scale;
  const noise = YARDSTICK_FACTOR * yardstick;
  const value = Math.max(noise, floor);
  if (value === 0) return { status: 'checked', value, basis: 'exact' };
  const cap = (dataType === 'float16' ? MAX_RMS_FRACTION_FLOAT16 : MAX_RMS_FRACTION) * rms;
  const basis = noise >= floor ? 'yardstick' : 'floor';
  if (value <= cap) return { status: 'checked', value, basis };
  const cause =
    basis === 'yardstick'
      ? `the original differs from itself by ${show(yardstick)}`
      : `rounding alone may move its largest value, ${show(scale)}, by ${show(floor)}`;
  const reason = `${cause}, which its root mean square, ${show(rms)}, does not stand out from enough`;
  return { status: 'unchecked', reason };
}

/** How far an output of the original is from itself: its largest difference, infinite where that does not say it. */
export function yardstickOf(comparison: TensorComparison): number {
  if (comparison.status === 'incomparable' || comparison.nonFinite.mismatches > 0)
    return Number.POSITIVE_INFINITY;
  return comparison.maxAbs;
}

function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}
