import { multiplyDims } from '../graph/shapes/dims.ts';
import type { ValueTypes } from '../graph/types.ts';
import { readUndoneReshape } from '../graph/undone-reshape.ts';
import { ValueTable } from '../graph/value-table.ts';
import type { GraphView, NodeId, ValueId } from '../graph/view.ts';
import type { ValueNumber } from '../graph/wires.ts';
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
  data: readonly boolean[],
  convolutions: readonly (Convolution | undefined)[],
): ValueTable<number> {
  const { names, inputs, opTypes, writes } = view.wires;
  const axes = new ValueTable<number>(view.wires);
  const typeOf = ValueTable.of(view.wires, types).byNumber;
  const shapeOf = (value: ValueNumber): readonly Dim[] | undefined => typeOf[value]?.shape;
  for (const node of order) {
    const opType = opTypes[node] ?? '';
    const convolution = convolutions[node];
    const source = inputs[node]?.find((value) => data[value] === true && axes.byNumber[value] !== undefined);
    const reshaped = readUndoneReshape(view, types, node);
    const undone = reshaped && axes.get(reshaped.source);
    for (const value of writes[node] ?? []) {
      if (data[value] !== true) continue;
      if (convolution !== undefined)
        axes.byNumber[value] = axisOfConvolution(convolution, types, names[value] ?? '');
      else if (undone !== undefined) axes.byNumber[value] = undone;
      else if (source !== undefined) {
        const axis = axes.byNumber[source] ?? 1;
        axes.byNumber[value] =
          opType === 'Transpose'
            ? axisTransposed(view.nodes[node], axis, shapeOf(source))
            : axisBehind(opType, axis, shapeOf(source), shapeOf(value));
      }
    }
  }
  return axes;
}

function axisOfConvolution(
  { channelAxis, form, data }: Convolution,
  types: ValueTypes,
  value: ValueId,
): number | undefined {
  if (channelAxis >= 0) return channelAxis;
  const rank = types.get(value)?.shape?.length ?? types.get(data)?.shape?.length;
  if (rank === undefined) return form === 'matmul' ? undefined : 4 + channelAxis;
  return rank + channelAxis;
}

function axisTransposed(
  proto: NodeProto | undefined,
  axis: number,
  before: readonly Dim[] | undefined,
): number | undefined {
  const perm = proto?.attribute.get('perm')?.ints;
  if (perm !== undefined) return perm.includes(axis) ? perm.indexOf(axis) : undefined;
  return before === undefined ? undefined : before.length - 1 - axis;
}

function axisBehind(
  opType: string,
  axis: number,
  before: readonly Dim[] | undefined,
  after: readonly Dim[] | undefined,
): number | undefined {
  if (!LAYOUTS.has(opType)) return sameRank(before, after) ? axis : undefined;
  if (opType !== 'Reshape' && sameRank(before, after)) return axis;
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
  const same = after.findIndex((_, at) => isSameAxis(axis, before, at, after));
  if (same >= 0) return same;
  if (axis === 1 && after.length >= 2 && after[1] === before[1] && before[1] !== undefined) return 1;
  if (axis === before.length - 1 && after.at(-1) === before.at(-1) && before.at(-1) !== undefined) {
    return after.length - 1;
  }
  return undefined;
}

/** Whether an axis is one of another shape of the same entries: as long, with as many entries before or behind it. */
export function isSameAxis(a: number, before: readonly Dim[], b: number, after: readonly Dim[]): boolean {
  const [size, other] = [before[a], after[b]];
  if (size === undefined || size === 1 || size !== other) return false;
  return (
    isSameCount(before.slice(0, a), after.slice(0, b)) || isSameCount(before.slice(a + 1), after.slice(b + 1))
  );
}

function isSameCount(a: readonly Dim[], b: readonly Dim[]): boolean {
  const [count, other] = [multiplyDims(a), multiplyDims(b)];
  return count !== undefined && count === other;
}
