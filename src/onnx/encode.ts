import protobuf from 'protobufjs/minimal.js';
import { SeInjectError } from '../errors.ts';
import { concatBytes } from '../wire/bytes.ts';
import { encodeVarint } from '../wire/patch.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { DataType, type DataTypeNumber, dataTypeName } from './data-type.ts';
import { toBfloat16, toFloat16 } from './half.ts';
import { onnx } from './proto.ts';

/** An attribute to be written: an integer, a list of them, or a float. */
export type AttributeValue =
  | {
      /** The integer. */
      readonly int: number;
    }
  | {
      /** The integers. */
      readonly ints: readonly number[];
    }
  | {
      /** The number, which is rounded to float32. */
      readonly float: number;
    };

/** A node to be written. */
export interface NewNode {
  readonly name: string;
  readonly opType: string;
  /** Domain of the operator where it is not ONNX's own. */
  readonly domain?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A tensor to be written. */
export interface NewTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: DataTypeNumber;
  readonly numbers: Float64Array;
}

/** Field numbers of onnx.proto. */
const FIELD = {
  model: { metadataProps: 14 },
  graph: { node: 1, initializer: 5, input: 11, output: 12 },
  node: { input: 1, output: 2 },
  tensor: { rawData: 9 },
} as const;

/** A `GraphProto.node` field, tag and length included. */
export function encodeNode(node: NewNode): Uint8Array {
  // The names of values are written here and not by onnx-proto, which would change those that are not valid UTF-8.
  const names = protobuf.Writer.create();
  for (const value of node.input) names.uint32(tag(FIELD.node.input)).bytes(encodeUtf8(value));
  for (const value of node.output) names.uint32(tag(FIELD.node.output)).bytes(encodeUtf8(value));
  const attribute = Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value));
  const domain = node.domain === undefined ? {} : { domain: node.domain };
  const rest = onnx.NodeProto.encode({ name: node.name, opType: node.opType, attribute, ...domain }).finish();
  return field(FIELD.graph.node, [names.finish(), rest]);
}

/** A `GraphProto.initializer` field, tag and length included. */
export function encodeInitializer(tensor: NewTensor): Uint8Array {
  return field(FIELD.graph.initializer, tensorContent(tensor));
}

/** A `Constant` node that gives the tensor: what weights must be below IR 4, where initializers are graph inputs. */
export function encodeConstantNode(tensor: NewTensor): Uint8Array {
  const ATTRIBUTE = 5;
  const T = 5;
  const head = onnx.AttributeProto.encode({
    name: 'value',
    type: onnx.AttributeProto.AttributeType.TENSOR,
  }).finish();
  const attribute = field(ATTRIBUTE, [head, field(T, tensorContent({ ...tensor, name: '' }))]);
  const output = protobuf.Writer.create()
    .uint32(tag(FIELD.node.output))
    .bytes(encodeUtf8(tensor.name))
    .finish();
  const rest = onnx.NodeProto.encode({ name: tensor.name, opType: 'Constant' }).finish();
  return field(FIELD.graph.node, [output, rest, attribute]);
}

/** A `ModelProto.metadata_props` field, tag and length included. */
export function encodeMetadata(key: string, value: string): Uint8Array {
  return field(FIELD.model.metadataProps, [onnx.StringStringEntryProto.encode({ key, value }).finish()]);
}

/** A `GraphProto.input` field of a tensor type, tag and length included. */
export function encodeGraphInput(
  name: string,
  dataType: DataTypeNumber,
  dims: readonly number[],
): Uint8Array {
  const shape = { dim: dims.map((dimValue) => ({ dimValue })) };
  const type = onnx.TypeProto.fromObject({ tensorType: { elemType: dataType, shape } });
  return field(FIELD.graph.input, [valueName(name), onnx.ValueInfoProto.encode({ type }).finish()]);
}

/** A `GraphProto.output` field without a type, which runtimes infer. */
export function encodeGraphOutput(name: string): Uint8Array {
  return field(FIELD.graph.output, [valueName(name)]);
}

/** A `GraphProto.initializer` field whose numbers lie in another file, tag and length included. */
export function encodeExternalInitializer(
  { name, dims, dataType }: Omit<NewTensor, 'numbers'>,
  place: { readonly location: string; readonly offset: number; readonly length: number },
): Uint8Array {
  const externalData = Object.entries(place).map(([key, value]) => ({ key, value: String(value) }));
  const { EXTERNAL } = onnx.TensorProto.DataLocation;
  const head = onnx.TensorProto.encode({ dims: [...dims], dataType, externalData, dataLocation: EXTERNAL });
  return field(FIELD.graph.initializer, [tensorName(name), head.finish()]);
}

/** The numbers of a tensor as `raw_data` holds them: little-endian, rounded once to the element type. */
export function encodeNumbers(numbers: Float64Array, dataType: DataTypeNumber): Uint8Array {
  switch (dataType) {
    case DataType.FLOAT:
      // Not `from`, which goes through an iterator.
      return bytesOf(new Float32Array(numbers));
    case DataType.DOUBLE:
      return bytesOf(numbers);
    case DataType.FLOAT16:
      return bytesOf(Uint16Array.from(numbers, toFloat16));
    case DataType.BFLOAT16:
      return bytesOf(Uint16Array.from(numbers, toBfloat16));
    case DataType.INT64:
      return bytesOf(BigInt64Array.from(Array.from(numbers, BigInt)));
    default:
      throw new SeInjectError(
        'onnx/unsupported-data-type',
        `weights of type ${dataTypeName(dataType)} cannot be written`,
        {
          details: { dataType },
        },
      );
  }
}

function tensorName(name: string): Uint8Array {
  const NAME = 8;
  return field(NAME, [encodeUtf8(name)]);
}

function valueName(name: string): Uint8Array {
  const NAME = 1;
  return field(NAME, [encodeUtf8(name)]);
}

function tensorContent(tensor: NewTensor): Uint8Array[] {
  const { name, dims, dataType } = tensor;
  const head = onnx.TensorProto.encode({ name, dims: [...dims], dataType }).finish();
  // Header and content apart: joined here, the weights would be copied once more.
  return [head, ...fieldParts(FIELD.tensor.rawData, [encodeNumbers(tensor.numbers, dataType)])];
}

function encodeAttribute(name: string, value: AttributeValue): InstanceType<typeof onnx.AttributeProto> {
  const { AttributeType } = onnx.AttributeProto;
  if ('int' in value) return onnx.AttributeProto.create({ name, type: AttributeType.INT, i: value.int });
  if ('float' in value)
    return onnx.AttributeProto.create({ name, type: AttributeType.FLOAT, f: value.float });
  return onnx.AttributeProto.create({ name, type: AttributeType.INTS, ints: [...value.ints] });
}

function field(number: number, content: readonly Uint8Array[]): Uint8Array {
  return concatBytes(fieldParts(number, content));
}

function fieldParts(number: number, content: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return [encodeVarint(tag(number)), encodeVarint(length), ...content];
}

/** The tag of a length-delimited field. */
function tag(number: number): number {
  return (number << 3) | 2;
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  // Typed arrays have the byte order of the machine; every platform that JavaScript runs on now is little-endian.
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
