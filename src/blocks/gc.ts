import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { ACTIVATION_CURVES, FALLING_EXPONENTIAL, GATE_CURVES, IDENTITY } from './curves.ts';
import {
  ACTIVATION_OPTION,
  activationNeeds,
  addActivation,
  addGate,
  GATE_OPTION,
  neutralLayer,
  resolveGate,
} from './functions.ts';
import {
  addDense,
  addReduction,
  addWide,
  drafted,
  positionCount,
  positionsOf,
  refuseUnsupported,
} from './layers.ts';
import { addNormalization, normalized } from './normalization.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION } from './squeeze.ts';
import {
  add,
  apply,
  constant,
  dense,
  divide,
  multiply,
  readFeatures,
  reduce,
  subtract,
  toResult,
} from './tracked.ts';

/**
 * Global Context: positions are pooled by a softmax over a 1x1 convolution, and what two layers make of that context is
 * added to the features, or scales them.
 *
 * Fusion `add` writes x + t as x - (0 - t), which keeps the sign of a zero too, and its node `gate` is 0 - t: an expand
 * layer of zeros is an exact and trainable neutral start (timm's, with the bias at 0 as well). It adds C + 1 parameters
 * of attention, 2RC + R + C of the layers and 2R of the LayerNorm; 2RC multiply-accumulates, and 2C at each position,
 * C more where it scales. (Cao et al. 2019, arXiv 1904.11492.)
 */
export const gc: BlockDefinition = defineBlock({
  name: 'gc',
  version: 1,
  description: 'Global Context: attention pooling, added or multiplied (Cao et al. 2019)',
  options: {
    ...REDUCTION_OPTIONS,
    fusion: {
      type: 'choice',
      default: 'add',
      choices: ['add', 'scale'],
      help: 'whether the context is added to the features or gates them',
    },
    bias: { type: 'boolean', default: true, help: 'biases in the layers' },
    activation: ACTIVATION_OPTION,
    gate: { ...GATE_OPTION, help: `${GATE_OPTION.help}; for the fusion "scale"` },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site, ...activationNeeds(options['activation']));
    const gate = resolveGate(options, init, site);
    const squeezeType = resolveSqueezeType(options, site);
    return { ...options, ...resolveReduction(options, site), gate, squeezeType };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const wide = isWide(options);
    const bias = options['bias'] === true;
    const reduced = Number(options['reducedChannels']);
    const over = positionsOf(site);
    addDense(draft, 'attention', BLOCK_INPUT, { inputs: site.channels, outputs: 1, bias });
    addWide(
      draft,
      'squeeze',
      [BLOCK_INPUT, 'attention'],
      wide,
      (name, [x = BLOCK_INPUT, a = 'attention']) => {
        const fallen = draft.node('fallen', 'Sub', [a, addReduction(draft, 'top', 'ReduceMax', a, over)]);
        const share = draft.node('share', 'Exp', [fallen]);
        const whole = addReduction(draft, 'whole', 'ReduceSum', share, over);
        const weighted = draft.node('weighted', 'Mul', [x, draft.node('softmax', 'Div', [share, whole])]);
        addReduction(draft, name, 'ReduceSum', weighted, over);
      },
    );
    addDense(draft, 'reduce', 'squeeze', { inputs: site.channels, outputs: reduced, bias });
    const normal = addNormalization(draft, 'norm', 'reduce', reduced, { kind: 'layer', wide });
    addActivation(draft, 'act', normal, String(options['activation']));
    addDense(draft, 'expand', 'act', { inputs: reduced, outputs: site.channels, bias });
    if (options['fusion'] === 'scale') {
      addGate(draft, 'gate', 'expand', String(options['gate']));
      draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
    } else {
      draft.node('gate', 'Sub', [draft.constant('gate.zero', 0), 'expand']);
      draft.node('scale', 'Sub', [BLOCK_INPUT, 'gate']);
    }
  }),
  cost(site, options) {
    const { channels } = site;
    const reduced = Number(options['reducedChannels']);
    const layers = 2 * reduced * channels;
    const biases = options['bias'] === true ? 1 + reduced + channels : 0;
    const positions = positionCount(site);
    const perPosition = (options['fusion'] === 'scale' ? 3 : 2) * channels;
    return {
      parameters: channels + layers + 2 * reduced + biases,
      macs: positions === undefined ? null : layers + perPosition * positions,
    };
  },
  neutral(options) {
    const bias = options['bias'] === true;
    return options['fusion'] === 'scale'
      ? neutralLayer('expand', options['gate'], bias)
      : neutralLayer('expand', '2*sigmoid', bias);
  },
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const logits = dense(x, weights, 'attention', 1, site);
    const share = apply(subtract(logits, reduce(logits, 'max', 'positions')), FALLING_EXPONENTIAL);
    const softmax = divide(share, reduce(share, 'sum', 'positions'));
    const squeeze = reduce(multiply(x, softmax), 'sum', 'positions');
    const reduced = dense(squeeze, weights, 'reduce', Number(options['reducedChannels']), site);
    const normal = normalized(reduced, weights, 'norm', 'layer');
    const hidden = apply(normal, ACTIVATION_CURVES[String(options['activation'])] ?? IDENTITY);
    const expanded = dense(hidden, weights, 'expand', site.channels, site);
    if (options['fusion'] === 'scale') {
      const gate = apply(expanded, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
      return toResult(site, { squeeze, hidden, gate, scaled: multiply(x, gate) });
    }
    const gate = subtract(constant(0), expanded);
    return toResult(site, { squeeze, hidden, gate, scaled: add(x, expanded) });
  },
});
