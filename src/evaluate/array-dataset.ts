import { invalidData } from './faults.ts';
import { type RowSource, rowNumber } from './rows.ts';
import type { DataFault, DataFormat, Dataset, ImageLayout, Sample, SampleArray } from './sample.ts';

/** What a dataset of arrays is made of. */
export interface ArrayParts {
  readonly format: DataFormat;
  readonly path: string;
  readonly images: RowSource;
  /** One number for each row of the images; undefined for data without labels. */
  readonly labels: RowSource | undefined;
  readonly classNames?: readonly string[] | undefined;
  readonly notes?: readonly string[] | undefined;
}

/**
 * Labelled arrays: row `i` of the images belongs to row `i` of the labels. Both are read side by side.
 *
 * Throws `evaluate/invalid-data` where the two do not go together.
 *
 * @example
 * ```ts
 * const dataset = arrayDataset({ format: 'idx', path, images: await idxRows(x), labels: await idxRows(y) });
 * ```
 */
export function arrayDataset(parts: ArrayParts): Dataset {
  const { format, path, images, labels, classNames, notes = [] } = parts;
  if (images.dims.length === 0)
    throw invalidData(
      `"${images.path}" has one number for each sample: those are labels, give the images`,
      path,
    );
  if (labels !== undefined) {
    if (labels.count !== images.count) {
      throw invalidData(
        `"${labels.path}" has ${labels.count} labels for the ${images.count} samples of "${images.path}"`,
        path,
      );
    }
    if (labels.dims.some((dim) => dim !== 1))
      throw invalidData(
        `"${labels.path}" has ${labels.dims.join('x')} numbers for each sample: give the index of its class, for example y.argmax(1)`,
        path,
      );
  }
  return { format, path, classNames, size: images.count, notes, walk };

  async function* walk(): AsyncGenerator<Sample | DataFault> {
    const labelRows = labels?.rows();
    let row = 0;
    try {
      for await (const array of images.rows()) {
        const label = await labelRows?.next();
        if (label?.done === true) break;
        yield arraySample(`#${row}`, label === undefined ? null : rowNumber(label.value), array);
        row += 1;
      }
    } finally {
      await labelRows?.return(undefined);
    }
    if (row < images.count) yield truncated(path, row, images.count);
  }
}

/** A sample whose numbers are there already. */
export function arraySample(
  name: string,
  label: number | null,
  array: SampleArray,
  layout?: ImageLayout,
): Sample {
  const content = { array, layout };
  return { name, label, load: () => content };
}

/** The fault of a file that ends too early. */
export function truncated(path: string, present: number, expected: number): DataFault {
  return {
    kind: 'truncated',
    name: path,
    detail: `it ends after ${present} of ${expected} samples: copy it again`,
    count: expected - present,
  };
}
