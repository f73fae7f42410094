import { ROOT } from '../graph/dominators.ts';
import { type NodeId, type ValueId, writerOf } from '../graph/view.ts';
import { ELEMENTWISE, LAYOUTS, POOLS } from './operators.ts';
import { dataInputsOf, opTypeOf, type Reading } from './reading.ts';
import { forkOf } from './region.ts';
import type { Step } from './step.ts';

/** The longest spelling of an activation that is looked for; GELU's tanh form in QDQ has 27 nodes. */
const NODE_LIMIT = 40;

/**
 * Reads a node that joins several values as the end of a function of one value: an activation in any spelling (SiLU as
 * Sigmoid and Mul, HardSwish as Add, Clip, Mul and Div, Mish, both forms of GELU, PRelu as two Relus), or a
 * normalization where the function takes means on its way.
 *
 * No table of spellings: it is a function of one value if all that lies between that value, the nearest that all paths
 * pass through, and the node is arithmetic on single elements (and reductions) without weights.
 */
export function readFunction(reading: Reading, node: NodeId): Step | undefined {
  const operands = dataInputsOf(reading, node);
  if (operands.length < 2 || !ELEMENTWISE.has(opTypeOf(reading, node))) return undefined;
  const fork = forkOf(reading, operands);
  const nodes = new Set<NodeId>([node]);
  const sources = new Set<ValueId>();
  const waiting: ValueId[] = [...operands];
  let reduces = false;
  let reshapes = false;
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const before = writerOf(reading.view, value);
    if (before === ROOT || before === fork) {
      sources.add(value);
      continue;
    }
    if (nodes.has(before)) continue;
    const opType = opTypeOf(reading, before);
    if (POOLS.has(opType) && (opType.startsWith('Reduce') || opType.startsWith('Global'))) reduces = true;
    else if (LAYOUTS.has(opType)) reshapes ||= opType !== 'Slice';
    else if (!ELEMENTWISE.has(opType) && opType !== 'Transpose') return undefined;
    nodes.add(before);
    if (nodes.size > NODE_LIMIT) return undefined;
    waiting.push(...dataInputsOf(reading, before));
  }
  const halves = fork >= 0 && opTypeOf(reading, fork) === 'Split';
  if (halves && sources.size > 1 && !reduces && !reshapes) {
    // A gated linear unit: one half of the channels times a function of the other.
    const whole = dataInputsOf(reading, fork);
    return { role: 'activation', node, nodes: [...nodes, fork], inputs: whole, convolution: undefined };
  }
  if (sources.size !== 1 || (reshapes && !reduces)) return undefined;
  return {
    role: reduces ? 'norm' : 'activation',
    node,
    nodes: [...nodes],
    inputs: [...sources],
    convolution: undefined,
  };
}
