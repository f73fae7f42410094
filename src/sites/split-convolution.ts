import type { NodeId, ValueId } from '../graph/view.ts';
import { type Convolution, kernelSize } from './convolution.ts';
import { CONCATS } from './operators.ts';
import { opTypeOf, type Reading, stepBehind } from './reading.ts';
import { isCrop } from './slices.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';

/** More than stands before or behind a convolution over a slice. */
const WAY_LIMIT = 8;

/** A norm or bias, axes in another order, and paddings. */
function isPassed(reading: Reading, step: Step): boolean {
  return LOOKED_THROUGH.has(step.role) || opTypeOf(reading, step.node) === 'Pad' || isCrop(reading, step);
}

/** What takes some of the channels. */
const SLICES: ReadonlySet<string> = new Set(['Split', 'Slice', 'Gather']);

/**
 * Reads a Concat of convolutions over slices of one value as one convolution: the mixed kernels and split 1x1 layers of
 * MixNet, and grouped convolutions as frameworks without groups write them.
 */
export function readSplitConvolution(reading: Reading, node: NodeId): Step | undefined {
  if (!CONCATS.has(opTypeOf(reading, node))) return undefined;
  const operands = reading.dataInputs[node] ?? [];
  if (operands.length < 2) return undefined;
  const sources = new Set<ValueId>();
  const slices = new Set<ValueId>();
  const nodes = new Set<NodeId>([node]);
  const convolutions: Convolution[] = [];
  /** Goes back past what becomes part of the convolution. */
  const pass = (from: ValueId): ValueId => {
    let value = from;
    for (let passed = 0; passed < WAY_LIMIT; passed += 1) {
      const step = stepBehind(reading, value);
      if (step === undefined || !isPassed(reading, step)) break;
      for (const inner of step.nodes) nodes.add(inner);
      value = step.inputs[0] ?? '';
    }
    return value;
  };
  for (const operand of operands) {
    const step = stepBehind(reading, pass(operand));
    if (step?.role !== 'convolution' || step.inputs.length !== 1) return undefined;
    const part = pass(step.inputs[0] ?? '');
    const slice = stepBehind(reading, part);
    if (slice?.role !== 'layout' || slice.inputs.length !== 1 || step.convolution === undefined)
      return undefined;
    if (!SLICES.has(opTypeOf(reading, slice.node))) return undefined;
    sources.add(slice.inputs[0] ?? '');
    slices.add(part);
    for (const inner of step.nodes) nodes.add(inner);
    nodes.add(slice.node);
    convolutions.push(step.convolution);
  }
  const [first] = convolutions;
  const [source] = sources;
  if (first === undefined || source === undefined || sources.size > 1 || slices.size !== operands.length) {
    return undefined;
  }
  return {
    role: 'convolution',
    node,
    nodes: [...nodes],
    inputs: [source],
    convolution: joined(first, convolutions, source),
  };
}

function joined(first: Convolution, parts: readonly Convolution[], data: ValueId): Convolution {
  const inChannels = total(parts.map((part) => part.inChannels));
  const depthwise = parts.every((part) => part.depthwise || part.inChannels === 1);
  return {
    ...first,
    data,
    kernel: parts.reduce((a, b) => (kernelSize(a) >= kernelSize(b) ? a : b)).kernel,
    group: depthwise ? (inChannels ?? parts.length) : parts.length,
    inChannels,
    outChannels: total(parts.map((part) => part.outChannels)),
    depthwise,
    pointwise: !depthwise && parts.every((part) => part.pointwise),
    fusedActivation: parts.every((part) => part.fusedActivation),
  };
}

function total(numbers: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const number of numbers) {
    if (number === undefined) return undefined;
    sum += number;
  }
  return sum;
}
