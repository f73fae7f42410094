import type { DataTypeNumber } from '../onnx/data-type.ts';
import type { Dim } from '../onnx/model-file.ts';
import type { ValueId } from './view.ts';

/** What is known of a value: its element type and, as far as it can be told, its shape. */
export interface ValueType {
  /** UNDEFINED where it is not known. */
  readonly dataType: DataTypeNumber;
  /** Nothing where even the rank is not known. */
  readonly shape: readonly Dim[] | undefined;
}

/** The types of all values of a graph that could be told. */
export type ValueTypes = ReadonlyMap<ValueId, ValueType>;

/**
 * A small tensor of which some numbers are known: the arithmetic on shapes that exporters write into the graph.
 *
 * Entries are in row-major order; each is a number (negative or broken too), the symbol of a size, or not known.
 */
export interface PartialTensor {
  readonly dims: readonly number[];
  readonly entries: readonly Dim[];
}
