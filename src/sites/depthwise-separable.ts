import { DataType, isFloating } from '../onnx/data-type.ts';
import { allUses, type Block, type Context, type Found, firstReader, reject } from './block.ts';
import { activatedOutput, isLinear } from './forward.ts';
import { readInvertedResidual } from './inverted-residual.ts';
import { outputOf, protoOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import type { Rejection } from './site.ts';
import type { Step } from './step.ts';

/**
 * Finds the depthwise separable convolutions of MobileNet v1: depthwise, activation, pointwise, activation.
 *
 * Without the activation in between it is one only for those who ask for the family by name.
 */
export function findDepthwiseSeparables({ reading, taken, asked }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (
      step?.convolution?.pointwise !== true ||
      taken[node] !== undefined ||
      reading.owners[node] !== undefined
    )
      continue;
    const pair = readInvertedResidual(reading, step);
    if (pair === undefined || taken[pair.depthwise.node] !== undefined) continue;
    const end = activatedOutput(reading, step);
    if (end === undefined) continue;
    if (!step.convolution.fusedActivation && isLinear(reading, outputOf(reading, step))) continue;
    if (!pair.activated && !asked.has('depthwise-separable')) {
      rejections.push(
        reject(
          reading,
          pair.depthwise.node,
          'not-selected',
          'a depthwise separable convolution without an activation inside: taken only when the kind is asked for',
        ),
      );
      continue;
    }
    if (end.steps.some((inner) => roundsToIntegers(reading, inner))) {
      rejections.push(
        reject(
          reading,
          pair.depthwise.node,
          'integer-arithmetic',
          'in integer arithmetic the clip behind its 1x1 convolution may be an activation or only the requantizer: it cannot be told whether that convolution is linear',
        ),
      );
      continue;
    }
    if (!reading.reachesWeights.has(end.value)) {
      rejections.push(
        reject(
          reading,
          pair.depthwise.node,
          'decoding',
          "a depthwise separable convolution that gives the network's predictions: nothing is computed behind it",
        ),
      );
      continue;
    }
    blocks.push({
      kind: 'depthwise-separable',
      variant: pair.activated ? 'activated' : 'linear',
      value: end.value,
      uses: allUses(reading, end.value),
      reader: firstReader(reading, end.value),
      anchor: pair.depthwise.node,
      nodes: nodesOf([
        pair.depthwise,
        ...pair.steps.filter(
          (inner) => inner !== pair.expand && isBetween(pair.steps, pair.depthwise, inner),
        ),
        step,
        ...end.steps,
      ]),
      around: { input: pair.depthwise.inputs[0] ?? '', output: end.value, skip: undefined },
      gate: pair.gate,
      project: undefined,
      expand: undefined,
    });
  }
  return { blocks, rejections };
}

/** Whether a step makes integers of its numbers: a network that was exported as integer arithmetic on floats. */
function roundsToIntegers(reading: Reading, step: Step): boolean {
  const { opType, attribute } = protoOf(reading, step.node);
  if (opType === 'Floor' || opType === 'Round' || opType === 'Ceil') return true;
  const to = attribute.get('to')?.i ?? DataType.UNDEFINED;
  return opType === 'Cast' && !isFloating(to);
}

/** Steps are listed from the pointwise convolution back: those up to the depthwise one are the pair's own. */
function isBetween<T>(steps: readonly T[], last: T, step: T): boolean {
  return steps.indexOf(step) <= steps.indexOf(last);
}
