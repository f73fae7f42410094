import { badSample } from './faults.ts';
import { type Numbers, numbersOf } from './numbers.ts';
import { type Preprocessing, resizedSize } from './preprocess.ts';
import type { ImageLayout, Interpolation, SampleArray, SampleContent } from './sample.ts';

/** A picture as numbers with the steps between neighbours. */
export interface Picture {
  readonly numbers: Numbers;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly channelStep: number;
  readonly pixelStep: number;
}

/** Brings a picture to another size; the edge has one, since filtering is a library's job. */
export type Resizer = (
  picture: SampleContent,
  width: number,
  height: number,
  interpolation: Interpolation,
) => Promise<SampleContent>;

/** A sample that is ready to be written into a batch. */
export interface PreparedSample {
  /** Sizes of one sample as it is fed. */
  readonly dims: readonly number[];
  /** Writes its numbers at an offset. */
  write(target: Float32Array | Float64Array, offset: number): void;
}

/**
 * Prepares samples for a model: crops the middle out, takes the channels, scales, and lays out.
 *
 * The numbers are computed in float64 as `(x / 255 - mean) / std` and rounded once.
 *
 * @example
 * ```ts
 * const prepare = samplePreparer(preprocessing);
 * prepare({ array }, '#0').write(batch, 0);
 * ```
 */
export function samplePreparer(
  preprocessing: Preprocessing,
): (content: SampleContent, name: string) => PreparedSample {
  const mappers = new Map<SampleArray['dataType'], readonly Mapper[]>();
  const mappersOf = (dataType: SampleArray['dataType']): readonly Mapper[] => {
    let made = mappers.get(dataType);
    if (made === undefined) {
      made = preprocessing.mean.map((_, channel) => mapper(preprocessing, dataType, channel));
      mappers.set(dataType, made);
    }
    return made;
  };
  return (content, name) => {
    const maps = mappersOf(content.array.dataType);
    return preprocessing.layout === 'plain'
      ? preparePlain(content, preprocessing, name, maps)
      : prepareImage(content, preprocessing, name, maps);
  };
}

/** The size that a picture has yet to be brought to, or nothing where it has it. */
export function missingResize(
  content: SampleContent,
  preprocessing: Preprocessing,
): { readonly width: number; readonly height: number } | undefined {
  const { layout, geometry } = preprocessing;
  if (layout === 'plain' || geometry.resize.mode === 'none') return undefined;
  const picture = pictureOf(content, preprocessing);
  if (picture === undefined) return undefined;
  const size = resizedSize(geometry, picture.width, picture.height);
  return size.width === picture.width && size.height === picture.height ? undefined : size;
}

/** One number of the source to one of the model's. */
interface Mapper {
  (value: number): number;
  /** The same for each byte. */
  readonly table?: Float64Array;
}

function mapper(preprocessing: Preprocessing, dataType: SampleArray['dataType'], channel: number): Mapper {
  const { scale } = preprocessing;
  const mean = preprocessing.mean[channel] ?? 0;
  const std = preprocessing.std[channel] ?? 1;
  // Numbers that are no integers are taken as they are: nothing says what range they have.
  const isFloat = dataType === 'float16' || dataType === 'float32' || dataType === 'float64';
  const top = dataType === 'uint16' ? 65_535 : dataType === 'bool' ? 1 : 255;
  const map: Mapper = isFloat
    ? (value) => (value - mean) / std
    : scale === '0-1'
      ? (value) => (value / top - mean) / std
      : (value) => ((top === 255 ? value : (value / top) * 255) - mean) / std;
  if (dataType !== 'uint8') return map;
  const table = Float64Array.from({ length: 256 }, (_, value) => map(value));
  return Object.assign((value: number) => table[value]!, { table });
}

function preparePlain(
  { array }: SampleContent,
  { dims }: Preprocessing,
  name: string,
  [map = (value) => value]: readonly Mapper[],
): PreparedSample {
  const numbers = numbersOf(array);
  const wanted = dims.map(
    (dim, axis) => dim ?? (dims.length === array.dims.length ? array.dims[axis] : undefined),
  );
  const sizes = wanted.map((dim) => dim ?? numbers.length);
  if (product(sizes) !== numbers.length) throw wrongShape(name, array.dims, dims);
  return {
    dims: sizes,
    write(target, offset) {
      for (let i = 0; i < numbers.length; i += 1) target[offset + i] = map(numbers[i]!);
    },
  };
}

function prepareImage(
  content: SampleContent,
  preprocessing: Preprocessing,
  name: string,
  maps: readonly Mapper[],
): PreparedSample {
  const { geometry, layout, channels: order, dims } = preprocessing;
  const picture = pictureOf(content, preprocessing);
  if (picture === undefined) throw wrongShape(name, content.array.dims, dims);
  const crop = geometry.crop ?? picture;
  const [top, left] = [middle(picture.height, crop.height), middle(picture.width, crop.width)];
  const [wantedChannels = null, wantedHeight = null, wantedWidth = null] =
    layout === 'nhwc' ? [dims[2], dims[0], dims[1]] : dims;
  const channels = wantedChannels ?? (order === 'grey' ? 1 : 3);
  const { width, height } = crop;
  if (
    top < 0 ||
    left < 0 ||
    height !== (wantedHeight ?? height) ||
    width !== (wantedWidth ?? width) ||
    (channels !== 1 && channels !== 3) ||
    (channels === 1 && order !== 'grey')
  )
    throw wrongShape(name, content.array.dims, dims);
  const [toChannel, toPixel] = layout === 'nhwc' ? [1, channels] : [width * height, 1];
  const window = { top, left, width, height };
  return {
    dims: layout === 'nhwc' ? [height, width, channels] : [channels, height, width],
    write(target, offset) {
      for (let channel = 0; channel < channels; channel += 1) {
        const map = maps[channel] ?? maps[0]!;
        const to = offset + channel * toChannel;
        if (picture.channels >= 3 && order === 'grey')
          writeBrightness(picture, window, map, target, to, toPixel);
        else writeChannel(picture, window, sourceChannel(picture, order, channel), map, target, to, toPixel);
      }
    },
  };
}

