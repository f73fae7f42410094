import type { OptionValue } from './block.ts';
import { invalid } from './options.ts';

/** A network family's way of carrying a block, as data. */
export interface BlockPreset {
  /** One line: whose it is, and where it was read. */
  readonly description: string;
  /** Name of the block. */
  readonly block: string;
  /** Options of the block; the gate is left out where it is the sigmoid that a neutral start doubles. */
  readonly blockOptions: Readonly<Record<string, OptionValue>>;
  /** How the family starts the weights: what a training from scratch wants, where a trained network wants `neutral`. */
  readonly init: string;
  /** Where in its block the family has it. */
  readonly placement: 'standard' | 'inner';
}

/** Exactly C/r, without multiples: what most networks of before timm have. */
const EXACT = { channelDivisor: 1, minChannels: 1, rounding: 'down', roundLimit: 0 } as const;

/** The presets by name. */
export const BLOCK_PRESETS: Readonly<Record<string, BlockPreset>> = {
  senet: {
    description: 'SENet as its authors released it: C/16, biases, end of the branch (hujie-frank/SENet)',
    block: 'se',
    blockOptions: { ...EXACT, reductionRatio: 16, ratioOf: 'tapped', bias: true, activation: 'relu' },
    init: 'he',
    placement: 'standard',
  },
  'timm-resnet': {
    description: 'timm’s ResNet with attn_layer="se": C/16 in multiples of 8, end of the branch',
    block: 'se',
    blockOptions: {
      reductionRatio: 16,
      ratioOf: 'tapped',
      channelDivisor: 8,
      minChannels: 8,
      rounding: 'nearest',
      roundLimit: 0,
      bias: true,
      activation: 'relu',
    },
    init: 'timm',
    placement: 'standard',
  },
  mobilenetv3: {
    description:
      'MobileNetV3 (torchvision): a quarter of the expanded channels in multiples of 8, hard sigmoid',
    block: 'se',
    blockOptions: {
      reductionRatio: 4,
      ratioOf: 'tapped',
      channelDivisor: 8,
      minChannels: 8,
      rounding: 'nearest',
      roundLimit: 0.9,
      bias: true,
      activation: 'relu',
      gate: 'hardsigmoid',
    },
    init: 'torchvision',
    placement: 'standard',
  },
  efficientnet: {
    description: 'EfficientNet (TensorFlow, torchvision): a quarter of the block’s input channels, SiLU',
    block: 'se',
    blockOptions: { ...EXACT, reductionRatio: 4, ratioOf: 'block-input', bias: true, activation: 'silu' },
    init: 'torchvision',
    placement: 'standard',
  },
  regnety: {
    description:
      'RegNetY (timm, torchvision): a quarter of the block’s input channels, behind the 3x3 convolution',
    block: 'se',
    blockOptions: {
      ...EXACT,
      rounding: 'nearest',
      reductionRatio: 4,
      ratioOf: 'block-input',
      bias: true,
      activation: 'relu',
    },
    init: 'timm',
    placement: 'inner',
  },
};

/**
 * Finds a preset; throws `blocks/invalid-option`, naming those that there are.
 *
 * @example
 * ```ts
 * blockPresetNamed('efficientnet').blockOptions['ratioOf']; // → 'block-input'
 * ```
 */
export function blockPresetNamed(name: string): BlockPreset {
  const preset = Object.hasOwn(BLOCK_PRESETS, name) ? BLOCK_PRESETS[name] : undefined;
  if (preset !== undefined) return preset;
  throw invalid('preset', name, `use one of ${Object.keys(BLOCK_PRESETS).join(', ')}`);
}
