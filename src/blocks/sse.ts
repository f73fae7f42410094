import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addGate, GATE_OPTION, neutralLayer, resolveGate } from './functions.ts';
import { addDense, drafted, positionCount, refuseUnsupported } from './layers.ts';
import { apply, dense, multiply, readFeatures, toResult } from './tracked.ts';

/**
 * Spatial Squeeze-and-Excitation: a 1x1 convolution to one channel gives a gate for each position.
 *
 * It adds C weights and a bias, and 2C multiply-accumulates for each position, the scale among them. (Roy et al. 2018,
 * arXiv 1803.02579.)
 */
export const sse: BlockDefinition = defineBlock({
  name: 'sse',
  version: 1,
  description: 'spatial SE: a gate for each position (Roy et al. 2018)',
  options: {
    bias: { type: 'boolean', default: true, help: 'a bias in the convolution' },
    gate: GATE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site);
    return { ...options, gate: resolveGate(options, init, site) };
  },
  ...drafted((draft, options) => {
    const layer = { inputs: draft.site.channels, outputs: 1, bias: options['bias'] === true };
    addDense(draft, 'spatial', BLOCK_INPUT, layer);
    addGate(draft, 'gate', 'spatial', String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const positions = positionCount(site);
    return {
      parameters: site.channels + (options['bias'] === true ? 1 : 0),
      macs: positions === undefined ? null : 2 * site.channels * positions,
    };
  },
  neutral: (options) => neutralLayer('spatial', options['gate'], options['bias'] === true),
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const gate = apply(
      dense(x, weights, 'spatial', 1, site),
      GATE_CURVES[String(options['gate'])] ?? IDENTITY,
    );
    return toResult(site, { gate, scaled: multiply(x, gate) });
  },
});
