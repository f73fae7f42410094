import { constantOf } from '../graph/constants.ts';
import type { NodeId, ValueId } from '../graph/view.ts';
import { type Block, reject } from './block.ts';
import { joinsChannels } from './module-branches.ts';
import { CONCATS, PRODUCTS, SUMS } from './operators.ts';
import {
  channelsOf,
  dataInputsOf,
  firstBehind,
  opTypeOf,
  outermost,
  outputOf,
  protoOf,
  type Reading,
  stepBehind,
} from './reading.ts';
import type { Rejection, RejectionReason, SiteKind } from './site.ts';
import type { Step, StepRole } from './step.ts';

type Why = readonly [reason: RejectionReason, detail: string];

/** Between an upsampling and the merge of its result. */
const ON_THE_WAY: ReadonlySet<StepRole> = new Set([
  'convolution',
  'activation',
  'norm',
  'affine',
  'pass',
  'transpose',
  'layout',
]);

/** Says of every merge and every depthwise convolution that no finder has accounted for what it is. */
export function explainRest(
  reading: Reading,
  taken: readonly (Block | undefined)[],
  explained: ReadonlyMap<NodeId, Rejection>,
): readonly Rejection[] {
  const rejections: Rejection[] = [];
  for (const node of reading.order) {
    if (explained.has(node)) continue;
    const why = explain(reading, node, taken[node]);
    if (why !== undefined) rejections.push(reject(reading, node, ...why));
  }
  return rejections;
}

const MERGES: ReadonlySet<string> = new Set([...SUMS, ...PRODUCTS, ...CONCATS]);

function explain(reading: Reading, node: NodeId, block: Block | undefined): Why | undefined {
  const opType = opTypeOf(reading, node);
  const own = reading.steps[node];
  // Most nodes are neither a merge nor a convolution.
  if (own?.convolution === undefined && !MERGES.has(opType)) return undefined;
  const inputs = dataInputsOf(reading, node);
  if (inputs.length === 0) return undefined;
  if (SUMS.has(opType) && inputs.length === 1 && protoOf(reading, node).input.length > 1)
    return explainConstant(reading, node);
  const outer = outermost(reading, node);
  if (own?.convolution?.fusedSum !== undefined && reading.isData(own.convolution.fusedSum)) {
    return own.convolution.blocked
      ? [
          'blocked-layout',
          "adds a skip inside a convolution in onnxruntime's blocked layout: inject before it optimizes",
        ]
      : [
          'fused-sum',
          'adds a skip inside a fused convolution, where nothing can be put in between: inject before onnxruntime optimizes',
        ];
  }
  const merges = inputs.length > 1 && MERGES.has(opType);
  const depthwise = own?.convolution?.depthwise === true;
  if (!merges && !depthwise) return undefined;
  if (outer !== undefined && outer.nodes.length > 1) {
    const inComposite = explainComposite(outer, node);
    if (inComposite !== undefined) return inComposite;
  }
  if (block !== undefined) return node === block.anchor ? undefined : explainInside(block, depthwise);
  if (depthwise) return explainDepthwise(reading, node);
  if (own === undefined) return undefined;
  return opType.endsWith('Concat') ? explainConcat(reading, own) : explainProduct(reading, own);
}

/** Kinds whose depthwise convolution is what they are. */
const DEPTHWISE_KINDS: ReadonlySet<SiteKind> = new Set([
  'inverted-residual',
  'depthwise-separable',
  'shuffle',
]);

function explainInside({ kind }: Block, depthwise: boolean): Why | undefined {
  if (!depthwise)
    return ['nested', `a merge inside a block of the kind "${kind}", which takes one gate as a whole`];
  if (DEPTHWISE_KINDS.has(kind)) return undefined;
  return [
    'part-of-other-site',
    `a layer inside a block of the kind "${kind}", which takes one gate as a whole`,
  ];
}

