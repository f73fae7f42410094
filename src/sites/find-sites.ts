import type { ValueTypes } from '../graph/types.ts';
import type { GraphView, NodeId } from '../graph/view.ts';
import type { Block, Context, Found } from './block.ts';
import { findDecoderStages } from './decoder.ts';
import { findDenseLayers } from './dense.ts';
import { findDepthwiseSeparables } from './depthwise-separable.ts';
import { explainRest } from './explain-rest.ts';
import { gateOn } from './forward.ts';
import { findInceptions } from './inception.ts';
import { findLoneInvertedResiduals } from './lone-inverted-residual.ts';
import { makeSites } from './make-sites.ts';
import { rejectNested } from './nested-graphs.ts';
import { findPlains } from './plain.ts';
import { beginReading, channelsOf, type Reading } from './reading.ts';
import { findResiduals } from './residual.ts';
import { findShuffles } from './shuffle.ts';
import type { ExistingGate, Rejection, SiteKind, SiteReport } from './site.ts';
import type { Step } from './step.ts';
import { readSteps } from './steps.ts';
import type { Tell } from './trial.ts';

/** Which families are looked for. */
export interface SiteOptions {
  /** `auto` takes what suits the network, `all` everything; a list takes those families and no others. */
  readonly kinds?: 'auto' | 'all' | readonly SiteKind[] | undefined;
}

const SITE_KINDS: readonly SiteKind[] = [
  'residual',
  'inverted-residual',
  'depthwise-separable',
  'shuffle',
  'inception',
  'fire',
  'dense',
  'plain',
  'decoder',
];

/** In this order: what an earlier one has made out, a later one leaves alone. */
const FINDERS: readonly ((context: Context) => Found)[] = [
  findResiduals,
  findShuffles,
  findInceptions,
  findDenseLayers,
  findLoneInvertedResiduals,
  findDepthwiseSeparables,
  findDecoderStages,
  findPlains,
];

/**
 * Finds where blocks of channel attention belong in a graph, and says of everything that looks alike why it is none.
 *
 * Reads topology only, never names. Linear in the size of the graph.
 *
 * @example
 * ```ts
 * const report = findSites(view, inferTypes(view));
 * report.sites.map((site) => site.id); // → ['2_1', '2_2', '2_3', '3_1', ...]
 * ```
 */
export function findSites(view: GraphView, types: ValueTypes, options: SiteOptions = {}): SiteReport {
  return searchSites(view, types, options).report;
}

/** Bodies in bodies and functions in functions are followed this far. */
const DEPTH_LIMIT = 4;

/** A search for sites with what it went through. */
export interface Search {
  readonly report: SiteReport;
  readonly reading: Reading;
  /** The block that each node belongs to. */
  readonly taken: readonly (Block | undefined)[];
}

/** Finds sites as {@link findSites} does, and shows how: `tell` hears of every candidate that was judged by rules. */
export function searchSites(
  view: GraphView,
  types: ValueTypes,
  options: SiteOptions,
  tell: Tell | undefined = undefined,
  depth = 0,
): Search {
  const reading = beginReading(view, types);
  readSteps(reading);
  const kinds = options.kinds ?? 'auto';
  const asked = new Set<SiteKind>(kinds === 'auto' ? [] : kinds === 'all' ? SITE_KINDS : kinds);
  const taken = new Array<Block | undefined>(view.nodes.length);
  const blocks: Block[] = [];
  const rejections = new Map<NodeId, Rejection>();
  const note = (rejection: Rejection): void => {
    if (!rejections.has(rejection.node)) rejections.set(rejection.node, rejection);
  };
  for (const find of FINDERS) {
    const found = find({ reading, taken, asked, tell });
    for (const made of found.blocks) {
      const gate = made.gate ?? gateOn(reading, made.value);
      const block = gate === made.gate ? made : { ...made, gate };
      blocks.push(block);
      for (const node of block.nodes) taken[node] ??= block;
    }
    found.rejections.forEach(note);
  }
  const made = makeSites(reading, blocks, (block) => kinds === 'auto' || asked.has(block.kind));
  made.rejections.forEach(note);
  explainRest(reading, taken, rejections).forEach(note);
  if (depth < DEPTH_LIMIT) {
    rejectNested(
      view,
      types,
      (inner, innerTypes) => searchSites(inner, innerTypes, options, undefined, depth + 1).report.sites,
    ).forEach(note);
  }
  const report = {
    sites: made.sites,
    rejections: [...rejections.values()].sort((a, b) => a.node - b.node),
    existing: gatesOf(reading, blocks, taken),
  };
  return { report, reading, taken };
}

function gatesOf(
  reading: Reading,
  blocks: readonly Block[],
  taken: readonly (Block | undefined)[],
): readonly ExistingGate[] {
  const inBlocks = new Set(blocks.map(({ gate }) => gate?.node));
  return reading.order
    .map((node) => reading.steps[node])
    .filter((step): step is Step => step?.role === 'gate')
    .map((gate) => ({
      node: gate.node,
      // As the product reads it.
      value:
        reading.written.nodes[gate.node]?.input.find((value) => reading.originOf(value) === gate.inputs[0]) ??
        '',
      kind: inBlocks.has(gate.node) || taken[gate.node] !== undefined ? 'se' : 'gate',
      channels: channelsOf(reading, gate.inputs[0] ?? ''),
    }));
}
