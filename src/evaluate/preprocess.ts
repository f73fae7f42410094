import { SeInjectError } from '../errors.ts';
import type { ModelInput } from './model-input.ts';
import { type ChannelOrder, PRESETS, type PresetName, presetGeometry, type ScaleRange } from './presets.ts';
import type { DataFormat, Geometry } from './sample.ts';

/** What the user says of the preprocessing; what is left out is the preset's. */
export interface PreprocessOptions {
  readonly preset?: PresetName | undefined;
  readonly resize?: Geometry['resize'] | undefined;
  /** Null for no crop. */
  readonly crop?: Geometry['crop'] | undefined;
  readonly interpolation?: Geometry['interpolation'] | undefined;
  /** Height and width where the model leaves them open. */
  readonly size?: number | undefined;
  readonly channels?: ChannelOrder | undefined;
  readonly scale?: ScaleRange | undefined;
  /** One number, or one for each channel. */
  readonly mean?: readonly number[] | undefined;
  /** One number that is not 0, or one for each channel. */
  readonly std?: readonly number[] | undefined;
  readonly layout?: 'nchw' | 'nhwc' | undefined;
}

/** The preprocessing in full, as the report states it. */
export interface Preprocessing {
  readonly preset: PresetName;
  /** Whether the preset was taken from the kind of data, as nobody named one. */
  readonly assumed: boolean;
  readonly geometry: Geometry;
  readonly channels: ChannelOrder;
  readonly scale: ScaleRange;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly layout: ModelInput['layout'];
  readonly dataType: ModelInput['dataType'];
  /** Sizes of one sample as it is fed; null where the sample decides. */
  readonly dims: readonly (number | null)[];
}

/** What each kind of data is usually prepared with. */
const USUAL: Readonly<Record<DataFormat, PresetName>> = {
  images: 'imagenet',
  list: 'imagenet',
  npz: 'none',
  npy: 'none',
  idx: 'mnist',
  cifar10: 'cifar10',
  cifar100: 'cifar10',
};

/**
 * Settles the preprocessing from what the user says, the preset, the kind of data and the model's input.
 *
 * Throws `evaluate/invalid-option` for numbers that do not fit the channels.
 *
 * @example
 * ```ts
 * const prepared = resolvePreprocessing({ preset: 'imagenet' }, input, 'images');
 * prepared.geometry.resize; // → { mode: 'shorter', size: 256 }
 * ```
 */
export function resolvePreprocessing(
  options: PreprocessOptions,
  input: ModelInput,
  format: DataFormat,
): Preprocessing {
  const name = options.preset ?? USUAL[format];
  const preset = PRESETS[name];
  const layout = options.layout ?? input.layout;
  if (options.layout !== undefined && input.dims.length !== 3)
    throw invalidOption(
      `layout ${options.layout} is for models of images, and this one takes ${input.dims.length + 1} axes`,
    );
  const [a = null, b = null, c = null] = input.dims;
  const [channelCount, height, width] = layout === 'nhwc' ? [c, a, b] : [a, b, c];
  const open = options.size ?? preset.size;
  const [h, w] = layout === 'plain' ? [null, null] : [height ?? open, width ?? open];
  const channels = options.channels ?? channelsOf(preset.channels, channelCount);
  const count = channels === 'grey' ? (channelCount ?? 1) : 3;
  const { interpolation = preset.interpolation } = options;
  const usual =
    h === null || w === null
      ? { resize: { mode: 'none' } as const, crop: null, interpolation }
      : presetGeometry(preset, w, h);
  const dims =
    layout === 'plain' ? input.dims : layout === 'nhwc' ? [h, w, channelCount] : [channelCount, h, w];
  return {
    preset: name,
    assumed: options.preset === undefined,
    geometry: {
      resize: options.resize ?? usual.resize,
      crop: options.crop === undefined ? usual.crop : options.crop,
      interpolation,
    },
    channels,
    scale: options.scale ?? preset.scale,
    mean: perChannel('mean', options.mean, preset.mean, count, layout),
    std: perChannel('std', options.std, preset.std, count, layout),
    layout,
    dataType: input.dataType,
    dims,
  };
}

/** The preset's channels, unless the model has another number of them. */
function channelsOf(wanted: ChannelOrder | 'model', count: number | null): ChannelOrder {
  if (count === 1) return 'grey';
  return wanted === 'model' || (wanted === 'grey' && count !== null) ? 'rgb' : wanted;
}

/** One number for each channel; a preset of other channels gives its mean over them. */
function perChannel(
  name: 'mean' | 'std',
  given: readonly number[] | undefined,
  usual: readonly number[],
  count: number,
  layout: ModelInput['layout'],
): readonly number[] {
  const wanted = layout === 'plain' ? 1 : count;
  if (given === undefined) {
    if (usual.length === wanted) return usual;
    const mean = usual.reduce((sum, number) => sum + number, 0) / usual.length;
    return Array.from({ length: wanted }, () => mean);
  }
  const bad = given.find((number) => !Number.isFinite(number) || (name === 'std' && number === 0));
  if (bad !== undefined || given.length === 0)
    throw invalidOption(
      `${name} ${bad ?? 'without a number'} cannot be: give numbers${name === 'std' ? ' other than 0' : ''}`,
    );
  if (given.length === wanted) return given;
  const [first = 0] = given;
  if (given.length === 1) return Array.from({ length: wanted }, () => first);
  const channels = layout === 'plain' ? 'no channels' : `${count} channel${count === 1 ? '' : 's'}`;
  throw invalidOption(
    `${name} has ${given.length} numbers and the model reads ${channels}: give one number, or one for each`,
  );
}

/** The error of an option that does not fit. */
export function invalidOption(message: string): SeInjectError {
  return new SeInjectError('evaluate/invalid-option', message);
}

/**
 * The size of a picture after the resize, before the crop, as Pillow and torchvision count it: the longer side is cut to
 * a whole number.
 */
export function resizedSize(
  { resize }: Geometry,
  width: number,
  height: number,
): { readonly width: number; readonly height: number } {
  if (resize.mode === 'none') return { width, height };
  if (resize.mode === 'exact') return { width: resize.width, height: resize.height };
  const { size } = resize;
  return width <= height
    ? { width: size, height: Math.max(1, Math.floor((size * height) / width)) }
    : { width: Math.max(1, Math.floor((size * width) / height)), height: size };
}
