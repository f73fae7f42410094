import type { NodeId, ValueId } from '../graph/view.ts';
import { type Block, type Context, type Found, reject } from './block.ts';
import { type InnerBlocks, judgeBranch } from './branch-rules.ts';
import { isStrided } from './convolution.ts';
import { firstBehind, type Reading, stepBehind } from './reading.ts';
import { type Branch, branchOf, forkOf } from './region.ts';
import { makeResidual } from './residual-block.ts';
import type { Rejection } from './site.ts';
import { readSkip, type Skip, weightOf } from './skip.ts';
import { startFromOtherChannels } from './slices.ts';
import type { Step, StepRole } from './step.ts';
import { addsSkipLast, feedsSumAlone, OPERAND_LIMIT, sumTree } from './sum-tree.ts';

/** A sum and what came of it. */
type Verdict = { readonly block: Block } | { readonly rejection: Rejection };

/**
 * Finds residual blocks: an Add or Sum that joins a skip branch and a residual branch of one fork value.
 *
 * Goes from the graph's inputs on, so that inner blocks are known before the skips around them. A block whose residual
 * branch is an inverted residual and nothing else is one, and taps what its project convolution reads.
 */
export function findResiduals({ reading }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  const joins = new Set<NodeId>();
  const nodes = new Set<NodeId>();
  const attended = new Set<NodeId>();
  const inner = { joins, nodes, attended };
  const take = (verdict: Verdict): void => {
    if ('block' in verdict) {
      blocks.push(verdict.block);
      joins.add(verdict.block.anchor);
      for (const node of verdict.block.nodes) nodes.add(node);
    } else {
      const { node, reason } = verdict.rejection;
      rejections.push(verdict.rejection);
      if (reason === 'attention' || reason === 'position-embedding') attended.add(node);
    }
  };
  const judge = (step: Step): void => {
    const tree = sumTree(reading, step);
    let whole: Verdict | undefined;
    if (tree.operands.length > 2) {
      whole = judgeTree(reading, step, tree.operands, inner);
      if (whole !== undefined && isSettled(whole)) {
        take(whole);
        for (const part of tree.inner) {
          if ('block' in whole) joins.add(part.node);
          rejections.push(rejectPart(reading, part, judgeSum(reading, part, part.inputs, inner), whole));
        }
        return;
      }
    }
    // Not one sum of one block: each Add for itself, inner ones first.
    for (const part of tree.inner) {
      const verdict = judgeSum(reading, part, part.inputs, inner);
      if (isBlockInMerge(reading, verdict, whole)) take(verdict);
      else if (whole !== undefined) rejections.push(rejectPart(reading, part, verdict, whole));
    }
    take(judgeSum(reading, step, step.inputs, inner));
  };
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.role !== 'sum' || reading.owners[node] !== undefined || feedsSumAlone(reading, step)) continue;
    judge(step);
  }
  return { blocks, rejections };
}

/** An Add inside a larger sum that is a block, or that is none and leaves no part of it one. */
function rejectPart(reading: Reading, { node }: Step, alone: Verdict, whole: Verdict): Rejection {
  const keeps =
    'rejection' in alone && (alone.rejection.reason === 'merges-branches' || 'rejection' in whole);
  if (keeps) return alone.rejection;
  if ('rejection' in whole) return reject(reading, node, whole.rejection.reason, whole.rejection.detail);
  return reject(
    reading,
    node,
    'nested',
    'adds some of the operands of a residual block, whose sum is further on',
  );
}

/** Branches of one value of which several compute are no block, and no two of them are one either. */
function isSettled(verdict: Verdict): boolean {
  return 'block' in verdict || verdict.rejection.reason === 'merges-branches';
}

/** A block in what merges resolutions must not itself have come back from another one. */
function isBlockInMerge(reading: Reading, verdict: Verdict, whole: Verdict | undefined): boolean {
  if ('rejection' in verdict || whole === undefined) return true;
  return !verdict.block.nodes.some((node) => reading.steps[node]?.role === 'upsample');
}

/**
 * Judges several operands of one value together, as a Sum: RepVGG's three branches and the like.
 *
 * Where the last Add adds the skip, what it is added to is the residual branch; else the one operand that is no skip is. Gives nothing where the operands do not start from one value.
 */
function judgeTree(
  reading: Reading,
  step: Step,
  operands: readonly ValueId[],
  inner: InnerBlocks,
): Verdict | undefined {
  const fork = operands.length > OPERAND_LIMIT ? undefined : forkOf(reading, operands);
  if (fork === undefined) return undefined;
  const branches = operands.map((operand) => branchOf(reading, operand, fork));
  if (!branches.every((branch) => branch !== undefined)) return undefined;
  const sources = new Set(branches.flatMap((branch) => [...branch.sources]));
  if (sources.size !== 1) return undefined;
  return judgeSum(reading, step, addsSkipLast(reading, step, branches) ? step.inputs : operands, inner);
}

