import type { ValueId } from '../graph/view.ts';
import { isStrided } from './convolution.ts';
import { firstBehind, type Reading, stepBehind } from './reading.ts';
import { type Branch, oneSource } from './region.ts';
import type { Refusal } from './rules.ts';
import { readSkip, type Skip, weightOf } from './skip.ts';
import { startFromOtherChannels } from './slices.ts';
import type { Step, StepRole } from './step.ts';
import type { Chosen } from './trial.ts';

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

/** Tells skip and residual branch of a sum apart, or says why it has none: the branches are by operand. */
export function tellApart(
  reading: Reading,
  operands: readonly ValueId[],
  branches: readonly (Branch | undefined)[],
): Chosen | Refusal {
  if (!branches.every((branch) => branch !== undefined)) {
    return operands.some((operand) => changedResolution(reading, operand))
      ? { reason: 'merges-resolutions', detail: MERGES_RESOLUTIONS }
      : {
          reason: 'long-skip',
          detail: 'its branches have run apart for longer than any block is: a skip across the network',
        };
  }
  const source = oneSource(branches);
  if (branches.some(({ steps }) => [...steps].some(({ role }) => role === 'attention'))) {
    return {
      reason: 'attention',
      detail: 'adds what attention computed: a transformer layer, no convolutional block',
    };
  }
  if (source === undefined) {
    return {
      reason: 'no-fork',
      detail:
        'its operands have no value in common that both start from: different inputs, or parts of a split',
    };
  }
  const chosen = chooseResidual(reading, source, branches);
  if ('detail' in chosen) return chosen;
  if (chosen.skips.some(({ branch }) => startFromOtherChannels(reading, branch, chosen.residual))) {
    return {
      reason: 'no-fork',
      detail: 'its operands start from different channels of one value: parts of a split',
    };
  }
  return chosen;
}

function chooseResidual(reading: Reading, source: ValueId, branches: readonly Branch[]): Chosen | Refusal {
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
  return { source, residual: pick.branch, skips, why: only === undefined ? MOST_WORK : NO_SKIP };
}

const NO_SKIP =
  'the one branch that is no skip: it does more than hand on, project or reshape what it starts from';
const MOST_WORK = 'both could be a skip, and this one holds more or larger convolutions';

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
