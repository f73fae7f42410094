import type { DataFault, Dataset, Sample, SampleArray } from '../../src/evaluate/index.ts';

/** A sample of float32 numbers. */
export function floats(label: number | null, ...numbers: readonly number[]): Sample {
  return sampleOf(label, { dataType: 'float32', dims: [numbers.length], data: Float32Array.from(numbers) });
}

/** A sample of any array. */
export function sampleOf(label: number | null, array: SampleArray, name = 'a sample'): Sample {
  return { name, label, load: () => ({ array }) };
}

/** A dataset of what is given. */
export function datasetOf(
  items: readonly (Sample | DataFault)[],
  rest: Partial<Omit<Dataset, 'walk'>> = {},
): Dataset {
  return {
    format: 'npz',
    path: 'some data',
    classNames: undefined,
    size: items.length,
    notes: [],
    ...rest,
    async *walk() {
      yield* items;
    },
  };
}
