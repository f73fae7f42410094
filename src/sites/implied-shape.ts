import type { Dim } from '../onnx/model-file.ts';
import type { Block } from './block.ts';
import { outputOf, type Reading, stepsAfter, typeOf } from './reading.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';

/** More than lies between a value and the convolution that reads it. */
const STEP_LIMIT = 16;

/**
 * The shape of a block's value where an operator that nobody knows has hidden it: that of the skip that is added to it,
 * or what the convolution behind the block can read.
 */
export function impliedShape(reading: Reading, { kind, value, around }: Block): readonly Dim[] | undefined {
  if (kind !== 'residual') return asRead(reading, value);
  const skip = around.skip === undefined ? undefined : typeOf(reading, around.skip)?.shape;
  return skip ?? asRead(reading, around.output);
}

/** Axes and channels as the next convolution has them; nothing where more than one thing is done to the value. */
function asRead(reading: Reading, from: string): readonly Dim[] | undefined {
  let value = from;
  for (let passed = 0; passed < STEP_LIMIT; passed += 1) {
    const readers = stepsAfter(reading, value);
    const convolution = readers.map((step) => step.convolution).find((found) => found?.form === 'conv');
    if (convolution !== undefined) {
      const { kernel, inChannels, channelAxis } = convolution;
      if (kernel === undefined || inChannels === undefined || channelAxis !== 1) return undefined;
      return [undefined, inChannels, ...kernel.map(() => undefined)];
    }
    const next: Step | undefined = readers.find(
      ({ role }) =>
        role === 'activation' || role === 'pool' || (LOOKED_THROUGH.has(role) && role !== 'transpose'),
    );
    if (next === undefined) return undefined;
    value = outputOf(reading, next);
  }
  return undefined;
}
