import { type Command, Option } from 'commander';
import { DATA_FORMATS, PRESET_NAMES, type PreprocessOptions } from '../evaluate/index.ts';
import type { DataOptions } from '../node/eval-data.ts';
import { toKebab, toNumber } from './block-options.ts';
import { usageError } from './failure.ts';

/** What a command was told about data, and how models run on them. */
export interface DataCall {
  readonly path: string;
  readonly data: DataOptions;
  readonly run: {
    readonly preprocess: PreprocessOptions;
    readonly provider?: string;
    readonly batch?: number;
    readonly limit?: number;
    readonly labelOffset?: number;
    readonly strict: boolean;
  };
}

/** Adds the options that say which data, and how samples are prepared. */
export function addDataOptions(command: Command, isRequired: boolean): void {
  const data =
    'labelled data: a folder with a folder of images for each class, a CSV or JSON-lines list of paths and labels, .npz, .npy, IDX (MNIST, also gzipped) or CIFAR binary files; told apart by content';
  if (isRequired) command.requiredOption('--data <path>', data);
  else command.option('--data <path>', `measure the accuracy of model and result on ${data}`);
  command
    .addOption(new Option('--data-format <name>', 'insist on what the data are').choices([...DATA_FORMATS]))
    .option('--labels <file>', 'labels of .npy or IDX data, where they are not in the file beside')
    .option('--classes <file>', 'the model’s classes in order, one a line; a line may begin with a WNID')
    .addOption(
      new Option('--split <name>', 'which part of data in two parts (default: test)').choices([
        'train',
        'test',
      ]),
    )
    .option('--limit <n>', 'use so many samples; of a folder, the classes take turns')
    .option('--label-offset <n>', 'add this to every label: 1 for networks whose class 0 is the background')
    .option('--strict', 'stop at the first sample that cannot be used')
    .option('--batch <n>', 'samples in a batch, where the model leaves it open (default: up to 64)')
    .addOption(
      new Option(
        '--preprocess <preset>',
        'how samples are prepared; the options below change parts of it (default: what suits the data)',
      ).choices([...PRESET_NAMES]),
    )
    .option('--size <n>', 'height and width, where the model leaves them open')
    .option('--resize <size>', 'none, one number for the shorter side, or WIDTHxHEIGHT')
    .option('--crop <size>', 'none, or WIDTHxHEIGHT of the middle')
    .addOption(
      new Option('--interpolation <name>', 'the filter of the resize').choices([
        'nearest',
        'bilinear',
        'bicubic',
        'lanczos',
      ]),
    )
    .addOption(
      new Option('--channels <order>', 'the channels that the model reads').choices(['rgb', 'bgr', 'grey']),
    )
    .addOption(
      new Option('--scale <range>', 'the range that 8-bit numbers are brought to first').choices([
        '0-1',
        '0-255',
      ]),
    )
    .option('--mean <list>', 'taken off after that: one number, or one for each channel, with commas')
    .option('--std <list>', 'what is left is divided by this, likewise')
    .addOption(new Option('--layout <name>', 'where the model has its channels').choices(['nchw', 'nhwc']));
}

/** The options of {@link addDataOptions}; undefined where there are no data. */
export function toDataCall(values: Readonly<Record<string, unknown>>): DataCall | undefined {
  const path = text(values['data']);
  const given = OWN.filter((name) => values[name] !== undefined);
  if (path === undefined) {
    if (given.length === 0) return undefined;
    throw usageError(
      `--${toKebab(given[0] ?? '')} says something of data, and there are none: add --data PATH`,
    );
  }
  const [limit, batch] = [count(values, 'limit'), count(values, 'batch')];
  const labelOffset = whole(values, 'labelOffset');
  return {
    path,
    data: {
      format: text(values['dataFormat']) as DataOptions['format'],
      labels: text(values['labels']),
      classes: text(values['classes']),
      split: text(values['split']) as DataOptions['split'],
    },
    run: {
      preprocess: toPreprocess(values),
      ...(limit === undefined ? {} : { limit }),
      ...(batch === undefined ? {} : { batch }),
      ...(labelOffset === undefined ? {} : { labelOffset }),
      strict: values['strict'] === true,
    },
  };
}

/** The options that mean nothing without data. */
const OWN = [
  'dataFormat',
  'labels',
  'classes',
  'split',
  'limit',
  'labelOffset',
  'strict',
  'batch',
  'preprocess',
  'size',
  'resize',
  'crop',
  'interpolation',
  'channels',
  'scale',
  'mean',
  'std',
  'layout',
  'minTop1',
  'maxDrop',
] as const;

function toPreprocess(values: Readonly<Record<string, unknown>>): PreprocessOptions {
  const named = {
    preset: text(values['preprocess']),
    interpolation: text(values['interpolation']),
    channels: text(values['channels']),
    scale: text(values['scale']),
    layout: text(values['layout']),
  } as PreprocessOptions;
  return {
    ...named,
    size: count(values, 'size'),
    resize: toResize(text(values['resize'])),
    crop: toCrop(text(values['crop'])),
    mean: numbers(values, 'mean'),
    std: numbers(values, 'std'),
  };
}

function toResize(value: string | undefined): PreprocessOptions['resize'] {
  if (value === undefined) return undefined;
  if (value === 'none') return { mode: 'none' };
  if (/^[1-9]\d*$/.test(value)) return { mode: 'shorter', size: Number(value) };
  return { mode: 'exact', ...rectangle('resize', value) };
}

function toCrop(value: string | undefined): PreprocessOptions['crop'] {
  if (value === undefined) return undefined;
  if (value === 'none') return null;
  return rectangle('crop', /^[1-9]\d*$/.test(value) ? `${value}x${value}` : value);
}

function rectangle(name: string, value: string): { readonly width: number; readonly height: number } {
  const [, width, height] = /^([1-9]\d*)x([1-9]\d*)$/.exec(value) ?? [];
  if (width === undefined || height === undefined)
    throw usageError(`--${name} "${value}" is no size: write none, 224 or 224x224`);
  return { width: Number(width), height: Number(height) };
}

/** A share as `0.75` or `75%`. */
export function toShare(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const spelled = String(value);
  const share = spelled.endsWith('%') ? toNumber(name, spelled.slice(0, -1)) / 100 : toNumber(name, spelled);
  if (share >= 0 && share <= 1) return share;
  throw usageError(`--${toKebab(name)} "${spelled}" is no share: write 0.75 or 75%`);
}

function numbers(values: Readonly<Record<string, unknown>>, name: string): readonly number[] | undefined {
  const value = text(values[name]);
  return value?.split(',').map((part) => toNumber(name, part));
}

function count(values: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = whole(values, name);
  if (value === undefined || value > 0) return value;
  throw usageError(`--${toKebab(name)} "${value}" is no whole number from 1 on`);
}

function whole(values: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = text(values[name]);
  if (value === undefined) return undefined;
  const number = toNumber(name, value);
  if (Number.isSafeInteger(number)) return number;
  throw usageError(`--${toKebab(name)} "${value}" is no whole number`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
