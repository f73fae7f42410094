import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addGate, GATE_OPTION, neutralLayer, resolveGate } from './functions.ts';
import { drafted, isChannelsLast, ones, positionCount, refuseUnsupported } from './layers.ts';
import { invalid } from './options.ts';
import { addSqueeze, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import { apply, multiply, readFeatures, type Tracked, toResult } from './tracked.ts';

/**
 * Efficient Channel Attention: a convolution along the channels, of k weights for all of them and no bias.
 *
 * The pooled map is turned so that its channels lie along a spatial axis, which takes no Reshape; where channels are
 * last, it is read as a map of one channel. It adds k weights, and kC multiply-accumulates beside the scale. (Wang et
 * al. 2020, arXiv 1910.03151; kernel sizes as in timm.) With features of three spatial axes the convolution has as
 * many, which WebGPU leaves to the CPU.
 */
export const eca: BlockDefinition = defineBlock({
  name: 'eca',
  version: 1,
  description: 'Efficient Channel Attention: a convolution along the channels (Wang et al. 2020)',
  options: {
    kernelSize: {
      type: 'number',
      default: 'auto',
      minimum: 1,
      integer: true,
      help: 'channels that a gate looks at, an odd number (default: from the channels, |log2(C) + 1|/2 to the next odd one, at least 3)',
    },
    gate: GATE_OPTION,
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site);
    const given = options['kernelSize'];
    const kernelSize = given === undefined || given === 'auto' ? ecaKernel(site.channels) : Number(given);
    if (kernelSize % 2 === 0) throw invalid('kernelSize', kernelSize, 'use an odd number');
    const gate = resolveGate(options, init, site);
    return { ...options, kernelSize, gate, squeezeType: resolveSqueezeType(options, site) };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const kernelSize = Number(options['kernelSize']);
    const last = isChannelsLast(site);
    // The axis of the channels once they lie along a spatial one: the first, or the last as they are.
    const single = ones(site).slice(1);
    const kernel = last ? [...single, kernelSize] : [kernelSize, ...single];
    const around = kernel.map((size) => (size - 1) / 2);
    const weight = draft.weight({
      name: 'conv.weight',
      dims: [1, 1, ...kernel],
      role: 'weight',
      fanIn: kernelSize,
      fanOut: kernelSize,
    });
    const attributes = { kernel_shape: { ints: kernel }, pads: { ints: [...around, ...around] } };
    const squeeze = addSqueeze(draft, options);
    const swapped = { perm: { ints: [0, 2, 1, ...single.map((_, axis) => axis + 3)] } };
    const turned = last ? squeeze : draft.node('turn', 'Transpose', [squeeze], swapped);
    const conv = draft.node('conv', 'Conv', [turned, weight], attributes);
    const back = last ? conv : draft.node('turn_back', 'Transpose', [conv], swapped);
    addGate(draft, 'gate', back, String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const kernelSize = Number(options['kernelSize']);
    const positions = positionCount(site);
    return {
      parameters: kernelSize,
      macs: positions === undefined ? null : site.channels * (kernelSize + positions),
    };
  },
  neutral: (options) => neutralLayer('conv', options['gate'], false),
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const squeeze = squeezed(x);
    const mixed = alongChannels(squeeze, weights.get('conv.weight') ?? new Float64Array(0));
    const gate = apply(mixed, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
    return toResult(site, { squeeze, gate, scaled: multiply(x, gate) });
  },
});

/** The kernel that goes with a number of channels: gamma 2 and beta 1, as in the paper. */
export function ecaKernel(channels: number): number {
  const size = Math.trunc(Math.abs(Math.log2(channels) + 1) / 2);
  return Math.max(3, size % 2 === 1 ? size : size + 1);
}

/** Each channel with its neighbours, zeros beyond the ends. */
function alongChannels({ dims, data, bound }: Tracked, kernel: Float64Array): Tracked {
  const [samples, channels] = dims;
  const mixed = new Float64Array(samples * channels);
  const error = new Float64Array(mixed.length);
  const around = (kernel.length - 1) / 2;
  for (let at = 0; at < mixed.length; at += 1) {
    const channel = at % channels;
    for (const [tap, w] of kernel.entries()) {
      const from = channel + tap - around;
      if (from < 0 || from >= channels) continue;
      const source = at - channel + from;
      mixed[at] = (mixed[at] ?? 0) + w * (data[source] ?? 0);
      error[at] =
        (error[at] ?? 0) +
        Math.abs(w) * ((bound[source] ?? 0) + (kernel.length + 1) * Math.abs(data[source] ?? 0));
    }
  }
  return { dims, data: mixed, bound: error };
}
