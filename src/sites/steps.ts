import { readUndoneReshape } from '../graph/undone-reshape.ts';
import type { NodeId } from '../graph/view.ts';
import { isSameAxis } from './channel-axes.ts';
import { readShuffle } from './channel-shuffle.ts';
import { isMatrixProduct, startsAtZero } from './convolution.ts';
import { readFunction } from './elementwise.ts';
import { readGate } from './gates.ts';
import {
  ACTIVATIONS,
  ARITHMETIC,
  CONCATS,
  LAYOUTS,
  NORMS,
  PASSING,
  POOLS,
  PRODUCTS,
  RECURRENT,
  RESHAPINGS,
  SUMS,
  UPSAMPLES,
} from './operators.ts';
import {
  constantInput,
  dataInputsOf,
  firstBehind,
  opTypeOf,
  protoOf,
  type Reading,
  typeOf,
} from './reading.ts';
import { readElement } from './slices.ts';
import { readSplitConvolution } from './split-convolution.ts';
import type { Step, StepRole } from './step.ts';

/** A Clip to this on both sides only keeps numbers finite, or in an integer's range, and is no activation. */
const SAFETY_CLIP = 127;

/** Reads every node that touches data as a step, the longest spelling first. */
export function readSteps(reading: Reading): void {
  for (const node of reading.order) {
    const step = readStep(reading, node);
    if (step === undefined) continue;
    reading.steps[node] = step;
    if (step.role === 'attention') reading.attention.last = node;
    for (const inner of step.nodes) {
      if (inner !== node) reading.owners[inner] ??= step;
    }
  }
}

function readStep(reading: Reading, node: NodeId): Step | undefined {
  if (!reading.givesData(node)) return undefined;
  const inputs = dataInputsOf(reading, node);
  if (inputs.length === 0) {
    // Bodies capture what they read.
    const role = RECURRENT.has(opTypeOf(reading, node)) ? 'recurrent' : 'other';
    return { role, node, nodes: [node], inputs, convolution: undefined };
  }
  const longer =
    readFunction(reading, node) ??
    readGate(reading, node) ??
    readGroupNorm(reading, node) ??
    readShuffle(reading, node) ??
    readElement(reading, node) ??
    readSplitConvolution(reading, node);
  if (longer !== undefined) return longer;
  const convolution = reading.convolutions[node];
  const role = convolution === undefined ? roleOf(reading, node, inputs.length) : 'convolution';
  if (convolution?.form === 'transposed') {
    return { role: 'upsample', node, nodes: [node], inputs: [convolution.data], convolution };
  }
  return { role, node, nodes: [node], inputs, convolution };
}

/** A normalization of groups of channels, which stand side by side for it and go back to where they were. */
function readGroupNorm({ view, types }: Reading, node: NodeId): Step | undefined {
  const undone = readUndoneReshape(view, types, node);
  if (undone?.normalizes !== true) return undefined;
  return { role: 'norm', node, nodes: undone.nodes, inputs: [undone.source], convolution: undefined };
}

/** Operators that are what they are, where one of their inputs is data. */
const ROLES: ReadonlyMap<string, StepRole> = new Map(
  (
    [
      ['activation', ACTIVATIONS],
      ['norm', NORMS],
      ['transpose', ['Transpose']],
      ['layout', LAYOUTS],
      ['pool', POOLS],
      ['upsample', UPSAMPLES],
    ] as const
  ).flatMap(([role, opTypes]) => [...opTypes].map((opType) => [opType, role] as const)),
);

function roleOf(reading: Reading, node: NodeId, inputs: number): StepRole {
  const opType = opTypeOf(reading, node);
  if (opType.endsWith('Attention')) return 'attention';
  if (RECURRENT.has(opType)) return 'recurrent';
  if (CONCATS.has(opType)) return inputs > 1 ? 'concat' : 'layout';
  if (inputs > 1) {
    if (SUMS.has(opType)) return 'sum';
    if (PRODUCTS.has(opType)) return 'product';
    return isMatrixProduct(opType) || opType === 'Einsum' ? 'attention' : 'other';
  }
  const role = ROLES.get(opType);
  if (role === 'layout' && keepsChannels(reading, node)) return 'transpose';
  if (role !== undefined) return role;
  // Features where a mask is set, and a constant elsewhere.
  if (opType === 'Where') return 'affine';
  if (opType === 'Clip') return isSafetyClip(reading, node) ? 'pass' : 'activation';
  // Its other operand is a constant: ReLU and ReLU6 by another name.
  if (opType === 'Max' || opType === 'Min') return 'activation';
  if (opType === 'QuantizeLinear' && foldsRelu(reading, node)) return 'activation';
  if (PASSING.has(opType)) return 'pass';
  if (ARITHMETIC.has(opType)) return twice(protoOf(reading, node).input) ? 'activation' : 'affine';
  return 'other';
}

/** Whether a reshaping leaves the channels an axis of their own: rows of a map for a matrix product, and back. */
function keepsChannels(reading: Reading, node: NodeId): boolean {
  if (!RESHAPINGS.has(opTypeOf(reading, node))) return false;
  const { input, output } = protoOf(reading, node);
  const [from, to] = [input[0] ?? '', output[0] ?? ''];
  const [a, b] = [reading.channelAxes.get(from), reading.channelAxes.get(to)];
  const [before, after] = [typeOf(reading, from)?.shape, typeOf(reading, to)?.shape];
  if (a === undefined || b === undefined || before === undefined || after === undefined) return false;
  return isSameAxis(a, before, b, after);
}

/** Up to the convolution whose output is quantized. */
const BEFORE_QUANTIZER: ReadonlySet<StepRole> = new Set(['norm', 'affine', 'pass']);

/** A convolution quantized to a range that starts at 0 has a ReLU folded into its quantizer. */
function foldsRelu(reading: Reading, node: NodeId): boolean {
  const { input } = protoOf(reading, node);
  if (firstBehind(reading, input[0] ?? '', BEFORE_QUANTIZER)?.role !== 'convolution') return false;
  return startsAtZero(constantInput(reading, node, 2));
}

/** x * x and x + x are functions of x. */
function twice(input: readonly string[]): boolean {
  return input.length === 2 && input[0] === input[1];
}

function isSafetyClip(reading: Reading, node: NodeId): boolean {
  const { attribute } = protoOf(reading, node);
  const low =
    attribute.get('min')?.f ?? constantInput(reading, node, 1)?.numbers?.[0] ?? Number.NEGATIVE_INFINITY;
  const high =
    attribute.get('max')?.f ?? constantInput(reading, node, 2)?.numbers?.[0] ?? Number.POSITIVE_INFINITY;
  return low <= -SAFETY_CLIP && high >= SAFETY_CLIP;
}
