import { formatName } from '../onnx/format-name.ts';
import { type RuntimeTensor, type RuntimeValue, resolveFetches } from '../verify/index.ts';
import { invalidOption } from './preprocess.ts';

/** What a model is for, as far as its output tells. */
export type Task = 'classification' | 'segmentation' | 'other';

/**
 * The output that is measured: the one that is asked for, the only one, or the only one that is a row of classes.
 *
 * Throws `evaluate/invalid-option` where that does not settle it.
 */
export function chooseOutput(outputs: readonly RuntimeValue[], wanted: string | undefined): string {
  const names = resolveFetches(outputs, wanted === undefined ? undefined : [wanted]);
  const [first = ''] = names;
  if (names.length === 1) return first;
  const rows = outputs.filter(
    ({ name, shape }) => names.includes(name) && shape?.length === 2 && shape[1] !== 1,
  );
  if (rows.length === 1) return rows[0]?.name ?? first;
  const shown = outputs
    .filter(({ name }) => names.includes(name))
    .map(({ name, shape }) => `"${formatName(name)}" [${(shape ?? []).map((dim) => dim || '?').join(', ')}]`);
  throw invalidOption(
    `the model has ${names.length} outputs: name the one to measure with --output: ${shown.join(', ')}`,
  );
}

/** The number of classes of each row, or nothing where an output is no classification of so many samples. */
export function classesOf({ dims }: RuntimeTensor, samples: number): number | undefined {
  const [first, classes = 0, ...rest] = dims;
  const isRow = dims.length >= 2 && first === samples && classes >= 2 && rest.every((dim) => dim === 1);
  if (isRow) return classes;
  // A model of one sample may leave the batch out.
  return dims.length === 1 && samples === 1 && (first ?? 0) >= 2 ? first : undefined;
}

/** What an output is, by its shape. */
export function taskOf(tensor: RuntimeTensor, samples: number): Task {
  if (classesOf(tensor, samples) !== undefined) return 'classification';
  const [first, classes = 0] = tensor.dims;
  return tensor.dims.length === 4 && first === samples && classes >= 2 ? 'segmentation' : 'other';
}
