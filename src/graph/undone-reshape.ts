import type { ValueTypes } from './types.ts';
import { type GraphView, type NodeId, producerOf, type ValueId, writerOf } from './view.ts';

/** A value that was reshaped, worked on entry by entry or row by row, and reshaped back. */
export interface UndoneReshape {
  /** The value before the first reshaping: it has the shape of the last one's result. */
  readonly source: ValueId;
  /** All nodes in between, both reshapings among them. */
  readonly nodes: readonly NodeId[];
  /** Whether a normalization, as one node or by means, is between the two. */
  readonly normalizes: boolean;
}

/** More than a group norm that is written out has. */
const NODE_LIMIT = 24;

const NORMALIZATIONS: ReadonlySet<string> = new Set([
  'InstanceNormalization',
  'LayerNormalization',
  'MeanVarianceNormalization',
  'ReduceMean',
]);

/** What keeps each entry where it is. */
const ARITHMETIC: ReadonlySet<string> = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Pow',
  'Sqrt',
  'Reciprocal',
  'Cast',
  'Identity',
]);

/**
 * Reads a Reshape as the end of what undoes an earlier one, as exporters write GroupNormalization: groups to channels,
 * an InstanceNormalization, and back.
 */
export function readUndoneReshape(
  view: GraphView,
  types: ValueTypes,
  node: NodeId,
): UndoneReshape | undefined {
  if (view.wires.opTypes[node] !== 'Reshape') return undefined;
  const nodes = new Set<NodeId>([node]);
  const waiting: ValueId[] = [view.nodes[node]?.input[0] ?? ''];
  let first: NodeId | undefined;
  let normalizes = false;
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const producer = writerOf(view, value);
    const proto = view.nodes[producer];
    if (proto === undefined) {
      // A weight; anything else is no part of this.
      if (value !== '' && !view.initializers.has(value)) return undefined;
      continue;
    }
    if (nodes.has(producer) || proto.opType === 'Constant') continue;
    nodes.add(producer);
    if (nodes.size > NODE_LIMIT) return undefined;
    if (proto.opType === 'Reshape') {
      if (first !== undefined) return undefined;
      first = producer;
      continue;
    }
    if (NORMALIZATIONS.has(proto.opType)) normalizes = true;
    else if (!ARITHMETIC.has(proto.opType)) return undefined;
    waiting.push(...(NORMALIZATIONS.has(proto.opType) ? proto.input.slice(0, 1) : proto.input));
  }
  const source = first === undefined ? undefined : view.nodes[first]?.input[0];
  if (source === undefined) return undefined;
  return hasShapeOf(view, types, node, source) ? { source, nodes: [...nodes], normalizes } : undefined;
}

/** Whether a node gives the shape of a value: by the sizes where they are known, else by the node that read them off it. */
export function hasShapeOf(view: GraphView, types: ValueTypes, node: NodeId, source: ValueId): boolean {
  const proto = view.nodes[node];
  const reader = producerOf(view, proto?.input[1] ?? '');
  if (reader?.opType === 'Shape' && reader.input[0] === source) return true;
  const before = types.get(source)?.shape;
  const after = types.get(proto?.output[0] ?? '')?.shape;
  return (
    before !== undefined &&
    before.length === after?.length &&
    before.every((dim, axis) => dim !== undefined && dim === after[axis])
  );
}
