import type { ByteSource } from '../wire/byte-source.ts';
import type { Enclosure } from '../wire/patch.ts';
import type { DataTypeNumber } from './data-type.ts';

/**
 * The model as written: the messages of the file with the places where they lie, and without their weights.
 *
 * Field names are those of onnx.proto, camelCased. Strings are kept one to one with their bytes (see `wire/utf8.ts`).
 * Nothing here is ever written back: an edit is a patch on the file's own bytes.
 */
export interface ModelFile {
  /** The file. */
  readonly source: ByteSource;
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
  readonly graph: GraphProto;
  /** Model-local functions: reported and kept, never edited. */
  readonly functions: readonly FunctionProto[];
  /** Contents of all tensor data fields in the file, in order: what a digest of the structure leaves out. */
  readonly payloads: readonly ByteRange[];
}

/** A range of the file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A message of the file, by where it lies: `start` is the offset of its tag. */
export interface FieldSpan extends Enclosure {
  readonly start: number;
}

/** A version of an operator set; the domain `''` is ONNX's own. */
export interface OperatorSetIdProto {
  readonly domain: string;
  readonly version: number;
}

/** An entry of `metadata_props`. */
export interface StringStringEntryProto {
  readonly span: FieldSpan;
  readonly key: string;
  readonly value: string;
}

/** A graph: the model's own, or the body of an If, Loop or Scan. */
export interface GraphProto {
  /** The occurrences of the graph's field: usually one; several are read as merged. */
  readonly segments: readonly FieldSpan[];
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  /** Sparse initializers, by the name of their values tensor. */
  readonly sparseInitializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
}

/** A call of an operator. Its name is a diagnostic, never a key (ONNX IR spec, "Names Within a Graph"). */
export interface NodeProto {
  readonly span: FieldSpan;
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  /** Values read; `''` is an optional one that is left out. */
  readonly input: readonly string[];
  /** Values written; `''` is an optional one that nobody wants. */
  readonly output: readonly string[];
  readonly attribute: ReadonlyMap<string, AttributeProto>;
  /** The graphs in its attributes: branches of If, bodies of Loop and Scan, and whatever custom operators carry. */
  readonly bodies: readonly GraphProto[];
}

/** An attribute of a node, whichever of its homes is filled. 64-bit integers are numbers here. */
export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly refAttrName: string;
  readonly f: number;
  readonly i: number;
  readonly s: string;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
  readonly t: TensorProto | undefined;
  readonly g: GraphProto | undefined;
  readonly tensors: readonly TensorProto[];
  readonly graphs: readonly GraphProto[];
  /** Set where lists were too long to be anything but weights and were not read. */
  readonly elided: boolean;
}

/** A tensor without its numbers. */
export interface TensorProto {
  readonly span: FieldSpan;
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: DataTypeNumber;
  readonly data: TensorData;
}

/** The field that holds a tensor's numbers. */
export type TensorDataField =
  | 'rawData'
  | 'floatData'
  | 'int32Data'
  | 'int64Data'
  | 'doubleData'
  | 'uint64Data'
  | 'stringData';

/** The home of a tensor's numbers. */
export type TensorData =
  | { readonly location: 'none' }
  | {
      readonly location: 'file';
      readonly field: TensorDataField;
      readonly parts: readonly TensorDataPart[];
      /** The content, where it is small enough to have been read with the graph. */
      readonly inline: Uint8Array | undefined;
    }
  | {
      readonly location: 'external';
      /** Path of the data file, relative to the model's folder, as written. */
      readonly path: string;
      readonly offset: number;
      /** Bytes, or nothing for "to the end". */
      readonly length: number | undefined;
    };

/** A range of the file with tensor data: one content, or a run of single numbers with their tags between them. */
export interface TensorDataPart extends ByteRange {
  readonly unpacked: boolean;
}

/** A value's declared name, type and shape. */
export interface ValueInfoProto {
  readonly span: FieldSpan;
  readonly name: string;
  readonly type: TypeProto;
}

/** A declared type: tensors in full, all else by its kind. */
export interface TypeProto {
  readonly kind: 'tensor' | 'sparseTensor' | 'sequence' | 'map' | 'optional' | 'opaque' | 'none';
  /** Element type of a tensor; UNDEFINED for other kinds. */
  readonly elemType: DataTypeNumber;
  /** Dimensions of a tensor, or nothing where even the rank is left open. */
  readonly shape: readonly Dim[] | undefined;
}

/** A dimension: a number, a symbol, or unknown. */
export type Dim = number | string | undefined;

/** A model-local function. */
export interface FunctionProto {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly node: readonly NodeProto[];
  readonly opsetImport: readonly OperatorSetIdProto[];
}
