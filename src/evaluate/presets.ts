import type { Geometry, Interpolation } from './sample.ts';

/** Which channels a model reads, in which order. */
export type ChannelOrder = 'rgb' | 'bgr' | 'grey';

/** The range that 8-bit and 16-bit numbers are brought to before mean and std; numbers that are no integers stay. */
export type ScaleRange = '0-1' | '0-255';

/** How a trained network's authors prepared its inputs. */
export interface Preset {
  readonly description: string;
  readonly interpolation: Interpolation;
  /**
   * How a picture gets the size of the model's input: `crop` gives the shorter side 256/224 of it and cuts the middle
   * out, `exact` squeezes it, `none` leaves it.
   */
  readonly fit: 'crop' | 'exact' | 'none';
  /** Size where the model leaves it open. */
  readonly size: number | null;
  readonly channels: ChannelOrder | 'model';
  readonly scale: ScaleRange;
  /** One for each channel in the order of `channels`, or one for all; taken off after the scale. */
  readonly mean: readonly number[];
  /** Likewise; what is left is divided by it. */
  readonly std: readonly number[];
}

/** The names of the presets. */
export const PRESET_NAMES = ['imagenet', 'cifar10', 'mnist', 'tf', 'caffe', 'none'] as const;

/** One of {@link PRESET_NAMES}. */
export type PresetName = (typeof PRESET_NAMES)[number];

/** The presets, each with where its numbers come from. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  imagenet: {
    description: 'torchvision, timm: RGB, shorter side 256, middle 224, mean and std of ImageNet',
    interpolation: 'bilinear',
    fit: 'crop',
    size: 224,
    channels: 'rgb',
    scale: '0-1',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  cifar10: {
    description: 'RGB, mean and std of the CIFAR-10 training set',
    interpolation: 'bilinear',
    fit: 'exact',
    size: 32,
    channels: 'rgb',
    scale: '0-1',
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
  },
  mnist: {
    description: 'grey, mean and std of the MNIST training set',
    interpolation: 'bilinear',
    fit: 'exact',
    size: 28,
    channels: 'grey',
    scale: '0-1',
    mean: [0.1307],
    std: [0.3081],
  },
  tf: {
    description:
      'Keras "tf", TensorFlow slim: RGB from -1 to 1, shorter side 256/224 of the input, middle cut out',
    interpolation: 'bilinear',
    fit: 'crop',
    size: 224,
    channels: 'rgb',
    scale: '0-1',
    mean: [0.5],
    std: [0.5],
  },
  caffe: {
    description: 'Keras "caffe", Caffe: BGR from 0 to 255, mean of ImageNet taken off',
    interpolation: 'bilinear',
    fit: 'crop',
    size: 224,
    channels: 'bgr',
    scale: '0-255',
    mean: [103.939, 116.779, 123.68],
    std: [1],
  },
  none: {
    description: 'numbers as they are',
    interpolation: 'bilinear',
    fit: 'none',
    size: null,
    channels: 'model',
    scale: '0-255',
    mean: [0],
    std: [1],
  },
};

/** The part of a picture's shorter side that is left by the usual crop of 224 out of 256. */
const CROP_SHARE = 224 / 256;

/** The geometry that a preset means for an input of a size. */
export function presetGeometry(preset: Preset, width: number, height: number): Geometry {
  const { interpolation, fit } = preset;
  if (fit === 'none') return { resize: { mode: 'none' }, crop: null, interpolation };
  if (fit === 'exact') return { resize: { mode: 'exact', width, height }, crop: null, interpolation };
  const size = Math.round(Math.min(width, height) / CROP_SHARE);
  return { resize: { mode: 'shorter', size }, crop: { width, height }, interpolation };
}
