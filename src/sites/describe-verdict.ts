import type { NodeId } from '../graph/view.ts';
import type { Block } from './block.ts';
import { isLeftOut } from './condense.ts';
import { describeStep } from './describe-step.ts';
import { refTo } from './explain-parts.ts';
import type { ExplainedSite, ExplainedVerdict } from './explanation.ts';
import type { Search } from './find-sites.ts';
import { outermost, type Reading } from './reading.ts';
import type { Site } from './site.ts';
import type { Step } from './step.ts';
import type { SumTrial } from './trial.ts';

const NOTHING = { site: null, part: null, judgedAt: null, reason: null, detail: null };

/** Says what a search has made of a node. */
export function describeVerdict(
  { report, reading, taken }: Search,
  node: NodeId,
  sums: readonly SumTrial[],
): ExplainedVerdict {
  const block = taken[node];
  // A site lists the nodes of the block that it was made of.
  const site = block && report.sites.find(({ nodes }) => nodes === block.nodes);
  const shown = site === undefined ? null : explainSite(site);
  const rejection = report.rejections.find((candidate) => candidate.node === node);
  if (site !== undefined && block?.anchor === node) return { ...NOTHING, kind: 'site', site: shown };
  const judgedAt = block === undefined || block.anchor === node ? null : refTo(reading, block.anchor);
  const part = block === undefined ? null : partOf(reading, block, node, sums);
  if (rejection !== undefined) {
    const { reason, detail } = rejection;
    const within = shown === null ? NOTHING : { site: shown, part, judgedAt };
    return { ...within, kind: 'rejected', reason, detail };
  }
  if (site !== undefined) return { ...NOTHING, kind: 'part', site: shown, part, judgedAt };
  const why = report.rejections.find((candidate) => candidate.node === block?.anchor);
  if (block !== undefined && why !== undefined) {
    return {
      ...NOTHING,
      kind: 'rejected',
      part,
      judgedAt,
      reason: why.reason,
      detail: `${part} of a block of the kind "${block.kind}" that was turned down: ${why.detail}`,
    };
  }
  return { ...NOTHING, kind: 'no-candidate', detail: noCandidate(reading, node) };
}

function explainSite({ id, kind, variant, value, channels, stage, stride }: Site): ExplainedSite {
  return { id, kind, variant, value, channels, stage, stride };
}

function partOf(reading: Reading, block: Block, node: NodeId, sums: readonly SumTrial[]): string {
  const step = outermost(reading, node);
  const isIn = (steps: Iterable<Step> | undefined): boolean =>
    steps !== undefined && [...steps].some(({ nodes }) => nodes.includes(node));
  if (node === block.anchor) return 'the candidate itself';
  if (block.gate?.nodes.includes(node) === true) return 'the gate';
  if (step?.node === block.project) return 'the project convolution';
  if (step?.node === block.expand) return 'the expand convolution';
  if (step?.convolution?.depthwise === true) return 'the depthwise convolution';
  const chosen = sums.findLast((trial) => trial.node === block.anchor)?.chosen;
  if (isIn(chosen?.residual.steps)) return 'a step of the residual branch';
  if (chosen?.skips.some(({ branch }) => isIn(branch.steps)) === true) return 'a step of the skip branch';
  return 'a step in between';
}

const CANDIDATES =
  'candidates are joins of branches (Add, Sum, Concat, Mul) and depthwise convolutions, and layers of plain convolutions where a network has nothing else';

function noCandidate(reading: Reading, node: NodeId): string {
  if (isLeftOut(reading, node))
    return 'it hands its input on as it is: the graph is read as if it were not there';
  const step = outermost(reading, node);
  if (step === undefined) {
    return 'it computes weights, constants or shapes, whatever the input holds: blocks go where features are';
  }
  const what = describeStep(reading, step);
  return step.nodes.length > 1
    ? `it is part of a step (${what}) that is no candidate by itself: ${CANDIDATES}`
    : `it is no candidate (${what}): ${CANDIDATES}`;
}
