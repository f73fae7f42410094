import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { ACTIVATION_CURVES, GATE_CURVES, IDENTITY } from './curves.ts';
import {
  ACTIVATION_OPTION,
  activationNeeds,
  addActivation,
  addGate,
  GATE_OPTION,
  neutralBias,
  resolveGate,
} from './functions.ts';
import {
  addDense,
  addPooling,
  addReduction,
  addWide,
  channelsOf,
  type Draft,
  drafted,
  isChannelsLast,
  ones,
  positionCount,
  refuseUnsupported,
} from './layers.ts';
import { invalid } from './options.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { convolve } from './spatial.ts';
import { isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION } from './squeeze.ts';
import { add, apply, dense, multiply, readFeatures, reduce, toResult } from './tracked.ts';

/**
 * Convolutional Block Attention: a channel gate from the average and the maximum through layers that they share, then a
 * spatial gate from the average and the maximum over the channels through a 7x7 convolution.
 *
 * The BatchNormalization behind that convolution is folded into it, as at inference. The node `gate` is the channel
 * gate. It adds 2RC + R + C parameters for the channels and 2·7^d + 1 for d spatial axes; 4RC multiply-accumulates, and
 * 2·7^d + 2C at each position, both scales among them. (Woo et al. 2018, arXiv 1807.06521.)
 */
export const cbam: BlockDefinition = defineBlock({
  name: 'cbam',
  version: 1,
  description: 'Convolutional Block Attention: channels, then positions (Woo et al. 2018)',
  options: {
    ...REDUCTION_OPTIONS,
    spatialKernel: {
      type: 'number',
      default: 7,
      minimum: 1,
      integer: true,
      help: 'size of the spatial kernel, odd',
    },
    bias: { type: 'boolean', default: true, help: 'biases in the layers' },
    activation: ACTIVATION_OPTION,
    gate: { ...GATE_OPTION, help: `${GATE_OPTION.help}; it gives both gates` },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site, ...activationNeeds(options['activation']));
    const kernel = Number(options['spatialKernel']);
    if (kernel % 2 === 0) throw invalid('spatialKernel', kernel, 'use an odd number');
    const gate = resolveGate(options, init, site);
    const squeezeType = resolveSqueezeType(options, site);
    return { ...options, ...resolveReduction(options, site), gate, squeezeType };
  },
  ...drafted((draft, options) => {
    const gate = String(options['gate']);
    const wide = isWide(options);
    const mean = addWide(draft, 'squeeze', [BLOCK_INPUT], wide, (name, [x = BLOCK_INPUT]) => {
      addPooling(draft, name, x, 'avg');
    });
    const most = addPooling(draft, 'squeeze_max', BLOCK_INPUT, 'max');
    const shared = sharedLayers(draft, options);
    draft.node('sum', 'Add', [shared('', mean), shared('_max', most)]);
    addGate(draft, 'gate', 'sum', gate);
    draft.node('recalibrated', 'Mul', [BLOCK_INPUT, 'gate']);
    addGate(draft, 'spatial_gate', spatialMap(draft, 'recalibrated', options), gate);
    draft.node('scale', 'Mul', ['recalibrated', 'spatial_gate']);
  }),
  cost(site, options) {
    const { channels, rank } = site;
    const reduced = Number(options['reducedChannels']);
    const taps = 2 * Number(options['spatialKernel']) ** (rank - 2);
    const biases = options['bias'] === true ? reduced + channels + 1 : 0;
    const positions = positionCount(site);
    return {
      parameters: 2 * reduced * channels + taps + biases,
      macs: positions === undefined ? null : 4 * reduced * channels + positions * (taps + 2 * channels),
    };
  },
  neutral(options) {
    const bias = neutralBias(options['gate']);
    if (bias === undefined || (bias !== 0 && options['bias'] !== true)) return undefined;
    return new Map([
      ['expand.weight', 0],
      // Both the average and the maximum pass the layer.
      ['expand.bias', bias / 2],
      ['spatial.weight', 0],
      ['spatial.bias', bias],
    ]);
  },
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const curve = GATE_CURVES[String(options['gate'])] ?? IDENTITY;
    const activation = ACTIVATION_CURVES[String(options['activation'])] ?? IDENTITY;
    const [mean, most] = (['mean', 'max'] as const).map((kind) => {
      const squeeze = reduce(x, kind, 'positions');
      const reduced = dense(squeeze, weights, 'reduce', Number(options['reducedChannels']), site);
      const hidden = apply(reduced, activation);
      return { squeeze, hidden, expanded: dense(hidden, weights, 'expand', site.channels, site) };
    });
    if (mean === undefined || most === undefined) throw new RangeError('there are two squeezes');
    const gate = apply(add(mean.expanded, most.expanded), curve);
    const recalibrated = multiply(x, gate);
    const maps = [reduce(recalibrated, 'mean', 'channels'), reduce(recalibrated, 'max', 'channels')];
    const spatial = features.dims.slice(1).filter((_, axis) => axis + 1 !== site.channelAxis);
    const map = convolve(maps, spatial, weights, 'spatial', Number(options['spatialKernel']));
    const scaled = multiply(recalibrated, apply(map, curve));
    return toResult(site, { squeeze: mean.squeeze, hidden: mean.hidden, gate, scaled });
  },
});

