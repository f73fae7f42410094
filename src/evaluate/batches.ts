import { type FaultLog, faultOf } from './faults.ts';
import { loadAhead } from './load-ahead.ts';
import { missingResize, type PreparedSample, type Resizer, samplePreparer } from './pixels.ts';
import { invalidOption, type Preprocessing } from './preprocess.ts';
import type { DataFault, Dataset, Sample } from './sample.ts';

/** Samples that are fed together. */
export interface Batch {
  /** How many there are; the rest of the buffer is 0. */
  readonly count: number;
  readonly names: readonly string[];
  /** Index of the class of each, or null where the data have no labels. */
  readonly labels: readonly (number | null)[];
  /** Sizes of the batch as it is fed. */
  readonly dims: readonly number[];
  /** Filled again for the next batch. */
  readonly numbers: Float32Array | Float64Array;
}

/** How batches are made. */
export interface BatchOptions {
  readonly preprocessing: Preprocessing;
  /** The batch that the model is fixed to, or null. */
  readonly fixed: number | null;
  /** What the user asks for, where the model leaves it open. */
  readonly wanted?: number | undefined;
  /** Samples after which to stop. */
  readonly limit: number;
  readonly faults: FaultLog;
  /** Why a label cannot be, before the sample is read. */
  readonly refuse: (sample: Sample) => DataFault | undefined;
  /** Changes the size of arrays; without it a sample of another size is a fault. */
  readonly resize?: Resizer | undefined;
  /** Whether float64 is needed on the way: where the model takes more than float32 holds. */
  readonly wide: boolean;
}

/** Numbers that a batch holds at most, unless asked for more: 16 MiB of float32. */
const BATCH_NUMBERS = 2 ** 22;
const MAX_BATCH = 64;

/** Samples that are read ahead at the least, so that each of a decoder's threads has something to do. */
const AHEAD = 16;

/**
 * Reads samples, prepares them and puts them together. Memory is that of a few batches, however many samples there are.
 *
 * A sample of other sizes than the ones before begins a batch of its own.
 */
export async function* batchesOf(dataset: Dataset, options: BatchOptions): AsyncGenerator<Batch> {
  const { preprocessing, fixed, wanted, faults } = options;
  if (fixed !== null && wanted !== undefined && wanted !== fixed)
    throw invalidOption(`a batch of ${wanted} does not fit the model, which is fixed to ${fixed}`);
  const prepare = samplePreparer(preprocessing);
  const filler = new Filler(fixed, wanted, options.wide);
  const loaded = loadAhead(dataset, {
    geometry: preprocessing.geometry,
    ahead: Math.max(AHEAD, 3 * (fixed ?? wanted ?? MAX_BATCH)),
    limit: options.limit,
    faults,
    refuse: options.refuse,
  });
  for await (const { sample, content } of loaded) {
    let prepared: PreparedSample;
    try {
      const size = missingResize(content, preprocessing);
      const resized =
        size === undefined || options.resize === undefined
          ? content
          : await options.resize(content, size.width, size.height, preprocessing.geometry.interpolation);
      prepared = prepare(resized, sample.name);
    } catch (error) {
      const fault = faultOf(error);
      if (fault === undefined) throw error;
      faults.add(fault);
      continue;
    }
    if (!filler.fits(prepared)) yield filler.take();
    filler.add(prepared, sample);
    if (filler.isFull) yield filler.take();
  }
  if (!filler.isEmpty) yield filler.take();
}

/** Fills one buffer over and over. */
class Filler {
  readonly #fixed: number | null;
  readonly #wanted: number | undefined;
  readonly #wide: boolean;
  #numbers: Float32Array | Float64Array = new Float32Array(0);
  #dims: readonly number[] = [];
  #size = 0;
  #capacity = 0;
  #labels: (number | null)[] = [];
  #names: string[] = [];

  constructor(fixed: number | null, wanted: number | undefined, wide: boolean) {
    this.#fixed = fixed;
    this.#wanted = wanted;
    this.#wide = wide;
  }

  get isEmpty(): boolean {
    return this.#labels.length === 0;
  }

  get isFull(): boolean {
    return this.#labels.length === this.#capacity;
  }

  fits({ dims }: PreparedSample): boolean {
    return (
      this.isEmpty || (dims.length === this.#dims.length && dims.every((dim, i) => dim === this.#dims[i]))
    );
  }

  add(prepared: PreparedSample, { label, name }: Sample): void {
    if (this.isEmpty) this.#start(prepared.dims);
    prepared.write(this.#numbers, this.#labels.length * this.#size);
    this.#labels.push(label);
    this.#names.push(name);
  }

  take(): Batch {
    const [labels, names] = [this.#labels, this.#names];
    this.#labels = [];
    this.#names = [];
    const used = labels.length * this.#size;
    const rows = this.#fixed ?? labels.length;
    this.#numbers.fill(0, used, rows * this.#size);
    const numbers = this.#numbers.subarray(0, rows * this.#size);
    return { count: labels.length, names, labels, dims: [rows, ...this.#dims], numbers };
  }

  #start(dims: readonly number[]): void {
    this.#dims = dims;
    this.#size = dims.reduce((product, dim) => product * dim, 1);
    const usual = Math.min(MAX_BATCH, Math.max(1, Math.floor(BATCH_NUMBERS / Math.max(1, this.#size))));
    this.#capacity = this.#fixed ?? this.#wanted ?? usual;
    const length = this.#capacity * this.#size;
    if (this.#numbers.length < length)
      this.#numbers = this.#wide ? new Float64Array(length) : new Float32Array(length);
  }
}

/** Tells the labels that a model of so many classes cannot be right on. */
export function labelCheck(
  classes: number | undefined,
  offset: number,
): (sample: Pick<Sample, 'name' | 'label'>) => DataFault | undefined {
  return ({ name, label }) => {
    if (label === null) return undefined;
    const index = label + offset;
    if (Number.isInteger(index) && index >= 0 && (classes === undefined || index < classes)) return undefined;
    const shown = offset === 0 ? `${label}` : `${label} (${index} with the offset)`;
    const range = classes === undefined ? 'from 0' : `0 to ${classes - 1}`;
    return {
      kind: 'label-out-of-range',
      name,
      detail: `label ${shown} is not of the model's classes, ${range}`,
    };
  };
}
