import type { NodeId, ValueId } from '../graph/view.ts';
import { isBounded } from './gates.ts';
import { RESHAPINGS } from './operators.ts';
import { channelAxisOf, opTypeOf, protoOf, type Reading, stepBehind, typeOf } from './reading.ts';
import { branchOf, forkOf } from './region.ts';
import { isCrop } from './slices.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';

/** An inverted residual, read back from its project convolution. */
export interface InvertedResidual {
  readonly project: Step;
  /** The data input of the project convolution, on the float side. */
  readonly value: ValueId;
  /** The nodes that read it: one, or the slices of a project convolution that is split. */
  readonly readers: readonly NodeId[];
  readonly depthwise: Step;
  readonly expand: Step | undefined;
  /** The gate that it already has. */
  readonly gate: Step | undefined;
  /** Whether an activation stands between the depthwise and the project convolution. */
  readonly activated: boolean;
  /** The value that it starts from. */
  readonly start: ValueId;
  /** A 1x1 convolution without activation from which the depthwise one is fed, if it is. */
  readonly linearFeed: Step | undefined;
  readonly steps: readonly Step[];
}

/** More than lies between two convolutions of a block, in QDQ and with everything spelt out. */
const CHAIN_LIMIT = 64;

/** Values at which a chain is not followed further back. */
type Stop = (value: ValueId) => boolean;

/** What a walk back along a chain met before the convolution at its end. */
interface Chain {
  readonly steps: readonly Step[];
  readonly activated: boolean;
  readonly gate: Step | undefined;
  /** The convolution at which it ended. */
  readonly end: Step | undefined;
  /** The value at which it ended, where that is no convolution. */
  readonly value: ValueId;
}

/**
 * Reads a 1x1 convolution as the project convolution of an inverted residual: behind it, going back, a depthwise
 * convolution, and behind that perhaps an expanding 1x1 convolution with an activation.
 *
 * `stop` bounds it: the fork of the residual block that it is read in.
 */
export function readInvertedResidual(
  reading: Reading,
  project: Step,
  stop: Stop = () => false,
): InvertedResidual | undefined {
  const { convolution } = project;
  if (convolution === undefined || !convolution.pointwise) return undefined;
  const [data] = project.inputs;
  if (data === undefined || stop(data)) return undefined;
  const tail = chainBack(reading, data, stop);
  let depthwise = tail.end;
  if (depthwise?.convolution?.depthwise !== true) return undefined;
  const steps: Step[] = [project, ...tail.steps, depthwise];
  let { activated } = tail;
  if (!activated && !stop(depthwise.inputs[0] ?? '')) {
    // A depthwise convolution without activation may be a blur behind the real one.
    const before = chainBack(reading, depthwise.inputs[0] ?? '', stop);
    if (before.end?.convolution?.depthwise === true && before.activated) {
      steps.push(...before.steps, before.end);
      depthwise = before.end;
      activated = true;
    }
  }
  const input = depthwise.inputs[0] ?? '';
  const { value, readers } = mapSide(reading, project, data);
  const { gate } = tail;
  const made = (expand: Step | undefined, start: ValueId, linearFeed?: Step): InvertedResidual => ({
    project,
    value,
    readers,
    depthwise,
    expand,
    gate,
    activated,
    start,
    linearFeed,
    steps,
  });
  if (stop(input)) return made(undefined, input);
  const head = chainBack(reading, input, stop);
  const expand = head.end;
  if (expand?.convolution?.pointwise !== true || head.gate !== undefined) return made(undefined, input);
  if (!head.activated && !expand.convolution.fusedActivation) return made(undefined, input, expand);
  steps.push(...head.steps, expand);
  const first = expand.inputs[0] ?? '';
  // Without an activation in between, two such pairs are two (Double BlazeBlock), and no block of one depthwise layer.
  const extra = stop(first) || !activated ? undefined : leadingDepthwise(reading, first, stop);
  if (extra !== undefined) steps.push(...extra.steps);
  return made(expand, extra?.input ?? first);
}

