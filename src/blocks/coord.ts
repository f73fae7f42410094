import { SeInjectError } from '../errors.ts';
import { BLOCK_INPUT, type BlockDefinition, defineBlock } from './block.ts';
import { ACTIVATION_CURVES, GATE_CURVES, IDENTITY } from './curves.ts';
import {
  ACTIVATION_OPTION,
  activationNeeds,
  addActivation,
  addGate,
  GATE_OPTION,
  neutralBias,
  resolveGate,
} from './functions.ts';
import {
  addDense,
  addReduction,
  addWide,
  drafted,
  isChannelsLast,
  positionCount,
  refuseUnsupported,
} from './layers.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { isWide, resolveSqueezeType, SQUEEZE_TYPE_OPTION } from './squeeze.ts';
import { apply, dense, multiply, readFeatures, reduce, spread, type Tracked, toResult } from './tracked.ts';

/** The axes along which positions are pooled, and the name of what is left. */
const DIRECTIONS: readonly { readonly name: string; readonly pooled: 'height' | 'width' }[] = [
  { name: 'rows', pooled: 'width' },
  { name: 'columns', pooled: 'height' },
];

/**
 * Coordinate Attention: a gate for each row times a gate for each column, for features with two spatial axes.
 *
 * Both pooled maps pass the shared layer on their own, which is the same as the paper's passing it one behind the
 * other; its BatchNormalization is folded into it, as at inference. It adds 3RC + R + 2C parameters; for a map of H x W
 * it takes 2RC(H + W) multiply-accumulates and 2CHW for the gates' product and the scale. (Hou et al. 2021, arXiv
 * 2103.02907.)
 */
export const coord: BlockDefinition = defineBlock({
  name: 'coord',
  version: 1,
  description: 'Coordinate Attention: gates for rows and columns, 2-D (Hou et al. 2021)',
  options: {
    ...REDUCTION_OPTIONS,
    bias: { type: 'boolean', default: true, help: 'biases in the layers' },
    activation: { ...ACTIVATION_OPTION, default: 'hardswish' },
    gate: { ...GATE_OPTION, help: `${GATE_OPTION.help}; it gives both gates` },
    squeezeType: SQUEEZE_TYPE_OPTION,
  },
  resolve(options, site, init) {
    refuseUnsupported(site, ...activationNeeds(options['activation']));
    if (site.rank !== 4) {
      throw new SeInjectError(
        'blocks/unsupported-rank',
        `features with ${site.rank - 2} spatial axes have no rows and columns: block "coord" is for two`,
        { details: { rank: site.rank } },
      );
    }
    const gate = resolveGate(options, init, site);
    const squeezeType = resolveSqueezeType(options, site);
    return { ...options, ...resolveReduction(options, site), gate, squeezeType };
  },
  ...drafted((draft, options) => {
    const { site } = draft;
    const { channels } = site;
    const reduced = Number(options['reducedChannels']);
    const bias = options['bias'] === true;
    const height = isChannelsLast(site) ? 1 : 2;
    for (const { name, pooled } of DIRECTIONS) {
      const axes = [pooled === 'height' ? height : height + 1];
      addWide(draft, name, [BLOCK_INPUT], isWide(options), (inner, [x = BLOCK_INPUT]) => {
        addReduction(draft, inner, 'ReduceMean', x, { name: pooled, axes });
      });
      const node = `reduce_${name}`;
      addDense(draft, 'reduce', name, { inputs: channels, outputs: reduced, bias, node });
      addActivation(draft, `act_${name}`, node, String(options['activation']));
      addDense(draft, `expand_${name}`, `act_${name}`, { inputs: reduced, outputs: channels, bias });
      addGate(draft, `gate_${name}`, `expand_${name}`, String(options['gate']));
    }
    draft.node('gate', 'Mul', ['gate_rows', 'gate_columns']);
    draft.node('scale', 'Mul', [BLOCK_INPUT, 'gate']);
  }),
  cost(site, options) {
    const { channels } = site;
    const reduced = Number(options['reducedChannels']);
    const biases = options['bias'] === true ? reduced + 2 * channels : 0;
    const positions = positionCount(site);
    const sides = (site.spatial ?? []).reduce((sum, size) => sum + size, 0);
    return {
      parameters: 3 * reduced * channels + biases,
      macs: positions === undefined ? null : 2 * reduced * channels * sides + 2 * channels * positions,
    };
  },
  neutral(options) {
    const bias = neutralBias(options['gate']);
    if (bias === undefined || (bias !== 0 && options['bias'] !== true)) return undefined;
    return new Map(
      DIRECTIONS.flatMap(({ name }) => [
        [`expand_${name}.weight`, 0],
        [`expand_${name}.bias`, bias],
      ]),
    );
  },
  reference(features, weights, site, options) {
    const x = readFeatures(features, site);
    const [samples, channels, positions] = x.dims;
    const height = features.dims[site.channelAxis === 1 ? 2 : 1] ?? 1;
    const width = positions / height;
    // Rows become positions of their own, so that a mean over positions is one over a row.
    const byRow: Tracked = { ...x, dims: [samples, channels * height, width] };
    const turned = spread(x, positions, (at) => (at % height) * width + Math.floor(at / height));
    const byColumn: Tracked = { ...turned, dims: [samples, channels * width, height] };
    const gates = [byRow, byColumn].map((lines, direction) => {
      const count = direction === 0 ? height : width;
      const mean = reduce(lines, 'mean', 'positions');
      const line: Tracked = { ...mean, dims: [samples, channels, count] };
      const name = `expand_${direction === 0 ? 'rows' : 'columns'}`;
      const reduced = dense(line, weights, 'reduce', Number(options['reducedChannels']), site);
      const hidden = apply(reduced, ACTIVATION_CURVES[String(options['activation'])] ?? IDENTITY);
      const expanded = dense(hidden, weights, name, channels, site);
      const gate = apply(expanded, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
      return spread(gate, positions, (at) => (direction === 0 ? Math.floor(at / width) : at % width));
    });
    const [rows = x, columns = x] = gates;
    const gate = multiply(rows, columns);
    return toResult(site, { gate, scaled: multiply(x, gate) });
  },
});
