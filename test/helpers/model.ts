import onnxProto from 'onnx-proto';
import { type GraphView, viewGraph } from '../../src/graph/view.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;

/** A dimension of a declared type: a size, a symbol, or open. */
export type SpecDim = number | string | undefined;

/** A declared type: float32 of a shape, or of another element type; without dims even the rank is open. */
export type TypeSpec = readonly SpecDim[] | { readonly type: number; readonly dims?: readonly SpecDim[] };

/** A tensor: float32 weights of a shape without numbers, or numbers. */
export type TensorSpec =
  | readonly number[]
  | { readonly ints: readonly number[]; readonly dims?: readonly number[] }
  | { readonly floats: readonly number[]; readonly dims?: readonly number[] }
  | { readonly type: number; readonly dims: readonly number[] };

/** An attribute: a number is an integer, a list integers; what is not says so. */
export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: TensorSpec }
  | { readonly graph: GraphSpec };

/** A node in one row; `domain:Op` for operators of other domains, names separated by spaces, `_` for one left out. */
export type NodeRow = readonly [
  op: string,
  inputs: string,
  outputs: string,
  attributes?: Readonly<Record<string, AttributeSpec>>,
];

/** A graph in few words. */
export interface GraphSpec {
  readonly nodes: readonly NodeRow[];
  readonly inputs?: Readonly<Record<string, TypeSpec>>;
  /** Declared types of what is given out; `null` declares none. */
  readonly outputs?: Readonly<Record<string, TypeSpec | null>>;
  readonly valueInfo?: Readonly<Record<string, TypeSpec>>;
  readonly weights?: Readonly<Record<string, TensorSpec>>;
}

/** A model in few words. */
export interface ModelSpec extends GraphSpec {
  readonly opset?: number;
  /** Versions of other domains. */
  readonly opsets?: Readonly<Record<string, number>>;
  /** Model-local functions without content, as `domain:name`. */
  readonly functions?: readonly string[];
}

/** Writes a model, whether it makes sense or not. */
export function modelBytes(spec: ModelSpec): Uint8Array {
  const { opset = 17, opsets = {}, functions = [] } = spec;
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: Object.entries({ '': opset, ...opsets }).map(([domain, version]) => ({ domain, version })),
    graph: graphProto(spec),
    functions: functions.map((key) => {
      const [domain = '', name = ''] = key.split(':');
      return { domain, name };
    }),
  }).finish();
}

/** The graph view of a model. */
export async function viewOf(spec: ModelSpec): Promise<GraphView> {
  return viewGraph(await scanModel(memorySource(modelBytes(spec))));
}

function graphProto({ nodes, inputs, outputs, valueInfo, weights }: GraphSpec): onnxProto.onnx.IGraphProto {
  return {
    name: 'g',
    node: nodes.map(nodeProto),
    input: Object.entries(inputs ?? {}).map(infoProto),
    output: Object.entries(outputs ?? {}).map(infoProto),
    valueInfo: Object.entries(valueInfo ?? {}).map(infoProto),
    initializer: Object.entries(weights ?? {}).map(([name, tensor]) => ({ name, ...tensorProto(tensor) })),
  };
}

function nodeProto([op, inputs, outputs, attributes = {}]: NodeRow): onnxProto.onnx.INodeProto {
  const at = op.lastIndexOf(':');
  const names = (text: string) =>
    text === '' ? [] : text.split(' ').map((name) => (name === '_' ? '' : name));
  return {
    domain: op.slice(0, Math.max(at, 0)),
    opType: op.slice(at + 1),
    input: names(inputs),
    output: names(outputs),
    attribute: Object.entries(attributes).map(([name, value]) => ({ name, ...attributeProto(value) })),
  };
}

function attributeProto(value: AttributeSpec): onnxProto.onnx.IAttributeProto {
  if (typeof value === 'number') return { type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (isList(value)) return { type: AttributeType.INTS, ints: [...value] };
  if ('float' in value) return { type: AttributeType.FLOAT, f: value.float };
  if ('floats' in value) return { type: AttributeType.FLOATS, floats: [...value.floats] };
  if ('tensor' in value) return { type: AttributeType.TENSOR, t: tensorProto(value.tensor) };
  return { type: AttributeType.GRAPH, g: graphProto(value.graph) };
}

function tensorProto(spec: TensorSpec): onnxProto.onnx.ITensorProto {
  if (isList(spec)) return { dataType: DataType.FLOAT, dims: [...spec] };
  if ('type' in spec) return { dataType: spec.type, dims: [...spec.dims] };
  if ('ints' in spec) {
    return {
      dataType: DataType.INT64,
      dims: [...(spec.dims ?? [spec.ints.length])],
      int64Data: [...spec.ints],
    };
  }
  return {
    dataType: DataType.FLOAT,
    dims: [...(spec.dims ?? [spec.floats.length])],
    floatData: [...spec.floats],
  };
}

function infoProto([name, spec]: [string, TypeSpec | null]): onnxProto.onnx.IValueInfoProto {
  if (spec === null) return { name };
  const [elemType, dims] = isList(spec) ? [DataType.FLOAT, spec] : [spec.type, spec.dims];
  const shape = dims && {
    dim: dims.map((dim) => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim ?? null })),
  };
  return { name, type: { tensorType: shape === undefined ? { elemType } : { elemType, shape } } };
}

function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}
