import { ROOT } from '../graph/dominators.ts';
import { type NodeId, type ValueId, writerOf } from '../graph/view.ts';
import { allUses, type Block, type Context, type Found } from './block.ts';
import { joinsChannels } from './module-branches.ts';
import { firstBehind, opTypeOf, outputOf, type Reading } from './reading.ts';
import { type Branch, branchOf, forkOf, nodesOf } from './region.ts';
import type { Step, StepRole } from './step.ts';

/** A layer: a Concat that keeps all it had and adds what one branch computed from it. */
interface Layer {
  readonly join: Step;
  /** What it keeps, as one value. */
  readonly kept: ValueId;
  readonly branch: Branch;
}

/**
 * Finds the layers of DenseNets: new features, computed from everything before, that a Concat adds to it.
 *
 * Both ways to write it count: Concat of the last Concat and the new features, or of all features so far. One alone is any
 * shortcut by Concat; two or more in a row are a dense block.
 */
export function findDenseLayers({ reading, taken }: Context): Found {
  const byInputs = new Map<string, ValueId>();
  const layers: Layer[] = [];
  const byOutput = new Map<ValueId, Layer>();
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step === undefined || opTypeOf(reading, node).endsWith('Concat') === false) continue;
    if (taken[node] !== undefined || reading.owners[node] !== undefined || !joinsChannels(reading, step))
      continue;
    byInputs.set(keyOf(step.inputs), outputOf(reading, step));
    const layer = step.role === 'concat' ? readLayer(reading, step, byInputs) : undefined;
    if (layer === undefined || [...layer.branch.steps].some((inner) => taken[inner.node] !== undefined))
      continue;
    layers.push(layer);
    byOutput.set(outputOf(reading, step), layer);
  }
  const chained = new Set<Layer>();
  for (const layer of layers) {
    const before = byOutput.get(joinBehind(reading, layer.kept));
    if (before !== undefined) chained.add(before).add(layer);
  }
  return {
    blocks: layers.filter((layer) => chained.has(layer)).map((layer) => makeBlock(reading, layer)),
    rejections: [],
  };
}

/** Some activate what they have joined before they keep it (EDANet). */
const AFTER_JOIN: ReadonlySet<StepRole> = new Set(['activation', 'norm', 'affine', 'pass']);

/** The Concat behind what is kept, where only an activation and the like lie between; else the value itself. */
function joinBehind(reading: Reading, kept: ValueId): ValueId {
  const step = firstBehind(reading, kept, AFTER_JOIN);
  return step?.role === 'concat' ? outputOf(reading, step) : kept;
}

function keyOf(values: readonly ValueId[]): string {
  return values.map((value) => `${value.length}:${value}`).join(',');
}

function readLayer(reading: Reading, join: Step, byInputs: ReadonlyMap<string, ValueId>): Layer | undefined {
  const { inputs } = join;
  // New features come last, or first where a framework puts them so.
  return (
    layerOf(reading, join, inputs.slice(0, -1), inputs.at(-1), byInputs) ??
    layerOf(reading, join, inputs.slice(1), inputs[0], byInputs)
  );
}

function layerOf(
  reading: Reading,
  join: Step,
  keeps: readonly ValueId[],
  fresh: ValueId | undefined,
  byInputs: ReadonlyMap<string, ValueId>,
): Layer | undefined {
  const kept = byInputs.get(keyOf(keeps)) ?? (keeps.length === 1 ? keeps[0] : undefined);
  if (kept === undefined || fresh === undefined) return undefined;
  const fork = forkOf(reading, [kept, fresh]);
  if (fork === ROOT || fork !== writerOf(reading.view, kept)) return undefined;
  const branch = branchOf(reading, fresh, fork);
  if (branch === undefined || branch.sources.size !== 1 || !branch.sources.has(kept)) return undefined;
  const steps = [...branch.steps];
  const works = steps.some(({ convolution }) => convolution?.form === 'conv');
  const foreign = steps.some(
    ({ role }) => role === 'upsample' || role === 'attention' || role === 'recurrent' || role === 'other',
  );
  return works && !foreign ? { join, kept, branch } : undefined;
}

function makeBlock(reading: Reading, { join, kept, branch }: Layer): Block {
  const value = branch.operand;
  const uses = allUses(reading, value).filter(
    (use) => use.kind === 'input' && opTypeOf(reading, use.node).endsWith('Concat'),
  );
  const readers = uses.flatMap((use): NodeId[] => (use.kind === 'input' ? [use.node] : []));
  return {
    kind: 'dense',
    variant: join.inputs.length > 2 ? 'all' : 'chain',
    value,
    uses,
    reader: readers[0] ?? join.node,
    anchor: join.node,
    nodes: nodesOf([join], branch.steps),
    around: { input: kept, output: outputOf(reading, join), skip: kept },
    gate: [...branch.steps].find(({ role }) => role === 'gate'),
    project: undefined,
    expand: undefined,
  };
}
