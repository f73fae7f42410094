import type { NodeId, ValueId } from '../graph/view.ts';
import { PRODUCTS } from './operators.ts';
import { isGlobalPool, isReduction } from './pooling.ts';
import {
  channelAxisOf,
  dataInputsOf,
  firstBehind,
  opTypeOf,
  outputOf,
  protoOf,
  type Reading,
  stepBehind,
  typeOf,
} from './reading.ts';
import type { Step, StepRole } from './step.ts';

/** Gates are short: this many steps hold every one that the literature has, in QDQ too. */
const STEP_LIMIT = 64;

/**
 * Reads a product as a channel gate: one operand is computed from globally pooled features by small convolutions or
 * fully connected layers, the other are the features that it scales.
 *
 * The range of the gate does not matter: networks end theirs in a sigmoid, in its piecewise linear forms, in a softmax
 * over branches, or in a PRelu.
 */
export function readGate(reading: Reading, node: NodeId): Step | undefined {
  const opType = opTypeOf(reading, node);
  const divides = opType === 'Div';
  if (!divides && !PRODUCTS.has(opType)) return undefined;
  const operands = dataInputsOf(reading, node);
  if (operands.length !== 2) return undefined;
  const [a, b] = operands as [ValueId, ValueId];
  // By 1 + exp(-x), which is a sigmoid too.
  if (divides) return gateOf(reading, node, b, a);
  return gateOf(reading, node, b, a) ?? gateOf(reading, node, a, b);
}

function gateOf(reading: Reading, node: NodeId, gate: ValueId, features: ValueId): Step | undefined {
  if (isSinglePosition(reading, features)) return undefined;
  const steps = new Set<Step>();
  const waiting: ValueId[] = [gate];
  let weighted = false;
  // Whatever has made one position of all those of the features has pooled them.
  const isPooled = isSinglePosition(reading, gate);
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (isPooled && value === features) continue;
    const step = stepBehind(reading, value);
    if (step === undefined || step.role === 'attention' || step.role === 'recurrent') return undefined;
    if (steps.has(step)) continue;
    steps.add(step);
    if (steps.size > STEP_LIMIT) return undefined;
    if (step.role === 'convolution') weighted = true;
    // An operator that nobody knows pools, if what comes of the features by it bounds them.
    if (isUnknown(reading, step) && step.inputs[0] === features && isBounded(reading, gate)) continue;
    if (step.role === 'pool') {
      if (isGlobalPool(reading, step)) continue;
      if (!isReduction(reading, step)) return undefined;
      const before = stepBehind(reading, step.inputs[0] ?? '');
      // One axis after the other is a global pooling too.
      if (before?.role === 'pool' && isReduction(reading, before)) {
        steps.add(before);
        continue;
      }
      return undefined;
    }
    if (step.role === 'norm' && pools(reading, step)) continue;
    // An activation or norm of the features themselves would lead past the pooling: only pooled paths count.
    waiting.push(...step.inputs);
    if (step.inputs.length === 0) return undefined;
  }
  if (!weighted) return undefined;
  return {
    role: 'gate',
    node,
    nodes: [node, ...[...steps].flatMap((step) => step.nodes)],
    inputs: [features],
    convolution: undefined,
  };
}

function isUnknown(reading: Reading, step: Step): boolean {
  return (
    step.role === 'other' &&
    step.inputs.length === 1 &&
    typeOf(reading, outputOf(reading, step))?.shape === undefined
  );
}

/** Statistics of whole maps that are written out: deviations beside means, as IMDN's contrast has them. */
function pools(reading: Reading, step: Step): boolean {
  return (
    isSinglePosition(reading, outputOf(reading, step)) &&
    step.inputs.some(
      (input) => typeOf(reading, input)?.shape !== undefined && !isSinglePosition(reading, input),
    )
  );
}

function isSinglePosition(reading: Reading, value: ValueId): boolean {
  const shape = typeOf(reading, value)?.shape;
  if (shape === undefined) return false;
  const axis = channelAxisOf(reading, value);
  return shape.every((dim, at) => at === 0 || at === axis || dim === 1);
}

/** What most gates end in. */
const BOUNDED: ReadonlySet<string> = new Set(['Sigmoid', 'HardSigmoid']);
const BEHIND_BOUND: ReadonlySet<StepRole> = new Set(['pass', 'transpose', 'upsample']);

/** Whether a value is the result of a sigmoid, at whatever resolution. */
export function isBounded(reading: Reading, value: ValueId): boolean {
  const step = firstBehind(reading, value, BEHIND_BOUND);
  if (step === undefined) return false;
  const { opType, attribute } = protoOf(reading, step.node);
  // onnxruntime's optimizer fuses it into the convolution before it.
  if (step.convolution?.fusedActivation === true) return BOUNDED.has(attribute.get('activation')?.s ?? '');
  return step.role === 'activation' && BOUNDED.has(opType);
}
