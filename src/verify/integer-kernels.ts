import type { GraphView } from '../graph/view.ts';
import type { SessionProfile } from './runtime.ts';
import type { IntegerKernels, KernelCounts } from './types.ts';

/** QLinearConv and its kin, products of integers, and onnxruntime's names for fused ones. */
const INTEGER = /^QLinear|^(Conv|MatMul)Integer|^QGemm$|^DynamicQuantize(MatMul|LSTM)$|^QAttention$/;

/** Whether a graph quantizes anything, so that it has integer kernels to lose. */
export function isQuantized({ nodes }: GraphView): boolean {
  return nodes.some(({ opType }) => opType.endsWith('QuantizeLinear') || INTEGER.test(opType));
}

/** The integer kernels of a run before and a run after; null where they kept no profiles. */
export function integerKernelsOf(
  before: SessionProfile | undefined,
  after: SessionProfile | undefined,
): IntegerKernels | null {
  if (before === undefined || after === undefined) return null;
  const [had, has] = [countOf(before), countOf(after)];
  return { before: had, after: has, lost: lostOf(had, has) };
}

function countOf({ nodes }: SessionProfile): KernelCounts {
  const counts: Record<string, number> = {};
  for (const { opType } of nodes) if (INTEGER.test(opType)) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

function lostOf(before: KernelCounts, after: KernelCounts): KernelCounts {
  return Object.fromEntries(
    Object.entries(before)
      .map(([opType, count]) => [opType, count - (after[opType] ?? 0)] as const)
      .filter(([, lost]) => lost > 0),
  );
}