/** The layers that average and maximum share: their weights are there once, their nodes for each. */
function sharedLayers(
  draft: Draft,
  options: Parameters<BlockDefinition['build']>[1],
): (suffix: string, squeeze: string) => string {
  const { channels } = draft.site;
  const reduced = Number(options['reducedChannels']);
  const bias = options['bias'] === true;
  return (suffix, squeeze) => {
    const reduce = { inputs: channels, outputs: reduced, bias, node: `reduce${suffix}` };
    addDense(draft, 'reduce', squeeze, reduce);
    addActivation(draft, `act${suffix}`, reduce.node, String(options['activation']));
    const expand = { inputs: reduced, outputs: channels, bias, node: `expand${suffix}` };
    return addDense(draft, 'expand', `act${suffix}`, expand);
  };
}

/** Average and maximum over the channels, side by side, through the spatial convolution. */
function spatialMap(draft: Draft, input: string, options: Parameters<BlockDefinition['build']>[1]): string {
  const { site } = draft;
  const over = channelsOf(site);
  const mean = addWide(draft, 'mean_map', [input], isWide(options), (name, [x = input]) => {
    addReduction(draft, name, 'ReduceMean', x, over);
  });
  const most = addReduction(draft, 'max_map', 'ReduceMax', input, over);
  draft.node('maps', 'Concat', [mean, most], { axis: { int: site.channelAxis } });
  const kernel = ones(site).map(() => Number(options['spatialKernel']));
  const pads = [...kernel, ...kernel].map((size) => (size - 1) / 2);
  const fanIn = 2 * kernel.reduce((product, size) => product * size, 1);
  const fans = { fanIn, fanOut: fanIn / 2 };
  const weight = draft.weight({ name: 'spatial.weight', dims: [1, 2, ...kernel], role: 'weight', ...fans });
  const bias =
    options['bias'] === true
      ? [draft.weight({ name: 'spatial.bias', dims: [1], role: 'bias', ...fans })]
      : [];
  const attributes = { kernel_shape: { ints: kernel }, pads: { ints: pads } };
  if (!isChannelsLast(site)) return draft.node('spatial', 'Conv', ['maps', weight, ...bias], attributes);
  const axes = ones(site).map((_, axis) => axis + 1);
  draft.node('maps_first', 'Transpose', ['maps'], { perm: { ints: [0, site.rank - 1, ...axes] } });
  draft.node('spatial_first', 'Conv', ['maps_first', weight, ...bias], attributes);
  const back = { perm: { ints: [0, ...axes.map((axis) => axis + 1), 1] } };
  return draft.node('spatial', 'Transpose', ['spatial_first'], back);
}
