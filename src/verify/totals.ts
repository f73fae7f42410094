import { CHUNK } from './elements.ts';
import type { NonFiniteCounts } from './metrics-types.ts';

/** Fills `x` with elements of one tensor, `y` with those of another and `d` with `y - x`, from `start` on. */
export type PairReader = (
  start: number,
  count: number,
  x: Float64Array,
  y: Float64Array,
  d: Float64Array,
) => void;

/** What one pass over two tensors adds up, x before and y after. The energies are sums of squares, scaled. */
export interface Totals {
  readonly count: number;
  finite: number;
  differing: number;
  signedZeros: number;
  /** The first position that differs in its bits, or -1. */
  first: number;
  maxAbs: number;
  maxRel: number;
  /** The least t such that |d| <= t * |x| everywhere. */
  rtol: number;
  sumAbs: number;
  peak: number;
  peakAfter: number;
  /** The numbers are multiplied by this before they are squared: it keeps the squares of float64 in range. */
  readonly scale: number;
  energy: number;
  energyAfter: number;
  energyOfDifference: number;
  product: number;
  readonly nonFinite: { -readonly [Name in keyof NonFiniteCounts]: number };
}

/** Adds up all that the metrics are made from. */
export function measure(read: PairReader, count: number): Totals {
  const totals = addUp(read, count, 1);
  const scale = energyScale(Math.max(totals.peak, totals.peakAfter));
  return scale === 1 ? totals : addUp(read, count, scale);
}

/** A power of two that brings the squares of such numbers into float64's range; 1 for all of float32. */
function energyScale(peak: number): number {
  if (peak > 2 ** 400) return 2 ** -600;
  return peak > 0 && peak < 2 ** -400 ? 2 ** 600 : 1;
}

function addUp(read: PairReader, count: number, scale: number): Totals {
  const totals: Totals = {
    count,
    finite: count,
    differing: 0,
    signedZeros: 0,
    first: -1,
    maxAbs: 0,
    maxRel: 0,
    rtol: 0,
    sumAbs: 0,
    peak: 0,
    peakAfter: 0,
    scale,
    energy: 0,
    energyAfter: 0,
    energyOfDifference: 0,
    product: 0,
    nonFinite: { sameNaN: 0, sameInfinity: 0, onlyBefore: 0, onlyAfter: 0, unlike: 0, mismatches: 0 },
  };
  const [x, y, d] = [new Float64Array(CHUNK), new Float64Array(CHUNK), new Float64Array(CHUNK)];
  for (let start = 0; start < count; start += CHUNK) {
    const length = Math.min(CHUNK, count - start);
    read(start, length, x, y, d);
    addDifferences(totals, start, length, x, y, d);
    addEnergies(totals, length, x, y, d);
  }
  return totals;
}

/** Adds what is found element by element. Puts zeros where not both are finite, so that they have no energy. */
function addDifferences(
  totals: Totals,
  start: number,
  length: number,
  x: Float64Array,
  y: Float64Array,
  d: Float64Array,
): void {
  let { peak, peakAfter, maxAbs, maxRel, rtol } = totals;
  let sumAbs = 0;
  for (let i = 0; i < length; i += 1) {
    const difference = d[i]!;
    // Infinite less infinite is NaN: what has no difference is finite.
    if (difference !== 0 && !(Number.isFinite(x[i]!) && Number.isFinite(y[i]!))) {
      if (addNonFinite(totals, x[i]!, y[i]!)) addDiffering(totals, start + i);
      x[i] = 0;
      y[i] = 0;
      d[i] = 0;
      continue;
    }
    const before = Math.abs(x[i]!);
    const after = Math.abs(y[i]!);
    if (before > peak) peak = before;
    if (after > peakAfter) peakAfter = after;
    if (difference !== 0) {
      const distance = Math.abs(difference);
      addDiffering(totals, start + i);
      sumAbs += distance;
      if (distance > maxAbs) maxAbs = distance;
      // Of 1e308 and -1e308 the distance overflows and the ratio does not.
      const relative = Math.min(distance / Math.max(before, after), 2);
      if (relative > maxRel) maxRel = relative;
      if (distance > rtol * before) {
        rtol = distance / before;
        // The quotient may have been rounded down.
        if (distance > rtol * before) rtol *= 1 + Number.EPSILON;
      }
    } else if (before === 0 && !Object.is(x[i], y[i])) {
      totals.signedZeros += 1;
      addDiffering(totals, start + i);
    }
  }
  totals.sumAbs += sumAbs;
  totals.peak = peak;
  totals.peakAfter = peakAfter;
  totals.maxAbs = maxAbs;
  totals.maxRel = maxRel;
  totals.rtol = rtol;
}

function addDiffering(totals: Totals, index: number): void {
  totals.differing += 1;
  if (totals.first < 0) totals.first = index;
}

/** Counts a position that is not finite on both sides; true where that is a difference. */
function addNonFinite(totals: Totals, x: number, y: number): boolean {
  const { nonFinite } = totals;
  totals.finite -= 1;
  const bothNaN = Number.isNaN(x) && Number.isNaN(y);
  if (bothNaN) nonFinite.sameNaN += 1;
  else if (x === y) nonFinite.sameInfinity += 1;
  else if (Number.isFinite(y)) nonFinite.onlyBefore += 1;
  else if (Number.isFinite(x)) nonFinite.onlyAfter += 1;
  else nonFinite.unlike += 1;
  if (bothNaN || x === y) return false;
  nonFinite.mismatches += 1;
  return true;
}

function addEnergies(
  totals: Totals,
  length: number,
  x: Float64Array,
  y: Float64Array,
  d: Float64Array,
): void {
  const { scale } = totals;
  let [energy, energyAfter, energyOfDifference, product] = [0, 0, 0, 0];
  for (let i = 0; i < length; i += 1) {
    const before = x[i]! * scale;
    const after = y[i]! * scale;
    // Where numbers are so large that they are scaled, their difference may have overflowed.
    const difference = scale === 1 ? d[i]! : after - before;
    energy += before * before;
    energyAfter += after * after;
    energyOfDifference += difference * difference;
    product += before * after;
  }
  totals.energy += energy;
  totals.energyAfter += energyAfter;
  totals.energyOfDifference += energyOfDifference;
  totals.product += product;
}
