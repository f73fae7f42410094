import type { ValueTypes } from '../graph/types.ts';
import type { GraphView, NodeId, Use, ValueId } from '../graph/view.ts';
import { isFloating } from '../onnx/data-type.ts';
import { formatName } from '../onnx/format-name.ts';
import { beginReading, outermost, outputOf, protoOf, type Reading, stepsAfter, usesOf } from './reading.ts';
import type { Site } from './site.ts';
import type { Step } from './step.ts';
import { readSteps } from './steps.ts';

/**
 * Where in its block a site is tapped, by the names of the paper (section 6.5, tables 14 and 15):
 *
 * - `standard`: the end of the residual branch, before the sum; in inverted residuals behind the depthwise convolution;
 * - `pre`: what the residual branch starts from; the skip goes on as it is;
 * - `post`: behind the sum and its activation, for all who read it;
 * - `identity`: the skip, beside the residual branch;
 * - `inner`: inside the branch, behind its 3x3 convolution: what the last 1x1 convolution reads.
 */
export type Placement = 'standard' | 'pre' | 'post' | 'identity' | 'inner';

/** All placements, the default first. */
export const PLACEMENTS: readonly Placement[] = ['standard', 'pre', 'post', 'identity', 'inner'];

/** Why a block has no such place. */
export interface PlacementRefusal {
  /** The site's id. */
  readonly id: string;
  readonly placement: Placement;
  readonly reason: 'no-such-place' | 'has-gate' | 'unknown-channels' | 'graph-input';
  /** One sentence. */
  readonly detail: string;
}

/** The paper's figures where it measured a loss against the standard place. */
const LOSSES: Partial<Record<Placement, string>> = {
  post: 'the paper measured a loss behind the sum: 22.78 % top-1 and 6.35 % top-5 error against 22.28 % and 6.03 % (table 14, SE-ResNet-50)',
};

/** What the paper measured to speak against a placement, or nothing. */
export function placementWarning(placement: Placement): string | undefined {
  return LOSSES[placement];
}

/** Graphs do not change, so each is read once however many sites are placed. */
const readings = new WeakMap<GraphView, { readonly types: ValueTypes; readonly reading: Reading }>();

/**
 * Moves a site to another place of its block: another value, other uses, its channels; id, kind and stage stay.
 *
 * A refusal says why the block has no such place.
 *
 * @example
 * ```ts
 * const placed = placeSite(view, types, site, 'post');
 * if (!('reason' in placed)) placed.value; // → the value behind the block's ReLU
 * ```
 */
export function placeSite(
  view: GraphView,
  types: ValueTypes,
  site: Site,
  placement: Placement,
): Site | PlacementRefusal {
  if (placement === 'standard') return site;
  const refuse = (reason: PlacementRefusal['reason'], detail: string): PlacementRefusal => ({
    id: site.id,
    placement,
    reason,
    detail,
  });
  const reading = readingOf(view, types);
  const found = FINDERS[placement](reading, site);
  if (typeof found === 'string') return refuse('no-such-place', found);
  const { value, uses } = found;
  if (value === site.value && sameUses(uses, site.uses)) return site;
  const shown = `"${formatName(value)}"`;
  if (uses.length === 0) return refuse('no-such-place', `nothing in the block reads ${shown}`);
  if (uses.some(({ kind }) => kind === 'output') && !view.producers.has(value)) {
    return refuse('graph-input', `${shown} is a graph input and a graph output: its name cannot be taken over`);
  }
  if (stepsAfter(reading, value).some(({ role, inputs }) => role === 'gate' && inputs.includes(value))) {
    return refuse('has-gate', `a channel gate scales ${shown} already`);
  }
  const type = types.get(value);
  const shape = type?.shape;
  if (type === undefined || shape === undefined || shape.length < 3 || shape.length > 5) {
    return refuse('unknown-channels', `the shape of ${shown} is not that of a map, or cannot be told`);
  }
  if (!isFloating(type.dataType)) return refuse('unknown-channels', `${shown} is not in floating point`);
  const channelAxis = reading.channelAxes.get(value) ?? site.channelAxis;
  const channels = shape[channelAxis];
  if (typeof channels !== 'number')
    return refuse('unknown-channels', `the channels of ${shown} cannot be told`);
  const sizes = shape.filter((_, axis) => axis !== 0 && axis !== channelAxis);
  const known = sizes.filter((size) => typeof size === 'number');
  const [reader] = uses.flatMap((use) => (use.kind === 'output' ? [] : [use.node]));
  return {
    ...site,
    value,
    uses,
    channels,
    channelAxis,
    rank: shape.length,
    dataType: type.dataType,
    stride: reading.strides.get(value) ?? site.stride,
    spatial: known.length === sizes.length ? known : null,
    node: reader ?? view.producers.get(value)?.node ?? site.node,
  };
}

function readingOf(view: GraphView, types: ValueTypes): Reading {
  const known = readings.get(view);
  if (known?.types === types) return known.reading;
  const reading = beginReading(view, types);
  readSteps(reading);
  readings.set(view, { types, reading });
  return reading;
}

