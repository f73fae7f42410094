import { argmaxAgreement } from './argmax.ts';
import { elementAt, elementReader, wideDifferences } from './elements.ts';
import type { ElementDifference, IncomparableTensors, TensorComparison } from './metrics-types.ts';
import type { RuntimeTensor } from './runtime.ts';
import { measure, type PairReader, type Totals } from './totals.ts';

export type {
  ComparedTensors,
  ElementDifference,
  IncomparableTensors,
  NonFiniteCounts,
  SmallestTolerance,
  TensorComparison,
} from './metrics-types.ts';

/**
 * Measures how far a tensor is from what it was, in time linear in its size.
 *
 * @example
 * ```ts
 * const tensor = (...data: number[]): RuntimeTensor => ({
 *   dataType: 'float32', dims: [1, data.length], data: Float32Array.from(data),
 * });
 * const result = compareTensors(tensor(1, 2, Number.NaN), tensor(1, 2.5, Number.NaN));
 * if (result.status === 'compared') result.maxAbs; // → 0.5
 * ```
 */
export function compareTensors(before: RuntimeTensor, after: RuntimeTensor): TensorComparison {
  const fault = incomparability(before, after);
  if (fault !== undefined) return fault;
  const totals = measure(pairReader(before, after), before.data.length);
  const { finite, maxAbs, nonFinite, differing, energy, energyOfDifference } = totals;
  const attainable = (tolerance: number): number | null =>
    nonFinite.mismatches === 0 && Number.isFinite(tolerance) ? tolerance : null;
  return {
    status: 'compared',
    count: totals.count,
    finite,
    informative: finite > 0,
    maxAbs,
    maxRel: totals.maxRel,
    meanAbs: finite === 0 ? 0 : totals.sumAbs / finite,
    rmse: rootMean(totals, energyOfDifference),
    cosine: cosine(totals),
    snrDb: energy === 0 || energyOfDifference === 0 ? null : 10 * Math.log10(energy / energyOfDifference),
    bitExact: differing === 0,
    differing,
    signedZeros: totals.signedZeros,
    firstDifference: firstDifference(totals, before, after),
    argmaxAgreement: argmaxAgreement(before, after, differing === 0),
    nonFinite,
    rms: rootMean(totals, energy),
    peak: totals.peak,
    smallestTolerance: { atol: attainable(maxAbs), rtol: attainable(totals.rtol) },
  };
}

function incomparability(before: RuntimeTensor, after: RuntimeTensor): IncomparableTensors | undefined {
  const unlike = (reason: IncomparableTensors['reason'], detail: string): IncomparableTensors => ({
    status: 'incomparable',
    reason,
    detail,
  });
  if (before.dataType !== after.dataType)
    return unlike('data-type', `${before.dataType} before, ${after.dataType} after`);
  const shape = `[${before.dims.join(', ')}]`;
  const shapeAfter = `[${after.dims.join(', ')}]`;
  if (shape !== shapeAfter) return unlike('shape', `shape ${shape} before, ${shapeAfter} after`);
  const size = before.dims.reduce((product, dim) => product * dim, 1);
  for (const [side, tensor] of [
    ['before', before],
    ['after', after],
  ] as const) {
    if (tensor.data.length !== size)
      return unlike('length', `${tensor.data.length} values for shape ${shape} ${side}`);
  }
  return undefined;
}

function rootMean({ finite, scale }: Totals, energy: number): number {
  return finite === 0 ? 0 : Math.sqrt(energy / finite) / scale;
}

function cosine({ energy, energyAfter, product, energyOfDifference }: Totals): number | null {
  if (energy === 0 || energyAfter === 0) return null;
  if (energyOfDifference === 0) return 1;
  const ratio = product / (Math.sqrt(energy) * Math.sqrt(energyAfter));
  return Math.max(-1, Math.min(1, ratio));
}

function firstDifference(
  { first }: Totals,
  before: RuntimeTensor,
  after: RuntimeTensor,
): ElementDifference | null {
  if (first < 0) return null;
  return { index: first, before: elementAt(before, first), after: elementAt(after, first) };
}

function pairReader(before: RuntimeTensor, after: RuntimeTensor): PairReader {
  const readBefore = elementReader(before);
  const readAfter = elementReader(after);
  if (readBefore === undefined || readAfter === undefined) {
    return (start, count, x, y, d) => {
      x.fill(0, 0, count);
      for (let i = 0; i < count; i += 1) {
        d[i] = before.data[start + i] === after.data[start + i] ? 0 : 1;
        y[i] = d[i]!;
      }
    };
  }
  const differences = isWide(before) && isWide(after) ? wideDifferences(before.data, after.data) : undefined;
  return (start, count, x, y, d) => {
    readBefore(start, count, x);
    readAfter(start, count, y);
    if (differences === undefined) for (let i = 0; i < count; i += 1) d[i] = y[i]! - x[i]!;
    else differences(start, count, d);
  };
}

function isWide(tensor: RuntimeTensor): tensor is Extract<RuntimeTensor, { dataType: 'int64' | 'uint64' }> {
  return tensor.dataType === 'int64' || tensor.dataType === 'uint64';
}
