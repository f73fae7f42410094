import type { NpyArray } from '../onnx/npy.ts';

/** Numbers of one sample as its source holds them; `data` is row-major. */
export type SampleArray = NpyArray;

/** Where the channels of an image stand: first, last, or nowhere as in a grey image of two axes. */
export type ImageLayout = 'chw' | 'hwc' | 'hw';

/** One sample, read and decoded, not yet preprocessed. */
export interface SampleContent {
  readonly array: SampleArray;
  /** How the axes are meant where the source knows; else it is told from the sizes. */
  readonly layout?: ImageLayout | undefined;
}

/** How a picture is filtered when its size changes. */
export type Interpolation = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';

/** What becomes of the size of a picture. */
export interface Geometry {
  /** `shorter` keeps the aspect and gives the shorter side this many pixels; `exact` does not keep it. */
  readonly resize:
    | { readonly mode: 'none' }
    | { readonly mode: 'shorter'; readonly size: number }
    | { readonly mode: 'exact'; readonly width: number; readonly height: number };
  /** Size of the part that is cut out of the middle; null for the whole picture. */
  readonly crop: { readonly width: number; readonly height: number } | null;
  readonly interpolation: Interpolation;
}

/** What went wrong with a sample or a class. */
export type FaultKind =
  | 'undecodable'
  | 'missing-file'
  | 'label-out-of-range'
  | 'unknown-label'
  | 'bad-row'
  | 'empty-class'
  | 'wrong-shape'
  | 'truncated';

/** A sample, or several, that could not be used. */
export interface DataFault {
  readonly kind: FaultKind;
  /** The file, the row or the class. */
  readonly name: string;
  readonly detail: string;
  /** How many samples it stands for, where not 1. */
  readonly count?: number;
}

/** A labelled sample that is read when it is asked for. */
export interface Sample {
  /** A path, or a place such as `#17`. */
  readonly name: string;
  /** Index of the class, from 0; null where the data have no labels. */
  readonly label: number | null;
  /**
   * Reads it. A source of pictures resizes them as the geometry says; arrays come in the size that they have.
   *
   * Throws `evaluate/bad-sample`, with the kind of fault as `details.kind`, for a sample that cannot be used.
   */
  load(geometry: Geometry): SampleContent | Promise<SampleContent>;
}

/** What kinds of data there are. */
export const DATA_FORMATS = ['images', 'list', 'npz', 'npy', 'idx', 'cifar10', 'cifar100'] as const;

/** One of {@link DATA_FORMATS}. */
export type DataFormat = (typeof DATA_FORMATS)[number];

/** Labelled data, read from the start each time that they are walked. */
export interface Dataset {
  readonly format: DataFormat;
  /** Where they come from, for people. */
  readonly path: string;
  /** Names of the classes by index, where they are known. */
  readonly classNames: readonly string[] | undefined;
  /** How many samples there are, where that is known beforehand. */
  readonly size: number | undefined;
  /** Things to know that are no faults: which of several files was taken, what was passed over. */
  readonly notes: readonly string[];
  /** The samples in order, with the faults where they occur. */
  walk(): AsyncIterable<Sample | DataFault>;
}

/** Tells a fault from a sample. */
export function isFault(item: Sample | DataFault): item is DataFault {
  return 'kind' in item;
}
