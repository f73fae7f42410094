import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addGate, GATE_OPTION, neutralLayer, resolveGate } from './functions.ts';
import { addPerChannel, drafted, positionCount, refuseUnsupported } from './layers.ts';
import { addSqueeze, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import { add, apply, multiply, perChannel, readFeatures, toResult } from './tracked.ts';

/**
 * Gather-Excite over the whole map: each channel is gated by its own average, without parameters (GE-θ⁻) or with a
 * weight and a bias for each channel.
 *
 * The paper's parametric gather is a depthwise convolution as large as the map, which would fix the map's size; here
 * its weights are shared by all positions, so that any size works. The parametric form adds 2C parameters and C
 * multiply-accumulates beside the scale, and has a neutral start; the parameter-free one adds nothing and has none:
 * the closest is the parametric form. (Hu et al. 2018, arXiv 1810.12348.)
 */
export const ge: BlockDefinition = defineBlock({
  name: 'ge',
  version: 1,
  description: 'Gather-Excite over the whole map, with or without parameters (Hu et al. 2018)',
  options: {
    parametric: {
      type: 'boolean',
      default: true,
      help: 'a weight and a bias for each channel (a block that has none cannot start neutral)',
    },
    gate: GATE_OPTION,
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site);
    return {
      ...options,
      gate: resolveGate(options, init, site),
      squeezeType: resolveSqueezeType(options, site),
    };
  },
  ...drafted((draft, options) => {
    let gathered = addSqueeze(draft, options);
    if (options['parametric'] === true) {
      const { channels } = draft.site;
      const weight = addPerChannel(draft, 'gather.weight', channels, { role: 'weight' });
      const bias = addPerChannel(draft, 'gather.bias', channels, { role: 'bias' });
      gathered = draft.node('gather', 'Add', [draft.node('gather_product', 'Mul', [gathered, weight]), bias]);
    }
    addGate(draft, 'gate', gathered, String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const own = options['parametric'] === true ? site.channels : 0;
    const positions = positionCount(site);
    return { parameters: 2 * own, macs: positions === undefined ? null : own + site.channels * positions };
  },
  neutral: (options) =>
    options['parametric'] === true ? neutralLayer('gather', options['gate'], true) : undefined,
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const squeeze = squeezed(x);
    const gathered =
      options['parametric'] === true
        ? add(multiply(squeeze, perChannel(weights, 'gather.weight')), perChannel(weights, 'gather.bias'))
        : squeeze;
    const gate = apply(gathered, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
    return toResult(site, { squeeze, gate, scaled: multiply(x, gate) });
  },
});