/** The part of a picture that is written. */
interface Window {
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly height: number;
}

/** Which channel of the picture is one of the model's: the only one, or that of the same colour. */
function sourceChannel({ channels }: Picture, order: Preprocessing['channels'], channel: number): number {
  if (channels < 3) return 0;
  return order === 'bgr' ? 2 - channel : channel;
}

function writeChannel(
  { numbers, width: rowLength, channelStep, pixelStep }: Picture,
  { top, left, width, height }: Window,
  source: number,
  map: Mapper,
  target: Float32Array | Float64Array,
  start: number,
  step: number,
): void {
  const { table } = map;
  let to = start;
  for (let row = top; row < top + height; row += 1) {
    let from = source * channelStep + (row * rowLength + left) * pixelStep;
    // A loop of its own for bytes: it is where the time goes that a model does not take.
    if (table === undefined) {
      for (let column = 0; column < width; column += 1, from += pixelStep, to += step)
        target[to] = map(numbers[from]!);
    } else {
      for (let column = 0; column < width; column += 1, from += pixelStep, to += step)
        target[to] = table[numbers[from]!]!;
    }
  }
}

/** Writes the brightness of colours: Pillow's weights, and its rounding where the numbers are bytes. */
function writeBrightness(
  { numbers, width: rowLength, channelStep, pixelStep }: Picture,
  { top, left, width, height }: Window,
  map: Mapper,
  target: Float32Array | Float64Array,
  start: number,
  step: number,
): void {
  const round = map.table === undefined ? (value: number): number => value : Math.round;
  let to = start;
  for (let row = top; row < top + height; row += 1) {
    let from = (row * rowLength + left) * pixelStep;
    for (let column = 0; column < width; column += 1, from += pixelStep, to += step) {
      const [red, green, blue] = [
        numbers[from]!,
        numbers[from + channelStep]!,
        numbers[from + 2 * channelStep]!,
      ];
      target[to] = map(round(0.299 * red + 0.587 * green + 0.114 * blue));
    }
  }
}

/** Lays a sample out as a picture, or nothing where it is none. An alpha channel is left out. */
function pictureOf({ array, layout }: SampleContent, preprocessing: Preprocessing): Picture | undefined {
  const { dims } = array;
  const numbers = numbersOf(array);
  const flat = flatSizes(dims, preprocessing);
  const sizes = flat ?? dims;
  const [a = 0, b = 0, c = 0] = sizes;
  switch (flat === undefined ? (layout ?? guessLayout(dims, preprocessing)) : 'chw') {
    case 'hw':
      return { numbers, width: b, height: a, channels: 1, channelStep: 0, pixelStep: 1 };
    case 'chw':
      return { numbers, width: c, height: b, channels: a, channelStep: b * c, pixelStep: 1 };
    case 'hwc':
      return { numbers, width: b, height: a, channels: c, channelStep: 1, pixelStep: c };
    default:
      return undefined;
  }
}

/** A row of numbers that is as long as the model's picture is read in the order of channels, rows, columns. */
function flatSizes(
  dims: readonly number[],
  { dims: wanted, layout }: Preprocessing,
): readonly number[] | undefined {
  if (dims.length !== 1) return undefined;
  const [a = null, b = null, c = null] = layout === 'nhwc' ? [wanted[2], wanted[0], wanted[1]] : wanted;
  return a !== null && b !== null && c !== null && a * b * c === dims[0] ? [a, b, c] : undefined;
}

function guessLayout(dims: readonly number[], { layout }: Preprocessing): ImageLayout | undefined {
  if (dims.length === 2) return 'hw';
  if (dims.length !== 3) return undefined;
  const isChannels = (dim: number | undefined): boolean => dim === 1 || dim === 3 || dim === 4;
  const [first, last] = [isChannels(dims[0]), isChannels(dims[2])];
  if (first && last) return layout === 'nhwc' ? 'hwc' : 'chw';
  return first ? 'chw' : last ? 'hwc' : undefined;
}

/** Where the middle begins, rounded as Python does: halves to the even neighbour. */
function middle(whole: number, part: number): number {
  const half = (whole - part) / 2;
  const floor = Math.floor(half);
  return half - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(half);
}

function wrongShape(name: string, dims: readonly number[], wanted: readonly (number | null)[]) {
  const shape = wanted.map((dim) => dim ?? '?').join(', ');
  return badSample({
    kind: 'wrong-shape',
    name,
    detail: `it has the shape [${dims.join(', ')}] and the model takes [${shape}]: see --resize, --crop, --channels`,
  });
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
