import { capturedValues } from '../graph/captures.ts';
import { scalarOf } from '../graph/constants.ts';
import type { GraphView, NodeId, ValueId } from '../graph/view.ts';

/** Operators whose result depends on sizes alone, whatever they read. */
const SIZE_OPERATORS: ReadonlySet<string> = new Set(['Shape', 'Size']);

/**
 * The values that carry data: those that depend on the contents of a graph input.
 *
 * Weights do not, nor does arithmetic on shapes, nor do the scale and zero point that DynamicQuantizeLinear finds:
 * none of them is a branch of a block.
 */
export function dataValuesOf(view: GraphView, order: readonly NodeId[]): ReadonlySet<ValueId> {
  const data = new Set<ValueId>();
  for (const name of view.inputs.keys()) if (!view.initializers.has(name)) data.add(name);
  const carries = (value: ValueId): boolean =>
    data.has(value) || (value !== '' && !view.producers.has(value) && !view.initializers.has(value));
  for (const node of order) {
    const proto = view.nodes[node];
    if (proto === undefined || SIZE_OPERATORS.has(proto.opType)) continue;
    // Zeros in the shape of something fill up channels.
    if (proto.opType === 'Mul' && proto.input.some((value) => !carries(value) && scalarOf(view, value) === 0))
      continue;
    if (!proto.input.some(carries) && ![...capturedValues(proto)].some(carries)) continue;
    const outputs = proto.opType === 'DynamicQuantizeLinear' ? proto.output.slice(0, 1) : proto.output;
    for (const value of outputs) if (value !== '') data.add(value);
  }
  return data;
}
