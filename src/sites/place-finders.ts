import { ROOT } from '../graph/dominators.ts';
import { type NodeId, type Use, type ValueId, writerOf } from '../graph/view.ts';
import { outermost, outputOf, protoOf, type Reading, stepBehind, stepsAfter, usesOf } from './reading.ts';
import type { Site } from './site.ts';
import type { Step } from './step.ts';

/** A value to tap and the uses to redirect, or why there is none. */
export type Place = { readonly value: ValueId; readonly uses: readonly Use[] } | string;

/** Finds the place of each placement but the standard one. */
export const PLACE_FINDERS: Readonly<
  Record<'pre' | 'post' | 'identity' | 'inner', (reading: Reading, site: Site) => Place>
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
  if (block.skip === undefined || !isSum(reading, block.output)) return NO_SUM;
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
  if (skip === undefined || !isSum(reading, site.block.output)) return NO_SUM;
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

function isSum(reading: Reading, value: ValueId): boolean {
  return stepBehind(reading, value)?.role === 'sum';
}

/** What a branch is read through to its next convolution. */
const PASSED: ReadonlySet<string> = new Set(['activation', 'norm', 'affine', 'pass', 'pool']);

function convolutionBehind(reading: Reading, from: ValueId, stop: ValueId): Step | undefined {
  let at = from;
  for (let passed = 0; passed < 64 && at !== stop; passed += 1) {
    const step = stepBehind(reading, at);
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
    const node = writerOf(reading.view, value);
    if (value === site.block.input || nodes.has(node) || !own.has(node)) continue;
    nodes.add(node);
    waiting.push(...protoOf(reading, node).input);
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
    const node = writerOf(reading.view, value);
    if (node === ROOT || !isSum(reading, value)) continue;
    if (value !== output && usesOf(reading, value).length !== 1) continue;
    nodes.add(node);
    waiting.push(...protoOf(reading, node).input);
  }
  return nodes;
}
