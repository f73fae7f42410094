import { scalarOf } from '../graph/constants.ts';
import type { GraphView, NodeId } from '../graph/view.ts';
import { LEFT_OUT } from '../graph/wires.ts';

/** Operators whose result depends on sizes alone, whatever they read: the masks of dropped paths among them. */
const SIZE_OPERATORS: ReadonlySet<string> = new Set([
  'Shape',
  'Size',
  'EyeLike',
  'RandomNormalLike',
  'RandomUniformLike',
]);

/**
 * The values that carry data: those that depend on the contents of a graph input.
 *
 * Weights do not, nor does arithmetic on shapes, nor do the scale and zero point that DynamicQuantizeLinear finds:
 * none of them is a branch of a block.
 */
export function dataValuesOf(view: GraphView, order: readonly NodeId[]): readonly boolean[] {
  const { names, reads, writes, writers } = view.wires;
  // What nothing defines is read from outside, as bodies do.
  const data = names.map(
    (name, value) => value !== LEFT_OUT && writers[value] === -1 && !view.initializers.has(name),
  );
  for (const node of order) {
    const proto = view.nodes[node];
    const read = reads[node] ?? [];
    if (proto === undefined || SIZE_OPERATORS.has(proto.opType)) continue;
    // Zeros in the shape of something fill up channels.
    if (
      proto.opType === 'Mul' &&
      proto.input.some((name, at) => data[read[at] ?? LEFT_OUT] !== true && scalarOf(view, name) === 0)
    )
      continue;
    // A constant in the type of something, as onnxscript writes biases of zero, is no data for it.
    const source = proto.opType === 'CastLike' ? read.slice(0, 1) : read;
    if (!source.some((value) => data[value])) continue;
    const written = writes[node] ?? [];
    for (const value of proto.opType === 'DynamicQuantizeLinear' ? written.slice(0, 1) : written) {
      if (value !== LEFT_OUT) data[value] = true;
    }
  }
  return data;
}
