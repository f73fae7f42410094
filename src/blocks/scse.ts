import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addExcitation, excitationMacs, excitationParameters, excited } from './excitation.ts';
import { ACTIVATION_OPTION, activationNeeds, addGate } from './functions.ts';
import { addDense, drafted, positionCount, refuseUnsupported } from './layers.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { addSqueeze, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import { add, apply, dense, multiply, readFeatures, toResult } from './tracked.ts';

/** Gates of which half is what a zero layer gives, so that the two of them make 1. */
const SCSE_GATES: readonly string[] = ['sigmoid', 'hardsigmoid'];

/**
 * Concurrent spatial and channel Squeeze-and-Excitation: x times the channel gate plus x times the spatial gate, which
 * is one multiplication by their sum.
 *
 * Two plain sigmoids behind zero layers give 0.5 each: the neutral start is exact, and it trains. It adds the weights
 * of SE, and C + 1 of the spatial gate; a multiply-accumulate for each of these at each position, beside the scale.
 * (Roy et al. 2018, arXiv 1803.02579.)
 */
export const scse: BlockDefinition = defineBlock({
  name: 'scse',
  version: 1,
  description: 'concurrent spatial and channel SE, added (Roy et al. 2018)',
  options: {
    ...REDUCTION_OPTIONS,
    bias: { type: 'boolean', default: true, help: 'biases in the layers' },
    activation: ACTIVATION_OPTION,
    gate: {
      type: 'choice',
      default: 'sigmoid',
      choices: SCSE_GATES,
      help: 'the function that gives both gates: with a neutral start each is 0.5',
    },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site) {
    refuseUnsupported(site, ...activationNeeds(options['activation']));
    const squeezeType = resolveSqueezeType(options, site);
    return { ...options, ...resolveReduction(options, site), squeezeType };
  },
  ...drafted((draft, options) => {
    const gate = String(options['gate']);
    const bias = options['bias'] === true;
    addGate(draft, 'channel_gate', addExcitation(draft, addSqueeze(draft, options), options), gate);
    addDense(draft, 'spatial', BLOCK_INPUT, { inputs: draft.site.channels, outputs: 1, bias });
    addGate(draft, 'spatial_gate', 'spatial', gate);
    draft.node('gate', 'Add', ['channel_gate', 'spatial_gate']);
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const positions = positionCount(site);
    const spatial = site.channels + (options['bias'] === true ? 1 : 0);
    return {
      parameters: excitationParameters(site, options) + spatial,
      macs: positions === undefined ? null : excitationMacs(site, options) + 2 * site.channels * positions,
    };
  },
  neutral: () =>
    new Map(
      ['expand', 'spatial'].flatMap((name) => [
        [`${name}.weight`, 0],
        [`${name}.bias`, 0],
      ]),
    ),
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const curve = GATE_CURVES[String(options['gate'])] ?? IDENTITY;
    const squeeze = squeezed(x);
    const { hidden, expanded } = excited(squeeze, weights, site, options);
    const spatial = apply(dense(x, weights, 'spatial', 1, site), curve);
    const gate = add(apply(expanded, curve), spatial);
    return toResult(site, { squeeze, hidden, gate, scaled: multiply(x, gate) });
  },
});
