import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { addGate, GATE_OPTION, neutralLayer, resolveGate } from './functions.ts';
import {
  addPerChannel,
  addPooling,
  addReduction,
  addWide,
  drafted,
  positionCount,
  positionsOf,
  refuseUnsupported,
} from './layers.ts';
import { addSqueeze, isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import {
  add,
  apply,
  constant,
  multiply,
  perChannel,
  readFeatures,
  reduce,
  squareRoot,
  subtract,
  toResult,
} from './tracked.ts';

/** Keeps the deviation away from 0, as the authors' code does. */
const EPSILON = 1e-5;

/**
 * Style-based Recalibration: mean and standard deviation of each channel, weighted by channel.
 *
 * The BatchNormalization behind the weights is folded into them and a bias, as at inference. The deviation is that of
 * all positions (the authors' divides by one less, which is a number that depends on the map's size). It adds 3C
 * parameters and 2C multiply-accumulates beside the scale and the squares of all features. (Lee et al. 2019, arXiv
 * 1903.10829.)
 */
export const srm: BlockDefinition = defineBlock({
  name: 'srm',
  version: 1,
  description: 'Style-based Recalibration: mean and deviation of each channel (Lee et al. 2019)',
  options: { gate: GATE_OPTION, squeezeType: SQUEEZE_TYPE_OPTION },
  resolve(options, site, init) {
    refuseUnsupported(site);
    return {
      ...options,
      gate: resolveGate(options, init, site),
      squeezeType: resolveSqueezeType(options, site),
    };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const weight = (name: string, role: 'weight' | 'bias'): string =>
      addPerChannel(draft, name, site.channels, { role, fan: 2 });
    const weights = [weight('style.mean', 'weight'), weight('style.deviation', 'weight')];
    const bias = weight('style.bias', 'bias');
    const squeeze = addSqueeze(draft, options);
    addWide(draft, 'deviation', [BLOCK_INPUT], isWide(options), (name, [x = BLOCK_INPUT], type) => {
      const centred = draft.node('centred', 'Sub', [x, addPooling(draft, 'mean', x, 'avg')]);
      const square = draft.node('square', 'Mul', [centred, centred]);
      const variance = addReduction(draft, 'variance', 'ReduceMean', square, positionsOf(site));
      draft.node('shifted', 'Add', [variance, draft.constant('epsilon', EPSILON, type)]);
      draft.node(name, 'Sqrt', ['shifted']);
    });
    const products = [squeeze, 'deviation'].map((input, at) =>
      draft.node(at === 0 ? 'weighted_mean' : 'weighted_deviation', 'Mul', [input, weights[at] ?? '']),
    );
    draft.node('style', 'Add', [draft.node('style_sum', 'Add', products), bias]);
    addGate(draft, 'gate', 'style', String(options['gate']));
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site) {
    const { channels } = site;
    const positions = positionCount(site);
    return {
      parameters: 3 * channels,
      macs: positions === undefined ? null : 2 * channels + 2 * channels * positions,
    };
  },
  neutral(options) {
    const fills = neutralLayer('style', options['gate'], true);
    if (fills === undefined) return undefined;
    return new Map([
      ['style.mean', 0],
      ['style.deviation', 0],
      ['style.bias', fills.get('style.bias') ?? 0],
    ]);
  },
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const squeeze = squeezed(x);
    const centred = subtract(x, squeeze);
    const variance = reduce(multiply(centred, centred), 'mean', 'positions');
    const deviation = squareRoot(add(variance, constant(EPSILON)));
    const style = add(
      add(
        multiply(squeeze, perChannel(weights, 'style.mean')),
        multiply(deviation, perChannel(weights, 'style.deviation')),
      ),
      perChannel(weights, 'style.bias'),
    );
    const gate = apply(style, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
    return toResult(site, { squeeze, gate, scaled: multiply(x, gate) });
  },
});