/** A value to tap and the uses to redirect, or why there is none. */
type Place = { readonly value: ValueId; readonly uses: readonly Use[] } | string;

const FINDERS: Readonly<
  Record<Exclude<Placement, 'standard'>, (reading: Reading, site: Site) => Place>
> = { pre: findPre, post: findPost, identity: findIdentity, inner: findInner };

/**
 * The paper's unit is the residual branch, with the identity "in parallel to" it: SE-PRE is before the branch. Before the
 * fork, it would be the POST of the block before, which the paper found to be half a point worse.
 */
function findPre(reading: Reading, site: Site): Place {
  const { input } = site.block;
  const branch = branchNodes(reading, site);
  const uses = usesOf(reading, input).filter((use) => use.kind === 'input' && branch.has(use.node));
  return uses.length > 0 ? { value: input, uses } : 'the start of its branch cannot be told';
}

function findPost(reading: Reading, { block }: Site): Place {
  if (block.skip === undefined) return NO_SUM;
  const uses = usesOf(reading, block.output);
  const [step, ...more] = stepsAfter(reading, block.output);
  const isActivated =
    step?.role === 'activation' &&
    more.length === 0 &&
    uses.every((use) => use.kind === 'input' && outermost(reading, use.node) === step);
  const value = isActivated ? outputOf(reading, step) : block.output;
  return { value, uses: usesOf(reading, value) };
}

function findIdentity(reading: Reading, site: Site): Place {
  const { skip } = site.block;
  if (skip === undefined) return NO_SUM;
  const sums = sumNodes(reading, site.block.output);
  const uses = usesOf(reading, skip).filter((use) => use.kind === 'input' && sums.has(use.node));
  return uses.length > 0 ? { value: skip, uses } : 'its skip does not end in a sum that can be told';
}

/** In a bottleneck between the spatial convolution, with its norm and activation, and the 1x1 convolution behind. */
function findInner(reading: Reading, site: Site): Place {
  if (site.kind === 'inverted-residual' || site.kind === 'depthwise-separable') return site;
  if (site.kind !== 'residual') return `a block of kind "${site.kind}" has no 3x3 convolution inside it`;
  const last = convolutionBehind(reading, site.value, site.block.input);
  const [value] = last?.inputs ?? [];
  if (last?.convolution?.pointwise !== true || value === undefined)
    return 'its branch does not end in a 1x1 convolution behind a 3x3 one';
  const before = convolutionBehind(reading, value, site.block.input);
  if (before?.convolution === undefined || before.convolution.pointwise)
    return 'no 3x3 convolution stands before the last 1x1 convolution of its branch';
  const nodes = new Set(last.nodes);
  return {
    value,
    uses: usesOf(reading, value).filter((use) => use.kind === 'input' && nodes.has(use.node)),
  };
}

const NO_SUM = 'the block has no sum, and so no skip and nothing behind one';

/** What a branch is read through to its next convolution. */
const PASSED: ReadonlySet<string> = new Set(['activation', 'norm', 'affine', 'pass', 'pool']);

function convolutionBehind(reading: Reading, from: ValueId, stop: ValueId): Step | undefined {
  let at = from;
  for (let passed = 0; passed < 64 && at !== stop; passed += 1) {
    const producer = reading.view.producers.get(at);
    const step = producer === undefined ? undefined : reading.steps.get(producer.node);
    if (step === undefined || step.role === 'convolution') return step;
    const [input] = step.inputs;
    if (!PASSED.has(step.role) || input === undefined || step.inputs.length !== 1) return undefined;
    at = input;
  }
  return undefined;
}

/** The nodes of the block that lie between its input and the value that is tapped by default. */
function branchNodes(reading: Reading, site: Site): ReadonlySet<NodeId> {
  const nodes = new Set<NodeId>();
  const own = new Set(site.nodes);
  const waiting: ValueId[] = [site.value];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const producer = reading.view.producers.get(value);
    if (value === site.block.input || producer === undefined) continue;
    if (nodes.has(producer.node) || !own.has(producer.node)) continue;
    nodes.add(producer.node);
    waiting.push(...protoOf(reading, producer.node).input);
  }
  return nodes;
}

/** More operands than a block's sum has. */
const SUM_LIMIT = 16;

/** The node that gives a sum, and those of sums in it that nothing else reads. */
function sumNodes(reading: Reading, output: ValueId): ReadonlySet<NodeId> {
  const nodes = new Set<NodeId>();
  const waiting: ValueId[] = [output];
  for (let value = waiting.pop(); value !== undefined && nodes.size < SUM_LIMIT; value = waiting.pop()) {
    const producer = reading.view.producers.get(value);
    if (producer === undefined || reading.steps.get(producer.node)?.role !== 'sum') continue;
    if (value !== output && usesOf(reading, value).length !== 1) continue;
    nodes.add(producer.node);
    waiting.push(...protoOf(reading, producer.node).input);
  }
  return nodes;
}

function sameUses(a: readonly Use[], b: readonly Use[]): boolean {
  return a.length === b.length && a.every((use, index) => use === b[index]);
}
