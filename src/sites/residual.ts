import type { NodeId, ValueId } from '../graph/view.ts';
import { type Block, type Context, type Found, reject } from './block.ts';
import { BRANCH_RULES, type InnerBlocks } from './branch-rules.ts';
import type { Reading } from './reading.ts';
import { branchOf, forkOf, oneSource } from './region.ts';
import { makeResidual } from './residual-block.ts';
import { answersOf, askRules } from './rules.ts';
import type { Rejection } from './site.ts';
import type { Step } from './step.ts';
import { addsSkipLast, feedsSumAlone, OPERAND_LIMIT, sumTree } from './sum-tree.ts';
import { tellApart } from './tell-apart.ts';
import type { Tell } from './trial.ts';

/** What was found so far, and who listens. */
interface Judging {
  readonly inner: InnerBlocks;
  readonly tell: Tell | undefined;
}

/** A sum and what came of it. */
type Verdict = { readonly block: Block } | { readonly rejection: Rejection };

/**
 * Finds residual blocks: an Add or Sum that joins a skip branch and a residual branch of one fork value.
 *
 * Goes from the graph's inputs on, so that inner blocks are known before the skips around them. A block whose residual
 * branch is an inverted residual and nothing else is one, and taps what its project convolution reads.
 */
export function findResiduals({ reading, tell }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  const joins = new Uint8Array(reading.view.nodes.length);
  const nodes = new Uint8Array(reading.view.nodes.length);
  const attended = new Set<NodeId>();
  const judging = { inner: { joins, nodes, attended }, tell };
  const take = (verdict: Verdict): void => {
    if ('block' in verdict) {
      blocks.push(verdict.block);
      joins[verdict.block.anchor] = 1;
      for (const node of verdict.block.nodes) nodes[node] = 1;
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
      whole = judgeTree(reading, step, tree.operands, judging);
      if (whole !== undefined && isSettled(whole)) {
        take(whole);
        for (const part of tree.inner) {
          if ('block' in whole) joins[part.node] = 1;
          rejections.push(rejectPart(reading, part, judgeSum(reading, part, part.inputs, judging), whole));
        }
        return;
      }
    }
    // Not one sum of one block: each Add for itself, inner ones first.
    for (const part of tree.inner) {
      const verdict = judgeSum(reading, part, part.inputs, judging);
      if (isBlockInMerge(reading, verdict, whole)) take(verdict);
      else if (whole !== undefined) rejections.push(rejectPart(reading, part, verdict, whole));
    }
    take(judgeSum(reading, step, step.inputs, judging));
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
  judging: Judging,
): Verdict | undefined {
  const fork = operands.length > OPERAND_LIMIT ? undefined : forkOf(reading, operands);
  if (fork === undefined) return undefined;
  const branches = operands.map((operand) => branchOf(reading, operand, fork));
  if (!branches.every((branch) => branch !== undefined)) return undefined;
  if (oneSource(branches) === undefined) return undefined;
  return judgeSum(reading, step, addsSkipLast(reading, step, branches) ? step.inputs : operands, judging);
}

function judgeSum(
  reading: Reading,
  step: Step,
  operands: readonly ValueId[],
  { inner, tell }: Judging,
): Verdict {
  const { node } = step;
  const fork = operands.length > OPERAND_LIMIT ? undefined : forkOf(reading, operands);
  const branches =
    fork === undefined ? [undefined] : operands.map((operand) => branchOf(reading, operand, fork));
  const chosen = tellApart(reading, operands, branches);
  const refused =
    'detail' in chosen
      ? undefined
      : askRules(BRANCH_RULES, {
          reading,
          join: node,
          inner,
          source: chosen.source,
          residual: chosen.residual,
          steps: [...chosen.residual.steps],
          skips: chosen.skips,
        });
  const refusal = 'detail' in chosen ? chosen : refused;
  tell?.({
    kind: 'sum',
    node,
    operands,
    fork,
    branches,
    chosen: 'detail' in chosen ? undefined : chosen,
    answers: 'detail' in chosen ? [] : answersOf(BRANCH_RULES, refused),
    refusal,
  });
  if ('detail' in chosen) return { rejection: reject(reading, node, chosen.reason, chosen.detail) };
  if (refused !== undefined) return { rejection: reject(reading, node, refused.reason, refused.detail) };
  return { block: makeResidual(reading, step, chosen.source, chosen.residual, chosen.skips, tell) };
}
