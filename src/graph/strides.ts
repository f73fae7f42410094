import { orderNodes } from './order.ts';
import { type AxisStrides, type StrideOperands, strideRuleOf } from './stride-rules.ts';
import type { ValueTypes } from './types.ts';
import type { GraphView, ValueId } from './view.ts';

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
  const axes = new Map<ValueId, AxisStrides>();
  const shapeOf = (value: ValueId) => types.get(value)?.shape;
  let image: readonly (number | undefined)[] | undefined;
  for (const value of view.inputs.keys()) {
    if (view.initializers.has(value)) continue;
    const shape = shapeOf(value);
    // Lengths, thresholds and the like are no images.
    if (shape !== undefined && shape.length < 2) continue;
    axes.set(value, shape?.map(() => 1) ?? []);
    image ??= shape?.map((dim) => (typeof dim === 'number' ? dim : undefined));
  }
  for (const at of orderNodes(view).order) {
    const node = view.nodes[at];
    if (node === undefined) continue;
    for (const value of node.output) {
      if (value === '' || axes.has(value)) continue;
      const operands: StrideOperands = {
        view,
        node,
        inputs: node.input.map((input) => axes.get(input)),
        shapes: node.input.map(shapeOf),
        output: shapeOf(value),
      };
      const found = strideRuleOf(node)(operands);
      if (found !== undefined) axes.set(value, bySizes(found, operands.output, image));
    }
  }
  const strides = new Map<ValueId, number>();
  for (const [value, found] of axes) {
    const stride = largestStride(found);
    if (stride !== undefined) strides.set(value, stride);
  }
  return strides;
}

/** The stage of a stride, as papers count them: 2 to 5 for the strides 4 to 32. */
export function stageOf(stride: number): number {
  return Math.round(Math.log2(stride));
}

/** What no operator told, the sizes may: those of the input divided by those of the value. */
function bySizes(
  strides: AxisStrides,
  shape: StrideOperands['output'],
  image: readonly (number | undefined)[] | undefined,
): AxisStrides {
  if (image === undefined || shape?.length !== image.length || shape.length !== strides.length)
    return strides;
  return strides.map((stride, axis) => {
    const [whole, size] = [image[axis], shape[axis]];
    if (stride !== undefined || axis < 2 || whole === undefined || typeof size !== 'number') return stride;
    return size > 0 ? whole / size : stride;
  });
}

function largestStride(strides: AxisStrides): number | undefined {
  if (strides.length === 0) return 1;
  const known = strides.filter((stride): stride is number => stride !== undefined && stride > 0);
  return known.length === 0 ? undefined : Math.max(...known);
}
