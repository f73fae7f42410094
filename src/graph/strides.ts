import { DataType, isFloating } from '../onnx/data-type.ts';
import { orderNodes } from './order.ts';
import { type AxisStrides, type StrideOperands, strideRuleOf } from './stride-rules.ts';
import type { ValueTypes } from './types.ts';
import { readUndoneReshape } from './undone-reshape.ts';
import { ValueTable } from './value-table.ts';
import type { GraphView, ValueId } from './view.ts';
import { LEFT_OUT } from './wires.ts';

/**
 * How many positions of the network's input one position of a value stands for, along the axis where they are most:
 * networks for video halve time later than space, those for lines of text the width later than the height.
 *
 * Told from the operators (strides of convolutions and poolings multiply; Resize, transposed convolutions and DepthToSpace
 * divide), so it is there for dynamic sizes too; sizes are asked only where no operator tells. Where branches meet, the
 * larger stride counts. Values without spatial axes (weights, logits, gates) have none.
 *
 * @example
 * ```ts
 * stridesOf(view, inferTypes(view)).get('layer4_relu'); // → 32
 * ```
 */
export function stridesOf(view: GraphView, types: ValueTypes): ReadonlyMap<ValueId, number> {
  const { numbers, inputs: nodeInputs, opTypes, reads, writes } = view.wires;
  const axes = new Array<AxisStrides | undefined>(numbers.size);
  const divided = new Array<boolean>(numbers.size).fill(false);
  const typeOf = ValueTable.of(view.wires, types).byNumber;
  let image: readonly (number | undefined)[] | undefined;
  const inputs = [...view.inputs.keys()].filter((name) => !view.initializers.has(name));
  const isShort = (name: ValueId): boolean => (types.get(name)?.shape?.length ?? 2) < 2;
  const onlyShort = inputs.every(isShort);
  for (const name of inputs) {
    const type = types.get(name);
    // Lengths, thresholds and the like are no images; alone, a file's bytes become one, and a signal is one.
    if (isShort(name) && !onlyShort) continue;
    const isFile = isShort(name) && !isFloating(type?.dataType ?? DataType.UNDEFINED);
    const shape = type?.shape;
    axes[numbers.get(name) ?? LEFT_OUT] = isFile ? [] : (shape?.map(() => 1) ?? []);
    image ??= shape?.map((dim) => (typeof dim === 'number' ? dim : undefined));
  }
  for (const at of orderNodes(view).order) {
    const node = view.nodes[at];
    if (node === undefined) continue;
    const own = nodeInputs[at] ?? [];
    // Bodies read what they capture, behind the node's own inputs.
    const operandAxes = (reads[at] ?? []).map((value) => axes[value]);
    const shapes = own.map((value) => typeOf[value]?.shape);
    const opType = opTypes[at] ?? '';
    const undone = readUndoneReshape(view, types, at)?.source;
    const before = undone === undefined ? undefined : axes[numbers.get(undone) ?? LEFT_OUT];
    for (const value of writes[at] ?? []) {
      if (value === LEFT_OUT || axes[value] !== undefined) continue;
      if (before !== undefined) {
        axes[value] = before;
        continue;
      }
      const operands: StrideOperands = {
        view,
        node,
        inputs: operandAxes,
        shapes,
        output: typeOf[value]?.shape,
      };
      const found = strideRuleOf(opType)(operands);
      if (found === undefined) continue;
      const told = bySizes(found, operands.output, image);
      // Behind windows and patches only a map of the image's proportions tells what it is again.
      const doubtful =
        own.some((read) => divided[read]) ||
        (DIVIDING.has(opType) && divides(operands, found)) ||
        (opType === 'Reshape' && isImage(found, operands.output, image));
      const again = doubtful ? byProportions(told, operands.output, image) : undefined;
      divided[value] = doubtful && again === undefined;
      axes[value] = again ?? told;
    }
  }
  const strides = new ValueTable<number>(view.wires);
  axes.forEach((found, value) => {
    if (found !== undefined) strides.byNumber[value] = largestStride(found);
  });
  return strides;
}

/** The stage of a stride, as papers count them: 2 to 5 for the strides 4 to 32. */
export function stageOf(stride: number): number {
  return Math.round(Math.log2(stride));
}

/** Whether a value has all numbers of the image and came by no stride, but has its blocks of pixels in channels. */
function isImage(
  strides: AxisStrides,
  shape: StrideOperands['output'],
  image: readonly (number | undefined)[] | undefined,
): boolean {
  if (image === undefined || shape?.length !== image.length || strides.some((stride) => stride !== 1))
    return false;
  const count = (sizes: readonly unknown[]): number =>
    sizes.slice(1).reduce<number>((all, size) => (typeof size === 'number' ? all * size : Number.NaN), 1);
  return count(shape) === count(image) && image.slice(2).every((size, axis) => size !== shape[axis + 2]);
}

const DIVIDING: ReadonlySet<string> = new Set(['Reshape', 'Gather']);

/** Whether a reshaping, or a lookup of windows, makes several axes of one of the image. */
function divides({ inputs: [before], shapes, output }: StrideOperands, after: AxisStrides): boolean {
  if (before === undefined) return false;
  const count = (strides: AxisStrides, shape: StrideOperands['output']): number =>
    strides.filter((stride, axis) => stride !== 0 && shape?.[axis] !== 1).length;
  return count(after, output) > count(before, shapes[0]);
}

/** Strides by sizes, where these say the same of all axes of a map. */
function byProportions(
  strides: AxisStrides,
  shape: StrideOperands['output'],
  image: readonly (number | undefined)[] | undefined,
): AxisStrides | undefined {
  if (image === undefined || shape?.length !== image.length || image.length < 4) return undefined;
  if (typeof shape[0] === 'number' && shape[0] !== image[0]) return undefined;
  const ratios = shape
    .slice(2)
    .map((size, axis) => (image[axis + 2] ?? 0) / (typeof size === 'number' ? size : 0));
  const [ratio = 0] = ratios;
  if (!(ratio > 0 && Number.isFinite(ratio)) || ratios.some((other) => other !== ratio)) return undefined;
  return strides.map((_, axis) => (axis < 2 ? 0 : ratio));
}

/** What no operator told, the sizes may: those of the input divided by those of the value. */
function bySizes(
  strides: AxisStrides,
  shape: StrideOperands['output'],
  image: readonly (number | undefined)[] | undefined,
): AxisStrides {
  if (image === undefined || shape?.length !== image.length || shape.length !== strides.length)
    return strides;
  if (!strides.includes(undefined)) return strides;
  return strides.map((stride, axis) => {
    const [whole, size] = [image[axis], shape[axis]];
    if (stride !== undefined || axis < 2 || whole === undefined || typeof size !== 'number') return stride;
    return size > 0 ? whole / size : stride;
  });
}

function largestStride(strides: AxisStrides): number | undefined {
  if (strides.length === 0) return 1;
  const largest = strides.reduce<number>((all, stride) => Math.max(all, stride ?? 0), 0);
  return largest > 0 ? largest : undefined;
}
