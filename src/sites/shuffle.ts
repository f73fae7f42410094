import type { ValueId } from '../graph/view.ts';
import { type Block, type Context, type Found, usesBy } from './block.ts';
import { isStrided } from './convolution.ts';
import { areApart, convolutionsOf, joinsChannels } from './module-branches.ts';
import { opTypeOf, outputOf, type Reading, stepBehind, stepsAfter } from './reading.ts';
import { type Branch, branchOf, forkOf, nodesOf } from './region.ts';
import type { Step, StepRole } from './step.ts';

/** What keeps a slice a slice. */
const PASSING: ReadonlySet<StepRole> = new Set(['pass', 'transpose', 'affine', 'layout', 'shuffle']);

/** What a pooled skip may pass besides. */
const POOLED: ReadonlySet<StepRole> = new Set(['norm', 'pass', 'transpose']);

/** Steps between a join and the shuffle behind it, or between a shuffle and the split. */
const WAY_LIMIT = 8;

/**
 * Finds ShuffleNet units that a Concat joins: half of the channels, or a pooling of all, beside a branch with a depthwise
 * convolution, and a channel shuffle behind the join or before the split. (Units that an Add joins are residual in form
 * and found there.)
 */
export function findShuffles({ reading, taken }: Context): Found {
  const blocks: Block[] = [];
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.role !== 'concat' || step.inputs.length !== 2 || taken[node] !== undefined) continue;
    if (reading.owners[node] !== undefined || !joinsChannels(reading, step)) continue;
    const block = readUnit(reading, step);
    if (block !== undefined) blocks.push(block);
  }
  return { blocks, rejections: [] };
}

function readUnit(reading: Reading, join: Step): Block | undefined {
  const fork = forkOf(reading, join.inputs);
  const [a, b] = join.inputs.map((operand) => branchOf(reading, operand, fork));
  if (a === undefined || b === undefined || !areApart([a, b])) return undefined;
  const [skip, branch] =
    convolutionsOf(reading, a).length <= convolutionsOf(reading, b).length ? [a, b] : [b, a];
  const variant = variantOf(reading, join, skip, branch);
  if (variant === undefined) return undefined;
  const value = branch.operand;
  return {
    kind: 'shuffle',
    variant,
    value,
    uses: usesBy(reading, value, [join.node]),
    reader: join.node,
    anchor: join.node,
    nodes: nodesOf([join], branch.steps, skip.steps),
    around: {
      input: [...branch.sources][0] ?? '',
      output: outputOf(reading, join),
      skip: skip.operand,
    },
    gate: [...branch.steps].find(({ role }) => role === 'gate'),
    project: undefined,
    expand: undefined,
  };
}

function variantOf(reading: Reading, join: Step, skip: Branch, branch: Branch): string | undefined {
  const depthwise = convolutionsOf(reading, branch).filter(
    ({ convolution }) => convolution?.depthwise === true,
  );
  const pointwise = convolutionsOf(reading, branch).filter(
    ({ convolution }) => convolution?.pointwise === true,
  );
  if (depthwise.length !== 1 || pointwise.length === 0) return undefined;
  const others = convolutionsOf(reading, skip);
  if (others.length === 0) {
    const roles = [...skip.steps].map(({ role }) => role);
    const pooled = roles.filter((role) => role === 'pool').length === 1;
    if (pooled && roles.every((role) => role === 'pool' || POOLED.has(role))) {
      return [...branch.steps].some(({ role }) => role === 'shuffle') || isShuffled(reading, join)
        ? 'v1'
        : undefined;
    }
    if (!roles.every((role) => PASSING.has(role))) return undefined;
    if (isWhole(reading, skip, branch)) return undefined;
    return isShuffled(reading, join) || isSplitAfterShuffle(reading, skip) ? 'v2' : undefined;
  }
  const strided = [...others, ...depthwise].some(
    ({ convolution }) => convolution !== undefined && isStrided(convolution),
  );
  const parallel =
    others.some(({ convolution }) => convolution?.depthwise === true) && pointwise.length === 2;
  return strided && parallel && isShuffled(reading, join) ? 'v2-stride' : undefined;
}

/** Whether both branches read the whole of one value: a shortcut, no split. */
function isWhole(reading: Reading, skip: Branch, branch: Branch): boolean {
  const sliced = (step: Step): boolean =>
    ['Slice', 'Split', 'Gather', 'SequenceAt'].includes(opTypeOf(reading, step.node));
  const split = [...skip.sources].some((value) => !branch.sources.has(value));
  return !split && ![...skip.steps].some(sliced);
}

/** Whether the channels are shuffled behind a join: in one piece, or as groups that are then picked one by one. */
function isShuffled(reading: Reading, join: Step): boolean {
  let value: ValueId = outputOf(reading, join);
  for (let passed = 0; passed < WAY_LIMIT; passed += 1) {
    const readers = stepsAfter(reading, value);
    if (readers.some(({ role }) => role === 'shuffle')) return true;
    const [step] = readers;
    // A unit at the end of a stage may be shuffled only for one of its readers.
    if (step === undefined) return false;
    if (step.role !== 'activation' && step.role !== 'norm' && !PASSING.has(step.role)) return false;
    value = outputOf(reading, step);
  }
  return false;
}

/** Whether a slice is one of shuffled channels. */
function isSplitAfterShuffle(reading: Reading, skip: Branch): boolean {
  if ([...skip.steps].some(({ role }) => role === 'shuffle')) return true;
  let [value] = skip.sources;
  for (let passed = 0; passed < WAY_LIMIT && value !== undefined; passed += 1) {
    const step = stepBehind(reading, value);
    if (step?.role === 'shuffle') return true;
    if (step === undefined || !PASSING.has(step.role)) return false;
    [value] = step.inputs;
  }
  return false;
}
