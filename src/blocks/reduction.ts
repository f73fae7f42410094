import type { BlockSite, OptionDefinition, OptionValue, ResolvedOptions } from './block.ts';
import { invalid } from './options.ts';

/** The options that say how many channels the excitation is reduced to. */
export const REDUCTION_OPTIONS: Readonly<Record<string, OptionDefinition>> = {
  reductionRatio: {
    type: 'number',
    default: 'auto',
    minimum: 1,
    help: 'reduction ratio r: channels / reduced channels (default: 16; in inverted residuals 4)',
  },
  reducedChannels: {
    type: 'number',
    default: 'auto',
    minimum: 1,
    integer: true,
    help: 'reduced channels, as a number instead of a ratio',
  },
  ratioOf: {
    type: 'choice',
    default: 'auto',
    choices: ['tapped', 'block-output', 'block-input'],
    help: 'the channels that are divided by r: of the tapped value (the expanded ones in an inverted residual), of the block’s output or of its input (default: tapped)',
  },
  channelDivisor: {
    type: 'number',
    default: 8,
    minimum: 1,
    integer: true,
    help: 'reduced channels are a multiple of this',
  },
  minChannels: {
    type: 'number',
    default: 'auto',
    minimum: 1,
    integer: true,
    help: 'the fewest reduced channels (default: the divisor)',
  },
  rounding: {
    type: 'choice',
    default: 'nearest',
    choices: ['nearest', 'up', 'down'],
    help: 'how the quotient is rounded to a multiple of the divisor',
  },
  roundLimit: {
    type: 'number',
    default: 'auto',
    minimum: 0,
    help: 'a rounded number below this part of the quotient goes one divisor up (default: 0; in inverted residuals 0.9, as MobileNetV3 does)',
  },
};

const MOBILE = new Set(['inverted-residual', 'depthwise-separable']);

/**
 * Decides the reduction for one site, `reducedChannels` included.
 *
 * The defaults are 16 of the block's output (the paper) and, in inverted residuals, 4 of the expanded channels
 * (MobileNetV3), in multiples of 8. Throws `blocks/invalid-option` for a ratio of channels that are not known.
 */
export function resolveReduction(options: ResolvedOptions, site: BlockSite): ResolvedOptions {
  const mobile = MOBILE.has(site.kind);
  const ratioOf = auto(options['ratioOf'], 'tapped');
  const reductionRatio = Number(auto(options['reductionRatio'], mobile ? 4 : 16));
  const channelDivisor = Number(options['channelDivisor']);
  const minChannels = Number(auto(options['minChannels'], channelDivisor));
  const roundLimit = Number(auto(options['roundLimit'], mobile ? 0.9 : 0));
  const rounding = String(options['rounding']);
  const given = options['reducedChannels'];
  const reducedChannels =
    given === undefined || given === 'auto'
      ? roundToDivisor(baseChannels(site, String(ratioOf)) / reductionRatio, {
          divisor: channelDivisor,
          minimum: minChannels,
          rounding,
          limit: roundLimit,
        })
      : Number(given);
  return { reductionRatio, ratioOf, channelDivisor, minChannels, roundLimit, rounding, reducedChannels };
}

/** Rounds a quotient to a multiple of a divisor, as timm's and TensorFlow's `make_divisible` do. */
export function roundToDivisor(
  quotient: number,
  how: {
    readonly divisor: number;
    readonly minimum: number;
    readonly rounding: string;
    readonly limit: number;
  },
): number {
  const { divisor, minimum, rounding, limit } = how;
  const steps = quotient / divisor;
  const whole =
    rounding === 'up' ? Math.ceil(steps) : rounding === 'down' ? Math.floor(steps) : Math.floor(steps + 0.5);
  const rounded = Math.max(minimum, whole * divisor);
  return rounded < limit * quotient ? rounded + divisor : rounded;
}

function baseChannels(site: BlockSite, ratioOf: string): number {
  const channels =
    ratioOf === 'block-input'
      ? site.inputChannels
      : ratioOf === 'block-output'
        ? site.outputChannels
        : site.channels;
  if (channels !== undefined) return channels;
  throw invalid('ratioOf', ratioOf, 'these channels are not known at this site: use "tapped"');
}

function auto(value: OptionValue | undefined, otherwise: OptionValue): OptionValue {
  return value === undefined || value === 'auto' ? otherwise : value;
}