function explainConstant(reading: Reading, node: NodeId): Why {
  const [data = ''] = dataInputsOf(reading, node);
  if (protoOf(reading, node).input.every((value) => value === data || value === '')) {
    return ['activation-arithmetic', 'adds a value to itself'];
  }
  const behind = weightsBehind(reading, data);
  const added = protoOf(reading, node).input.find((value) => value !== data) ?? '';
  const count = constantOf(reading.view, added)?.dims.reduce((product, dim) => product * dim, 1) ?? 1;
  const { last } = reading.attention;
  const everywhere = count > (channelsOf(reading, data) ?? count);
  const scores = firstBehind(reading, data, AFTER_SCORES)?.role === 'attention';
  if (everywhere && !scores && last !== undefined && comesBefore(reading, node, last)) {
    return ['position-embedding', 'adds constants for each position to the tokens of a transformer'];
  }
  // A bias has a number for each channel; one for all is arithmetic.
  return !behind || (count === 1 && channelsOf(reading, data) !== 1)
    ? ['constant-operand', 'adds a constant: a shift, no second branch']
    : ['bias', 'adds the bias of the convolution or matrix product before it'];
}

/** Whether a convolution or matrix product comes right before; one on integers is scaled back in between. */
function weightsBehind(reading: Reading, data: ValueId): boolean {
  if (stepBehind(reading, data)?.convolution !== undefined) return true;
  const behind = firstBehind(reading, data, SCALING_BACK);
  return behind?.convolution !== undefined && opTypeOf(reading, behind.node).endsWith('Integer');
}

/** Between the product of queries and keys and the bias that is added to it. */
const AFTER_SCORES: ReadonlySet<StepRole> = new Set(['affine', 'pass', 'layout', 'transpose']);

const SCALING_BACK: ReadonlySet<StepRole> = new Set(['affine', 'pass']);

function comesBefore({ place }: Reading, a: NodeId, b: NodeId): boolean {
  return (place[a] ?? 0) < (place[b] ?? 0);
}

function explainComposite({ role, node: end }: Step, node: NodeId): Why | undefined {
  switch (role) {
    case 'activation':
      return [
        'activation-arithmetic',
        'part of an activation that is spelt out: it joins a value with a function of itself',
      ];
    case 'norm':
      return ['no-convolution', 'part of a normalization that is spelt out: no weights lie on its branches'];
    case 'gate':
      return node === end
        ? ['has-gate', 'scales the channels of its features: the network has a channel gate here']
        : ['part-of-gate', 'part of the computation of a channel gate'];
    default:
      return undefined;
  }
}

function explainDepthwise(reading: Reading, node: NodeId): Why {
  const step = reading.steps[node];
  const value = step === undefined ? '' : outputOf(reading, step);
  if (!reading.reachesWeights.has(value)) {
    return ['decoding', "a depthwise convolution that gives the network's predictions"];
  }
  if (reading.attention.last !== undefined) {
    return ['position-embedding', 'a depthwise convolution by itself between the layers of a transformer'];
  }
  return [
    'no-project',
    'a depthwise convolution that no 1x1 convolution of its own follows with an activation between or behind them',
  ];
}

function explainConcat(reading: Reading, step: Step): Why {
  if (!joinsChannels(reading, step)) {
    return [
      'merges-branches',
      'joins along an axis that is not the channels: positions, tokens, predictions or scales',
    ];
  }
  if (!reading.reachesWeights.has(outputOf(reading, step))) {
    return ['decoding', "joins the network's predictions: nothing is computed behind it"];
  }
  if (climbs(reading, step)) {
    return [
      'merges-resolutions',
      'joins maps of different resolutions, one of them upsampled: a pyramid or a decoder',
    ];
  }
  return [
    'merges-branches',
    'joins branches of which one passes its input on or is a slice of it, or that share their layers: no Inception module',
  ];
}

function explainProduct(reading: Reading, step: Step): Why {
  if (climbs(reading, step)) {
    return [
      'merges-resolutions',
      'multiplies maps of different resolutions: a gate between the levels of a pyramid',
    ];
  }
  return ['merges-branches', 'multiplies two branches position by position: neither is a skip of the other'];
}

function climbs(reading: Reading, step: Step): boolean {
  return step.inputs.some((value) => firstBehind(reading, value, ON_THE_WAY)?.role === 'upsample');
}
