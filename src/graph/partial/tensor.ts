import { isSeInjectError } from '../../errors.ts';
import { DataType, type DataTypeNumber } from '../../onnx/data-type.ts';
import type { Dim, NodeProto, TensorProto } from '../../onnx/model-file.ts';
import { elementCount, inlineNumbers } from '../../onnx/tensor-data.ts';
import type { PartialTensor, ValueType } from '../types.ts';

/** More entries than this are data, not a shape. */
const ENTRY_LIMIT = 128;

/** What sizes, and decisions about them, are computed in. */
const COUNTING: ReadonlySet<DataTypeNumber> = new Set([DataType.INT64, DataType.INT32, DataType.BOOL]);

/** What is known of a node before its first output's numbers are worked out. */
export interface Evaluation {
  readonly node: NodeProto;
  /** What is known of an input's numbers. */
  readonly numbers: (input: number) => PartialTensor | undefined;
  readonly inputs: readonly ValueType[];
  /** The first output's element type. */
  readonly dataType: DataTypeNumber;
  /** The first output's shape. */
  readonly shape: readonly number[];
}

/** Works out what is known of a node's first output, or nothing. */
export type Evaluator = (evaluation: Evaluation) => PartialTensor | undefined;

/** Whether a tensor of these sizes has few enough entries to be told one by one; no axis is long, an empty one neither. */
export function isSmall(dims: readonly Dim[]): dims is readonly number[] {
  let count = 1;
  for (const dim of dims) {
    if (typeof dim !== 'number' || !Number.isInteger(dim) || dim < 0 || dim > ENTRY_LIMIT) return false;
    count *= dim;
  }
  return count <= ENTRY_LIMIT;
}

/** A small tensor of integers or truth values with nothing known of its entries. */
export function openTensor(type: ValueType | undefined): PartialTensor | undefined {
  if (type?.shape === undefined || !COUNTING.has(type.dataType) || !isSmall(type.shape)) return undefined;
  return { dims: type.shape, entries: new Array<Dim>(elementCount(type.shape)).fill(undefined) };
}

/** The numbers of a tensor in the file, where they are few; nothing for a damaged one. */
export function tensorNumbers(tensor: TensorProto): PartialTensor | undefined {
  const { dims } = tensor;
  if (!isSmall(dims)) return undefined;
  try {
    const numbers = inlineNumbers(tensor);
    return numbers === undefined ? undefined : { dims, entries: [...numbers] };
  } catch (error) {
    // Whoever needs these numbers for an edit meets the error; a shape is merely not known.
    if (isSeInjectError(error)) return undefined;
    throw error;
  }
}

/** A vector of entries. */
export const list = (entries: readonly Dim[]): PartialTensor => ({ dims: [entries.length], entries });

/** A single entry. */
export const scalar = (entry: Dim): PartialTensor => ({ dims: [], entries: [entry] });

/** All entries as numbers, or nothing. */
export function knownNumbers(tensor: PartialTensor | undefined): readonly number[] | undefined {
  const known = tensor?.entries.filter((entry) => typeof entry === 'number');
  return known?.length === tensor?.entries.length ? known : undefined;
}

/** The entries under other axes. */
export function withDims({ entries }: PartialTensor, dims: readonly Dim[]): PartialTensor | undefined {
  return isSmall(dims) && elementCount(dims) === entries.length ? { dims, entries } : undefined;
}
