import type { ValueTypes } from '../graph/types.ts';
import type { GraphView, NodeId, ValueId } from '../graph/view.ts';
import type { Dim, NodeProto } from '../onnx/model-file.ts';
import type { Convolution } from './convolution.ts';
import { LAYOUTS } from './operators.ts';

/**
 * Follows the channel axis through the graph: convolutions set it, Transposes move it, matrix products have it last.
 *
 * Values of which it cannot be told (graph inputs, most reshapings) are left out.
 */
export function channelAxesOf(
  view: GraphView,
  types: ValueTypes,
  order: readonly NodeId[],
  isData: (value: ValueId) => boolean,
  convolutions: ReadonlyMap<NodeId, Convolution>,
): ReadonlyMap<ValueId, number> {
  const axes = new Map<ValueId, number>();
  for (const node of order) {
    const proto = view.nodes[node];
    if (proto === undefined) continue;
    const convolution = convolutions.get(node);
    for (const value of proto.output) {
      if (value === '' || !isData(value)) continue;
      const axis =
        convolution !== undefined
          ? axisOfConvolution(convolution, types, value)
          : axisBehind(proto, types, axes, isData, value);
      if (axis !== undefined) axes.set(value, axis);
    }
  }
  return axes;
}

function axisOfConvolution(
  { channelsLast, form, data }: Convolution,
  types: ValueTypes,
  value: ValueId,
): number | undefined {
  if (!channelsLast) return 1;
  const rank = types.get(value)?.shape?.length ?? types.get(data)?.shape?.length;
  if (rank === undefined) return form === 'matmul' ? undefined : 3;
  return rank - 1;
}

function axisBehind(
  proto: NodeProto,
  types: ValueTypes,
  axes: ReadonlyMap<ValueId, number>,
  isData: (value: ValueId) => boolean,
  value: ValueId,
): number | undefined {
  const source = proto.input.find((input) => isData(input) && axes.has(input));
  const axis = source === undefined ? undefined : axes.get(source);
  if (source === undefined || axis === undefined) return undefined;
  const before = types.get(source)?.shape;
  const after = types.get(value)?.shape;
  if (proto.opType === 'Transpose') {
    const perm = proto.attribute.get('perm')?.ints;
    if (perm !== undefined) return perm.includes(axis) ? perm.indexOf(axis) : undefined;
    return before === undefined ? undefined : before.length - 1 - axis;
  }
  if (!LAYOUTS.has(proto.opType)) return sameRank(before, after) ? axis : undefined;
  if (proto.opType !== 'Reshape' && sameRank(before, after)) return axis;
  return axisOfReshaped(axis, before, after);
}

function sameRank(before: readonly Dim[] | undefined, after: readonly Dim[] | undefined): boolean {
  return before === undefined || after === undefined || before.length === after.length;
}

/** Behind a reshaping, the axis is the one of the same size at the same end. */
function axisOfReshaped(
  axis: number,
  before: readonly Dim[] | undefined,
  after: readonly Dim[] | undefined,
): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (before.length === after.length) return before[axis] === after[axis] ? axis : undefined;
  if (axis === 1 && after.length >= 2 && after[1] === before[1] && before[1] !== undefined) return 1;
  if (axis === before.length - 1 && after.at(-1) === before.at(-1) && before.at(-1) !== undefined) {
    return after.length - 1;
  }
  return undefined;
}