/** MobileNetV4 puts a depthwise convolution without activation in front of the expansion. */
function leadingDepthwise(
  reading: Reading,
  value: ValueId,
  stop: Stop,
): { steps: readonly Step[]; input: ValueId } | undefined {
  const chain = chainBack(reading, value, stop);
  if (chain.activated || chain.gate !== undefined || chain.end?.convolution?.depthwise !== true)
    return undefined;
  const input = chain.end.inputs[0] ?? '';
  // Only where the block is known to start there, or before its quantizer: else it is the end of what comes before.
  const before = chainBack(reading, input, stop);
  const starts = stop(before.value) && !before.activated && before.end === undefined;
  return starts ? { steps: [...chain.steps, chain.end, ...before.steps], input } : undefined;
}

/** Goes back through what is looked through, activations and gates, to the next convolution. */
export function chainBack(reading: Reading, from: ValueId, stop: Stop): Chain {
  const steps: Step[] = [];
  let activated = false;
  let gate: Step | undefined;
  let value = from;
  while (!stop(value) && steps.length < CHAIN_LIMIT) {
    const step = stepBehind(reading, value);
    if (step === undefined) break;
    if (step.role === 'convolution') {
      if (step.convolution?.fusedActivation === true) activated = true;
      return { steps, activated, gate, end: step, value };
    }
    if (step.role === 'activation') activated = true;
    else if (step.role === 'gate') gate = step;
    else if (step.role === 'product') {
      const scaled = scaledByPlace(reading, step);
      if (scaled === undefined) break;
      steps.push(step, ...scaled.gate);
      value = scaled.features;
      continue;
    } else if (!isPassed(reading, step)) break;
    steps.push(step);
    const [input] = step.inputs;
    if (input === undefined || step.inputs.length !== 1) break;
    value = input;
  }
  return { steps, activated, gate, end: undefined, value };
}

/** A product read as features that are scaled by a gate of rows, columns or places: coordinate attention and its kin. */
function scaledByPlace(
  reading: Reading,
  { inputs }: Step,
): { readonly features: ValueId; readonly gate: readonly Step[] } | undefined {
  const gate = inputs.find((value) => isBounded(reading, value));
  const features = inputs.find((value) => !isBounded(reading, value));
  if (inputs.length !== 2 || gate === undefined || features === undefined) return undefined;
  const branch = branchOf(reading, gate, forkOf(reading, inputs));
  return branch === undefined ? undefined : { features, gate: [...branch.steps] };
}

/** Inside a chain padding, cropping and channel shuffles are looked through too. */
function isPassed(reading: Reading, step: Step): boolean {
  return (
    LOOKED_THROUGH.has(step.role) ||
    step.role === 'shuffle' ||
    PASSED.has(opTypeOf(reading, step.node)) ||
    isPaddedByConcat(reading, step) ||
    isCrop(reading, step)
  );
}

/** Streams pad by a Concat with what they kept, and some exporters by one with zeros. */
function isPaddedByConcat(reading: Reading, step: Step): boolean {
  if (step.role !== 'layout') return false;
  const { opType, attribute } = protoOf(reading, step.node);
  return opType === 'Concat' && attribute.get('axis')?.i !== channelAxisOf(reading, step.inputs[0] ?? '');
}

/** What changes neither numbers nor their order, and pads: a 1-D convolution may stand in 2-D between such. */
const PASSED: ReadonlySet<string> = new Set(['Pad', 'Squeeze', 'Unsqueeze']);

/** In front of a DynamicQuantizeLinear, the value is still in floating point; before it is made rows, it is still a map. */
function mapSide(
  reading: Reading,
  project: Step,
  data: ValueId,
): { readonly value: ValueId; readonly readers: readonly NodeId[] } {
  const step = stepBehind(reading, data);
  if (step === undefined) return { value: data, readers: project.nodes };
  const opType = opTypeOf(reading, step.node);
  const rankOf = (value: ValueId): number => typeOf(reading, value)?.shape?.length ?? 0;
  const isRows = RESHAPINGS.has(opType) && rankOf(step.inputs[0] ?? '') > rankOf(data);
  return isRows || opType === 'DynamicQuantizeLinear'
    ? { value: step.inputs[0] ?? data, readers: [step.node] }
    : { value: data, readers: project.nodes };
}
