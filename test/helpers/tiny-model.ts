import onnxProto from 'onnx-proto';
import { DataType } from '../../src/onnx/data-type.ts';

const { onnx } = onnxProto;

/** A node as a test writes it. */
export interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Empty where it is not given. */
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, number>>;
}

/** An input or output: its element type, and its sizes where they are declared. */
export type TinyValue = readonly [name: string, dataType: number, dims?: readonly (number | string)[]];

/** A float32 initializer: its values, or where in another file they are. */
export interface TinyWeight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values?: readonly number[];
  readonly location?: string;
}

/** A model of a few nodes. */
export interface TinyModel {
  readonly nodes: readonly TinyNode[];
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly weights?: readonly TinyWeight[];
  readonly opset?: number;
  readonly irVersion?: number;
  /** Domains besides the default one, at version 1. */
  readonly domains?: readonly string[];
}

/** Writes a model, as it is and unchecked: tests want broken ones too. */
export function tinyModel(model: TinyModel): Uint8Array {
  return onnx.ModelProto.encode({
    irVersion: model.irVersion ?? 8,
    opsetImport: [
      { domain: '', version: model.opset ?? 17 },
      ...(model.domains ?? []).map((domain) => ({ domain, version: 1 })),
    ],
    graph: {
      name: 'tiny',
      node: model.nodes.map((node) => ({
        opType: node.op,
        name: node.name ?? '',
        domain: node.domain ?? '',
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes ?? {}).map(([name, i]) => ({
          name,
          i,
          type: onnx.AttributeProto.AttributeType.INT,
        })),
      })),
      input: model.inputs.map(valueInfo),
      output: model.outputs.map(valueInfo),
      initializer: (model.weights ?? []).map(({ name, dims, values, location }) => ({
        name,
        dims: [...dims],
        dataType: DataType.FLOAT,
        ...(location === undefined
          ? { floatData: [...(values ?? [])] }
          : {
              dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
              externalData: [{ key: 'location', value: location }],
            }),
      })),
    },
  }).finish();
}

function valueInfo([name, elemType, dims]: TinyValue): onnxProto.onnx.IValueInfoProto {
  const shape = dims && { dim: dims.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d })) };
  return { name, type: { tensorType: shape === undefined ? { elemType } : { elemType, shape } } };
}
