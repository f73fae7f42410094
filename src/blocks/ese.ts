import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addGate, GATE_OPTION, neutralLayer, resolveGate } from './functions.ts';
import { addDense, drafted, positionCount, refuseUnsupported } from './layers.ts';
import { addSqueeze, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import { apply, dense, multiply, readFeatures, toResult } from './tracked.ts';

/**
 * Effective Squeeze-and-Excitation: one layer from C to C channels, so that none are lost in a reduction, and a hard
 * sigmoid. It adds C² weights and C biases, and as many multiply-accumulates beside the scale. Its neutral start, zero
 * weights and biases of 3, is the corner of the hard sigmoid; with the gate `2*sigmoid` it is one that trains.
 *
 * (Lee and Park 2019, CenterMask, arXiv 1911.06667.)
 */
export const ese: BlockDefinition = defineBlock({
  name: 'ese',
  version: 1,
  description: 'effective SE: one layer without reduction, hard sigmoid (Lee and Park 2019)',
  options: {
    bias: { type: 'boolean', default: true, help: 'biases in the layer' },
    gate: {
      ...GATE_OPTION,
      help: 'the function that gives the gate (default: the paper’s hard sigmoid, at its corner with a neutral start)',
    },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site);
    const gate = resolveGate(options, init, site, 'hardsigmoid');
    return { ...options, gate, squeezeType: resolveSqueezeType(options, site) };
  },
  ...drafted((draft, options) => {
    const { channels } = draft.site;
    const layer = { inputs: channels, outputs: channels, bias: options['bias'] === true };
    addDense(draft, 'fc', addSqueeze(draft, options), layer);
    addGate(draft, 'gate', 'fc', String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const { channels } = site;
    const positions = positionCount(site);
    return {
      parameters: channels * channels + (options['bias'] === true ? channels : 0),
      macs: positions === undefined ? null : channels * channels + channels * positions,
    };
  },
  neutral: (options) => neutralLayer('fc', options['gate'], options['bias'] === true),
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const squeeze = squeezed(x);
    const layer = dense(squeeze, weights, 'fc', site.channels, site);
    const gate = apply(layer, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
    return toResult(site, { squeeze, gate, scaled: multiply(x, gate) });
  },
});
