import type { NodeId, ValueId } from '../graph/view.ts';
import {
  channelsOf,
  constantInput,
  opTypeOf,
  outputOf,
  protoOf,
  type Reading,
  stepBehind,
} from './reading.ts';
import type { Branch } from './region.ts';
import type { Step } from './step.ts';

/** What takes some entries of a value, in their order. */
const SLICES: ReadonlySet<string> = new Set(['Slice', 'DynamicSlice', 'Split', 'SequenceAt', 'Gather']);

/** Reads an element of a sequence that SplitToSequence has made of a value as a slice of that value. */
export function readElement(reading: Reading, node: NodeId): Step | undefined {
  if (opTypeOf(reading, node) !== 'SequenceAt') return undefined;
  const split = stepBehind(reading, protoOf(reading, node).input[0] ?? '');
  if (split === undefined || opTypeOf(reading, split.node) !== 'SplitToSequence') return undefined;
  return { role: 'layout', node, nodes: [split.node, node], inputs: split.inputs, convolution: undefined };
}

/** Whether a step takes a part of a value. */
export function isSlice(reading: Reading, { node, role }: Step): boolean {
  return role === 'layout' && SLICES.has(opTypeOf(reading, node));
}

/** Whether a step takes positions off a map, as converters even out what their paddings have too much. */
export function isCrop(reading: Reading, step: Step): boolean {
  const opType = opTypeOf(reading, step.node);
  if (opType === 'Crop' || opType === 'CenterCropPad') return true;
  if (opType !== 'Slice') return false;
  const [all, some] = [
    channelsOf(reading, step.inputs[0] ?? ''),
    channelsOf(reading, outputOf(reading, step)),
  ];
  return all !== undefined && all === some;
}

/**
 * Whether two branches start from different channels of their fork's value: parts of a split, written as slices, which
 * have as little in common as the outputs of a Split.
 */
export function startFromOtherChannels(reading: Reading, a: Branch, b: Branch): boolean {
  const first = firstSlices(reading, a);
  const second = firstSlices(reading, b);
  if (first === undefined || second === undefined) return false;
  return first.size !== second.size || [...first].some((slice) => !second.has(slice));
}

/** The slices of channels that a branch starts with, told by what they take; nothing where it reads the whole value. */
function firstSlices(reading: Reading, { operand, steps, sources }: Branch): ReadonlySet<string> | undefined {
  if (sources.has(operand)) return undefined;
  const slices = new Set<string>();
  for (const step of steps) {
    const source = step.inputs.find((input) => sources.has(input));
    if (source === undefined) continue;
    if (!isSlice(reading, step) || !takesChannels(reading, step, source)) return undefined;
    slices.add(rangeOf(reading, step));
  }
  return slices.size === 0 ? undefined : slices;
}

/** What a slice takes, as numbers where these are constants. */
function rangeOf(reading: Reading, { node }: Step): string {
  const { input, attribute } = protoOf(reading, node);
  const given = input.slice(1).map((value, i) => constantInput(reading, node, i + 1)?.numbers ?? value);
  return [...given, attribute.get('starts')?.ints, attribute.get('ends')?.ints].join(' ');
}

function takesChannels(reading: Reading, step: Step, source: ValueId): boolean {
  // Of a sequence, only what SplitToSequence made of a value.
  if (opTypeOf(reading, step.node) === 'SequenceAt') return true;
  const [all, some] = [channelsOf(reading, source), channelsOf(reading, outputOf(reading, step))];
  return all !== undefined && some !== undefined && some < all;
}
