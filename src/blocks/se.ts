import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { addExcitation, excitationMacs, excitationParameters } from './excitation.ts';
import {
  ACTIVATION_OPTION,
  activationNeeds,
  addGate,
  GATE_OPTION,
  neutralLayer,
  resolveGate,
} from './functions.ts';
import { drafted, positionCount, refuseUnsupported } from './layers.ts';
import { NORMALIZATION_OPTION } from './normalization.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { seReference } from './se-reference.ts';
import { addSqueeze, resolveSqueezeType, SQUEEZE_OPTION, SQUEEZE_TYPE_OPTION } from './squeeze.ts';

/**
 * The Squeeze-and-Excitation block: global average pooling, reduce, activation, expand, gate, scale.
 *
 * The usual form is two 1x1 convolutions on the pooled map, which needs no Reshape and so works for any batch and any
 * spatial size; where channels are last it is ReduceMean and MatMul on that axis. It adds 2RC weights and R + C biases,
 * and 2RC multiply-accumulates beside the scale. (Hu et al. 2017, arXiv 1709.01507.)
 */
export const se: BlockDefinition = defineBlock({
  name: 'se',
  version: 1,
  description: 'Squeeze-and-Excitation (Hu et al. 2017)',
  options: {
    ...REDUCTION_OPTIONS,
    squeeze: SQUEEZE_OPTION,
    bias: {
      type: 'boolean',
      default: true,
      help: 'biases in the excitation (the paper found none better for ResNets)',
    },
    normalization: NORMALIZATION_OPTION,
    activation: ACTIVATION_OPTION,
    gate: GATE_OPTION,
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site, ...activationNeeds(options['activation']));
    const gate = resolveGate(options, init, site);
    const squeezeType = resolveSqueezeType(options, site);
    return { ...options, ...resolveReduction(options, site), gate, squeezeType };
  },
  ...drafted((draft, options) => {
    const squeeze = addSqueeze(draft, options, String(options['squeeze'] ?? 'avg'));
    const expand = addExcitation(draft, squeeze, options);
    addGate(draft, 'gate', expand, String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const positions = positionCount(site);
    const excited = options['squeeze'] === 'none' ? positions : 1;
    // The scale multiplies every feature once; pooling only adds.
    const macs =
      positions === undefined || excited === undefined
        ? null
        : excitationMacs(site, options) * excited + site.channels * positions;
    return { parameters: excitationParameters(site, options), macs };
  },
  neutral: (options) => neutralLayer('expand', options['gate'], options['bias'] === true),
  reference: seReference,
});
