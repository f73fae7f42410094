import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import {
  addPerChannel,
  addReduction,
  addWide,
  channelsOf,
  drafted,
  positionCount,
  positionsOf,
  refuseUnsupported,
} from './layers.ts';
import { isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION, squeezed } from './squeeze.ts';
import {
  add,
  apply,
  constant,
  divide,
  multiply,
  perChannel,
  readFeatures,
  reduce,
  squareRoot,
  toResult,
} from './tracked.ts';

/** Keeps roots away from 0, as the authors' code does. */
const EPSILON = 1e-5;

/**
 * Gated Channel Transformation: channels compete by the norms of their maps; the gate is 1 + tanh(gamma s + beta).
 *
 * It adds 3C parameters (alpha starts at 1) and 3C multiply-accumulates beside the scale and the squares of all
 * features. Gamma and beta of 0 are its neutral start: exact, and the one that its authors train from. (Yang et al.
 * 2020, arXiv 1909.11519.)
 */
export const gct: BlockDefinition = defineBlock({
  name: 'gct',
  version: 1,
  description: 'Gated Channel Transformation: channels compete by their norms (Yang et al. 2020)',
  options: { squeezeType: SQUEEZE_TYPE_OPTION },
  resolve(options, site) {
    refuseUnsupported(site);
    return { ...options, squeezeType: resolveSqueezeType(options, site) };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const weight = (name: string, role: 'weight' | 'bias', start?: number): string =>
      addPerChannel(draft, name, site.channels, { role, ...(start === undefined ? {} : { start, fan: 4 }) });
    const [alpha, gamma, beta] = [
      weight('alpha', 'weight', 1),
      weight('gamma', 'weight'),
      weight('beta', 'bias'),
    ];
    const inputs = [BLOCK_INPUT, alpha];
    addWide(draft, 'embedding', inputs, isWide(options), (name, [x = BLOCK_INPUT, scale = alpha], type) => {
      const epsilon = draft.constant('epsilon', EPSILON, type);
      const rooted = (of: string, sum: string): string =>
        draft.node(of, 'Sqrt', [draft.node(`${of}_shifted`, 'Add', [sum, epsilon])]);
      const squares = addReduction(draft, 'squares', 'ReduceSumSquare', x, positionsOf(site));
      const embedded = draft.node('embedded', 'Mul', [rooted('norm', squares), scale]);
      const mean = addReduction(
        draft,
        'mean_square',
        'ReduceMean',
        draft.node('embedded_square', 'Mul', [embedded, embedded]),
        channelsOf(site),
      );
      draft.node(name, 'Div', [embedded, rooted('mean', mean)]);
    });
    draft.node('shift', 'Add', [draft.node('weighted', 'Mul', ['embedding', gamma]), beta]);
    draft.node('gate', 'Add', [draft.node('bounded', 'Tanh', ['shift']), draft.constant('gate.one', 1)]);
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site) {
    const { channels } = site;
    const positions = positionCount(site);
    return {
      parameters: 3 * channels,
      macs: positions === undefined ? null : 3 * channels + 2 * channels * positions,
    };
  },
  neutral: () =>
    new Map([
      ['gamma', 0],
      ['beta', 0],
    ]),
  reference(features, weights, site) {
    const x = readFeatures(features, site);
    const squares = reduce(multiply(x, x), 'sum', 'positions');
    const embedded = multiply(squareRoot(add(squares, constant(EPSILON))), perChannel(weights, 'alpha'));
    const mean = reduce(multiply(embedded, embedded), 'mean', 'channels');
    const normal = divide(embedded, squareRoot(add(mean, constant(EPSILON))));
    const shifted = add(multiply(normal, perChannel(weights, 'gamma')), perChannel(weights, 'beta'));
    const gate = add(apply(shifted, GATE_CURVES['tanh'] ?? IDENTITY), constant(1));
    return toResult(site, { squeeze: squeezed(x), gate, scaled: multiply(x, gate) });
  },
});