function judgeSum(reading: Reading, step: Step, operands: readonly ValueId[], inner: InnerBlocks): Verdict {
  const { node } = step;
  const no = (reason: Rejection['reason'], detail: string): Verdict => ({
    rejection: reject(reading, node, reason, detail),
  });
  const fork = operands.length > OPERAND_LIMIT ? undefined : forkOf(reading, operands);
  const branches =
    fork === undefined ? [undefined] : operands.map((operand) => branchOf(reading, operand, fork));
  if (!branches.every((branch) => branch !== undefined)) {
    return operands.some((operand) => changedResolution(reading, operand))
      ? no('merges-resolutions', MERGES_RESOLUTIONS)
      : no(
          'long-skip',
          'its branches have run apart for longer than any block is: a skip across the network',
        );
  }
  const sources = new Set(branches.flatMap((branch) => [...branch.sources]));
  const [source] = sources;
  if (branches.some(({ steps }) => [...steps].some(({ role }) => role === 'attention'))) {
    return no('attention', 'adds what attention computed: a transformer layer, no convolutional block');
  }
  if (source === undefined || sources.size > 1) {
    return no(
      'no-fork',
      'its operands have no value in common that both start from: different inputs, or parts of a split',
    );
  }
  const chosen = chooseResidual(reading, branches);
  if ('detail' in chosen) return no(chosen.reason, chosen.detail);
  const { residual, skips } = chosen;
  if (skips.some(({ branch }) => startFromOtherChannels(reading, branch, residual))) {
    return no('no-fork', 'its operands start from different channels of one value: parts of a split');
  }
  const refusal = judgeBranch({ reading, join: node, source, residual, skips, inner });
  if (refusal !== undefined) return no(refusal.reason, refusal.detail);
  return { block: makeResidual(reading, step, source, residual, skips) };
}

const MERGES_RESOLUTIONS =
  'adds maps that were computed at different resolutions: a merge of a pyramid, a decoder or parallel branches';

/** What is looked through to see how a value came to its resolution. */
const SINCE_RESOLUTION: ReadonlySet<StepRole> = new Set([
  'activation',
  'norm',
  'affine',
  'pass',
  'transpose',
]);

/** Merges of several resolutions are sums of sums. */
const SUM_LIMIT = 4;

/** Whether the last thing of weight that was done to a value brought it to another resolution. */
function changedResolution(reading: Reading, value: ValueId, sums = SUM_LIMIT): boolean {
  const step = firstBehind(reading, value, SINCE_RESOLUTION);
  if (step?.role === 'upsample') return true;
  if (step?.role === 'sum' && sums > 0) {
    return step.inputs.some((input) => changedResolution(reading, input, sums - 1));
  }
  if (step?.convolution === undefined) return false;
  if (isStrided(step.convolution)) return true;
  const [input] = step.inputs;
  return input !== undefined && firstBehind(reading, input, SINCE_RESOLUTION)?.role === 'upsample';
}

interface Chosen {
  readonly residual: Branch;
  readonly skips: readonly Skip[];
}

/** Tells skip and residual branch apart. */
function chooseResidual(
  reading: Reading,
  branches: readonly Branch[],
): Chosen | { readonly reason: Rejection['reason']; readonly detail: string } {
  const read = branches.map((branch) => ({
    branch,
    skip: readSkip(reading, branch),
    weight: weightOf(branch.steps),
  }));
  const others = read.filter(({ skip }) => skip === undefined);
  const [only, second] = others;
  if (second !== undefined) {
    const last = branches.map(({ operand }) => stepBehind(reading, operand)?.role);
    if (last.includes('gate') && last.every((role) => role === 'gate' || role === 'product')) {
      return {
        reason: 'has-gate',
        detail: 'adds gated copies of its features: a channel gate beside another gate',
      };
    }
    const changed =
      branches.some(({ steps }) => [...steps].some(({ role }) => role === 'upsample')) ||
      branches.some(({ operand }) => changedResolution(reading, operand));
    return changed
      ? { reason: 'merges-resolutions', detail: MERGES_RESOLUTIONS }
      : {
          reason: 'merges-branches',
          detail: 'adds branches that both compute: neither is a skip or a projection of the fork',
        };
  }
  const most = Math.max(...read.map(({ weight }) => weight));
  const [heaviest, ...equal] = read.filter(({ weight }) => weight === most);
  const pick = only ?? heaviest;
  if (pick === undefined || (only === undefined && equal.length > 0)) {
    return pick === undefined || pick.weight === 0
      ? { reason: 'no-convolution', detail: 'neither of its branches holds a convolution with weights' }
      : {
          reason: 'merges-branches',
          detail: 'adds two projections of one value: neither is the residual branch',
        };
  }
  const skips = read
    .filter((entry) => entry !== pick)
    .flatMap(({ skip }) => (skip === undefined ? [] : [skip]));
  if (skips.some((skip) => isAsDeep(reading, skip, pick.branch))) {
    return {
      reason: 'merges-branches',
      detail: 'adds convolutions that stride side by side: none of them projects for another',
    };
  }
  return { residual: pick.branch, skips };
}

/** A strided convolution over positions projects for a branch that convolves more than once; beside one like it, it is its peer. */
function isAsDeep(reading: Reading, { convolutions }: Skip, branch: Branch): boolean {
  if (convolutions.length === 0 || convolutions.some(({ convolution }) => convolution?.pointwise === true)) {
    return false;
  }
  return deepest(reading, branch) <= convolutions.length;
}

/** The most convolutions that lie on one path through a branch. */
function deepest(reading: Reading, { operand, steps }: Branch): number {
  const known = new Map<Step, number>();
  const depth = (value: ValueId): number => {
    const step = stepBehind(reading, value);
    if (step === undefined || !steps.has(step)) return 0;
    const before = known.get(step);
    if (before !== undefined) return before;
    const own = step.convolution === undefined ? 0 : 1;
    const found = own + Math.max(0, ...step.inputs.map(depth));
    known.set(step, found);
    return found;
  };
  return depth(operand);
}
