import onnxProto from 'onnx-proto';
import { DataType } from '../../src/onnx/data-type.ts';

const { onnx } = onnxProto;
const { EXTERNAL } = onnx.TensorProto.DataLocation;
const { AttributeType } = onnx.AttributeProto;

/** A float32 tensor whose numbers are in a data file; what is left out is not written. */
export interface ExternalTensor {
  readonly name: string;
  readonly location: string;
  readonly offset?: number | string;
  readonly length?: number | string;
  readonly dims?: readonly number[];
}

/** Where a model keeps a tensor. */
export type TensorHome = 'initializer' | 'constant' | 'body' | 'function';

/** A model with tensors in data files: each is an initializer unless `home` says otherwise. */
export function externalModel(
  tensors: readonly ExternalTensor[],
  home: TensorHome = 'initializer',
): Uint8Array {
  const protos = tensors.map(tensorProto);
  const constants = tensors.map(({ name }, index) => ({
    opType: 'Constant',
    output: [name],
    attribute: [{ name: 'value', type: AttributeType.TENSOR, t: protos[index]! }],
  }));
  const float = { tensorType: { elemType: DataType.FLOAT } };
  const body = { name: 'body', node: constants, output: [{ name: tensors[0]?.name ?? '', type: float }] };
  const branch = (name: string) => ({ name, type: AttributeType.GRAPH, g: body });
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    functions: home === 'function' ? [{ name: 'F', domain: 'local', output: ['out'], node: constants }] : [],
    graph: {
      name: 'external',
      input: [
        { name: 'x', type: float },
        { name: 'which', type: { tensorType: { elemType: DataType.BOOL } } },
      ],
      output: [{ name: 'y', type: float }],
      initializer: home === 'initializer' ? protos : [],
      node: [
        ...(home === 'constant' ? constants : []),
        ...(home === 'body'
          ? [
              {
                opType: 'If',
                input: ['which'],
                output: ['chosen'],
                attribute: [branch('then_branch'), branch('else_branch')],
              },
            ]
          : []),
        { opType: 'Relu', input: ['x'], output: ['y'] },
      ],
    },
  }).finish();
}

function tensorProto({
  name,
  location,
  offset,
  length,
  dims = [2],
}: ExternalTensor): onnxProto.onnx.ITensorProto {
  const entries = [
    ['location', location],
    ['offset', offset],
    ['length', length],
  ] as const;
  return {
    name,
    dims: [...dims],
    dataType: DataType.FLOAT,
    dataLocation: EXTERNAL,
    externalData: entries.flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value: String(value) }],
    ),
  };
}
