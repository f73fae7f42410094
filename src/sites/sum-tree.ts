import type { NodeId, ValueId } from '../graph/view.ts';
import { outputOf, type Reading, stepBehind, usesOf } from './reading.ts';
import type { Branch } from './region.ts';
import { readSkip } from './skip.ts';
import type { Step } from './step.ts';

/** More operands than a block's sum has. */
export const OPERAND_LIMIT = 16;

/** The operands of an Add of Adds that nothing else reads. */
export function sumTree(
  reading: Reading,
  step: Step,
): { readonly operands: readonly ValueId[]; readonly inner: readonly Step[] } {
  const operands: ValueId[] = [];
  const inner: Step[] = [];
  const waiting = step.inputs.toReversed();
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const below = stepBehind(reading, value);
    if (below?.role === 'sum' && feedsSumAlone(reading, below)) {
      inner.push(below);
      waiting.push(...below.inputs.toReversed());
    } else operands.push(value);
  }
  // The innermost first, so that what is a block by itself is known before what is around it.
  return { operands, inner: inner.reverse() };
}

/** Whether a sum is only an operand of another sum. */
export function feedsSumAlone(reading: Reading, step: Step): boolean {
  const [use, ...more] = usesOf(reading, outputOf(reading, step));
  if (use?.kind !== 'input' || more.length > 0) return false;
  return reading.steps[use.node]?.role === 'sum' && reading.owners[use.node] === undefined;
}

/** Whether the last Add adds a skip to a sum of what is none: the bare skip, or a projection to branches that all compute. */
export function addsSkipLast(reading: Reading, step: Step, branches: readonly Branch[]): boolean {
  const skips = branches.filter((branch) => readSkip(reading, branch) !== undefined);
  const bare = skips.filter((branch) => readSkip(reading, branch)?.convolutions.length === 0);
  const [only, ...more] = bare.length > 0 ? bare : skips;
  return only !== undefined && more.length === 0 && step.inputs.includes(only.operand);
}

/** Whether a sum is an operand, at any depth, of another one. */
export function isInnerSum(reading: Reading, node: NodeId, outer: Step): boolean {
  let step = reading.steps[node];
  for (let depth = 0; depth < OPERAND_LIMIT && step?.role === 'sum'; depth += 1) {
    if (step === outer) return true;
    if (!feedsSumAlone(reading, step)) return false;
    const [use] = usesOf(reading, outputOf(reading, step));
    step = use?.kind === 'input' ? reading.steps[use.node] : undefined;
  }
  return false;
}
