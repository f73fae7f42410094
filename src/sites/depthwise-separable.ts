import { castType } from '../graph/shapes/rule.ts';
import type { ValueId } from '../graph/view.ts';
import { isFloating } from '../onnx/data-type.ts';
import { allUses, type Block, type Context, type Found, firstReader, reject } from './block.ts';
import { activatedOutput, isLinear } from './forward.ts';
import { type InvertedResidual, readInvertedResidual } from './inverted-residual.ts';
import { outputOf, protoOf, type Reading } from './reading.ts';
import { nodesOf } from './region.ts';
import { answersOf, askRules, type Rule } from './rules.ts';
import type { Rejection, RejectionReason, SiteKind } from './site.ts';
import type { Step } from './step.ts';

interface Candidate {
  readonly reading: Reading;
  readonly pair: InvertedResidual;
  /** The value behind the activation of its 1x1 convolution, and the steps up to it. */
  readonly end: { readonly value: ValueId; readonly steps: readonly Step[] } | undefined;
  readonly asked: ReadonlySet<SiteKind>;
}

/** What makes a depthwise convolution and the 1x1 convolution behind it a separable one. */
const SEPARABLE_RULES: readonly Rule<Candidate, RejectionReason | undefined>[] = [
  {
    name: 'an activation follows the 1x1 convolution, for all who read it',
    refuse: ({ reading, pair: { project }, end }) =>
      end !== undefined &&
      (project.convolution?.fusedActivation === true || !isLinear(reading, outputOf(reading, project)))
        ? undefined
        : { reason: undefined, detail: 'none does, or something reads it without one' },
  },
  {
    name: 'an activation stands inside, or the kind was asked for',
    refuse: ({ reading, pair, asked }) => {
      if (pair.activated) return undefined;
      if (reading.attention.last !== undefined && pair.project.convolution?.form === 'matmul') {
        return {
          reason: undefined,
          detail:
            'none does, and it gives positions to tokens before the feed-forward layer of a transformer',
        };
      }
      if (asked.has('depthwise-separable')) return undefined;
      return {
        reason: 'not-selected',
        detail:
          'a depthwise separable convolution without an activation inside: taken only when the kind is asked for',
      };
    },
  },
  {
    name: 'the activation is none of integer arithmetic',
    refuse: ({ reading, end }) =>
      end?.steps.some((inner) => roundsToIntegers(reading, inner)) === true
        ? {
            reason: 'integer-arithmetic',
            detail:
              'in integer arithmetic the clip behind its 1x1 convolution may be an activation or only the requantizer: it cannot be told whether that convolution is linear',
          }
        : undefined,
  },
  {
    name: 'something is computed behind it',
    refuse: ({ reading, end }) =>
      reading.reachesWeights.has(end?.value ?? '')
        ? undefined
        : {
            reason: 'decoding',
            detail:
              "a depthwise separable convolution that gives the network's predictions: nothing is computed behind it",
          },
  },
];

/**
 * Finds the depthwise separable convolutions of MobileNet v1: depthwise, activation, pointwise, activation.
 *
 * Without the activation in between it is one only for those who ask for the family by name.
 */
export function findDepthwiseSeparables({ reading, taken, asked, tell }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.convolution?.pointwise !== true || taken[node] !== undefined) continue;
    if (reading.owners[node] !== undefined) continue;
    const pair = readInvertedResidual(reading, step);
    if (pair === undefined || taken[pair.depthwise.node] !== undefined) continue;
    const depthwise = pair.depthwise.node;
    const end = activatedOutput(reading, step);
    const refused = askRules(SEPARABLE_RULES, { reading, pair, end, asked });
    tell?.({
      kind: 'chain',
      node: depthwise,
      family: 'depthwise-separable',
      found: pair,
      answers: answersOf(SEPARABLE_RULES, refused),
      refusal: refused,
    });
    if (refused?.reason !== undefined) {
      rejections.push(reject(reading, depthwise, refused.reason, refused.detail));
    }
    if (refused !== undefined || end === undefined) continue;
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
  const proto = protoOf(reading, step.node);
  const { opType } = proto;
  if (opType === 'Floor' || opType === 'Round' || opType === 'Ceil') return true;
  return opType === 'Cast' && !isFloating(castType(proto));
}

/** Steps are listed from the pointwise convolution back: those up to the depthwise one are the pair's own. */
function isBetween<T>(steps: readonly T[], last: T, step: T): boolean {
  return steps.indexOf(step) <= steps.indexOf(last);
}
