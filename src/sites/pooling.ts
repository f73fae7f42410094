import { channelAxisOf, constantInput, opTypeOf, protoOf, type Reading, typeOf } from './reading.ts';
import type { Step } from './step.ts';

/** Whether a pooling step takes the whole map together, whatever its operator. */
export function isGlobalPool(reading: Reading, step: Step): boolean {
  const proto = protoOf(reading, step.node);
  if (proto.opType.includes('Global')) return true;
  const input = step.inputs[0] ?? '';
  const before = typeOf(reading, input)?.shape;
  if (!isReduction(reading, step)) {
    const after = typeOf(reading, proto.output[0] ?? '')?.shape;
    const single = after !== undefined && after.length > 2 && after.slice(2).every((dim) => dim === 1);
    return single && before?.slice(2).some((dim) => dim !== 1) === true;
  }
  const written = reducedAxes(reading, step);
  if (written === undefined) return false;
  if (before === undefined) return written.length > 1;
  const axes = new Set(written.map((axis) => (axis < 0 ? axis + before.length : axis)));
  const channels = channelAxisOf(reading, input);
  const spatial = before.map((_, axis) => axis).filter((axis) => axis !== 0 && axis !== channels);
  return spatial.length > 0 && !axes.has(channels) && spatial.every((axis) => axes.has(axis));
}

/** Whether a pooling step is written as a reduction over axes. */
export function isReduction(reading: Reading, step: Step): boolean {
  return opTypeOf(reading, step.node).includes('Reduce');
}

function reducedAxes(reading: Reading, step: Step): readonly number[] | undefined {
  const written = protoOf(reading, step.node).attribute.get('axes')?.ints;
  if (written !== undefined && written.length > 0) return written;
  const numbers = constantInput(reading, step.node, 1)?.numbers;
  return numbers === undefined || numbers.length === 0 ? undefined : [...numbers];
}
