import { compareTensors } from './metrics.ts';
import type { GraphOptimization, RuntimeTensor, RuntimeTensors } from './runtime.ts';
import { toleranceFor, yardstickOf } from './tolerance.ts';
import type { LevelReport, OutputReport } from './types.ts';

/** What is asked of the outputs: the same bits, no more than rounding, or nothing but the distance. */
export type Demand = 'bits' | 'tolerance' | 'none';

/** One level of graph optimization, before against after. */
export interface LevelRequest {
  readonly before: RuntimeTensors;
  readonly after: RuntimeTensors;
  /** The original on the same inputs at another level, on another provider or once more: what it differs from itself by. */
  readonly others: readonly RuntimeTensors[];
  readonly demand: Demand;
}

/** Question 4: does the model compute what it did? Every output of the original, before against after. */
export function compareLevel(graphOptimization: GraphOptimization, request: LevelRequest): LevelReport {
  const { before, after, others, demand } = request;
  const outputs: OutputReport[] = [];
  let yardstick = 0;
  for (const [name, tensor] of before) {
    const own = others.map((other) => selfDifference(tensor, other.get(name)));
    const most = Math.max(0, ...own);
    yardstick = Math.max(yardstick, most);
    // Nobody has to give the bits of an output that has others each time.
    const due = demand === 'bits' && most > 0 ? 'tolerance' : demand;
    outputs.push(compareOutput(name, tensor, after.get(name), most, due));
  }
  return { graphOptimization, yardstick, outputs };
}

/** The largest difference between two runs of one model, over its outputs. */
export function worstDifference(a: RuntimeTensors, b: RuntimeTensors): number {
  return Math.max(0, ...[...a].map(([name, tensor]) => selfDifference(tensor, b.get(name))));
}

function selfDifference(tensor: RuntimeTensor, other: RuntimeTensor | undefined): number {
  return other === undefined ? 0 : yardstickOf(compareTensors(tensor, other));
}

function compareOutput(
  name: string,
  before: RuntimeTensor,
  after: RuntimeTensor | undefined,
  yardstick: number,
  demand: Demand,
): OutputReport {
  if (after === undefined) return incomparable(name, 'the rewritten model does not give this output');
  const compared = compareTensors(before, after);
  if (compared.status === 'incomparable') return incomparable(name, compared.detail);
  const { maxAbs, maxRel, meanAbs, rmse, cosine, snrDb, bitExact, argmaxAgreement, rms, peak } = compared;
  const figures = { name, maxAbs, maxRel, meanAbs, rmse, cosine, snrDb, bitExact, argmaxAgreement };
  if (demand === 'none')
    return { ...figures, tolerance: null, status: 'pass', detail: 'no tolerance: the gates are not neutral' };
  if (compared.nonFinite.mismatches > 0) {
    const detail = `${compared.nonFinite.mismatches} elements are finite on one side only`;
    return { ...figures, tolerance: null, status: 'fail', detail };
  }
  if (!compared.informative) {
    const detail =
      before.data.length === 0 ? 'it has no elements on these inputs' : 'none of its elements is finite';
    return { ...figures, tolerance: null, status: 'unchecked', detail };
  }
  if (bitExact) return { ...figures, tolerance: 0, status: 'pass', detail: 'bit for bit' };
  if (demand === 'bits')
    return { ...figures, tolerance: 0, status: 'fail', detail: `differs by up to ${maxAbs}` };
  const tolerance = toleranceFor({ yardstick, dataType: before.dataType, rms, scale: peak });
  if (tolerance.status === 'unchecked')
    return { ...figures, tolerance: null, status: 'unchecked', detail: tolerance.reason };
  const ok = maxAbs <= tolerance.value;
  const detail = `differs by up to ${maxAbs}, ${tolerance.value} ${ok ? 'is allowed' : 'at most is allowed'}`;
  return { ...figures, tolerance: tolerance.value, status: ok ? 'pass' : 'fail', detail };
}

function incomparable(name: string, detail: string): OutputReport {
  const nothing = { maxAbs: Number.NaN, maxRel: Number.NaN, meanAbs: Number.NaN, rmse: Number.NaN };
  return {
    name,
    ...nothing,
    cosine: null,
    snrDb: null,
    bitExact: false,
    tolerance: null,
    argmaxAgreement: null,
    status: 'fail',
    detail,
  };
}
