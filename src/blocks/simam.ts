import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import {
  addPooling,
  addReduction,
  addWide,
  drafted,
  positionCount,
  positionsOf,
  refuseUnsupported,
} from './layers.ts';
import { isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION } from './squeeze.ts';
import {
  add,
  apply,
  constant,
  divide,
  multiply,
  readFeatures,
  reduce,
  subtract,
  toResult,
} from './tracked.ts';

/**
 * SimAM: each feature is gated by how far it stands out of its channel, sigmoid((x - mean)²/(4 (variance + λ)) + 1/2).
 *
 * It has no parameters, and so no neutral start; its gates are between 0.62 and 1, and no other initialization comes
 * closer. The variance is that of all positions (the authors' divides by one less, a number that depends on the map's
 * size). It takes three multiply-accumulates for each feature, the scale among them. (Yang et al. 2021, "SimAM: A
 * Simple, Parameter-Free Attention Module", ICML.)
 */
export const simam: BlockDefinition = defineBlock({
  name: 'simam',
  version: 1,
  description: 'SimAM: features gated by how they stand out, without parameters (Yang et al. 2021)',
  options: {
    lambda: { type: 'number', default: 1e-4, minimum: 1e-7, help: 'what is added to the variance' },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site) {
    refuseUnsupported(site);
    return { ...options, squeezeType: resolveSqueezeType(options, site) };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const lambda = Number(options['lambda']);
    addWide(draft, 'gate', [BLOCK_INPUT], isWide(options), (name, [x = BLOCK_INPUT], type) => {
      const centred = draft.node('centred', 'Sub', [x, addPooling(draft, 'squeeze', x, 'avg')]);
      const square = draft.node('square', 'Mul', [centred, centred]);
      const variance = addReduction(draft, 'variance', 'ReduceMean', square, positionsOf(site));
      draft.node('shifted', 'Add', [variance, draft.constant('lambda', lambda, type)]);
      draft.node('fourfold', 'Mul', ['shifted', draft.constant('four', 4, type)]);
      draft.node('energy', 'Div', [square, 'fourfold']);
      draft.node('raised', 'Add', ['energy', draft.constant('half', 0.5, type)]);
      draft.node(name, 'Sigmoid', ['raised']);
    });
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site) {
    const positions = positionCount(site);
    return { parameters: 0, macs: positions === undefined ? null : 3 * site.channels * positions };
  },
  neutral: () => undefined,
  reference(features, _weights, site, options) {
    const x = readFeatures(features, site);
    const squeeze = reduce(x, 'mean', 'positions');
    const centred = subtract(x, squeeze);
    const square = multiply(centred, centred);
    const variance = reduce(square, 'mean', 'positions');
    const shifted = add(variance, constant(Number(options['lambda'])));
    const energy = divide(square, multiply(shifted, constant(4)));
    const gate = apply(add(energy, constant(0.5)), GATE_CURVES['sigmoid'] ?? IDENTITY);
    return toResult(site, { squeeze, gate, scaled: multiply(x, gate) });
  },
});
