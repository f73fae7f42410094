/** Models and tensors on which the runtimes of Node and of the browser must agree. */
import { DataType } from '../../src/onnx/data-type.ts';
import type { RejectionReason, RuntimeTensor } from '../../src/verify/runtime.ts';
import type { TinyModel, TinyNode } from './tiny-model.ts';

const { FLOAT, BFLOAT16, COMPLEX64, BOOL } = DataType;

/** A node of one output. */
export function node(op: string, inputs: string[], output: string, name?: string): TinyNode {
  return { op, inputs, outputs: [output], ...(name === undefined ? {} : { name }) };
}

/** `y = relu(x)` and `z = -y`. */
export const CHAIN: TinyModel = {
  nodes: [node('Relu', ['x'], 'y', 'relu'), node('Neg', ['y'], 'z')],
  inputs: [['x', FLOAT, ['N', 2]]],
  outputs: [
    ['z', FLOAT, ['N', 2]],
    ['y', FLOAT],
  ],
};

/** An input of {@link CHAIN}, and its outputs. */
export const X: RuntimeTensor = { dataType: 'float32', dims: [1, 2], data: Float32Array.of(-1, 2) };
export const Y: RuntimeTensor = { dataType: 'float32', dims: [1, 2], data: Float32Array.of(0, 2) };
export const Z: RuntimeTensor = { dataType: 'float32', dims: [1, 2], data: Float32Array.of(-0, -2) };

/** A tensor of each type, and of unusual shapes. */
export const TENSORS: readonly RuntimeTensor[] = [
  { dataType: 'float32', dims: [2], data: Float32Array.of(0.5, Number.NaN) },
  { dataType: 'float64', dims: [2], data: Float64Array.of(0.1, -0) },
  { dataType: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0x7e01) },
  { dataType: 'int8', dims: [2], data: Int8Array.of(-128, 127) },
  { dataType: 'int16', dims: [2], data: Int16Array.of(-32768, 1) },
  { dataType: 'int32', dims: [2], data: Int32Array.of(-1, 2) },
  { dataType: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 5n) },
  { dataType: 'uint8', dims: [2], data: Uint8Array.of(255, 0) },
  { dataType: 'uint16', dims: [2], data: Uint16Array.of(65535, 0) },
  { dataType: 'uint32', dims: [2], data: Uint32Array.of(2 ** 32 - 1, 0) },
  { dataType: 'uint64', dims: [2], data: BigUint64Array.of(2n ** 64n - 1n, 0n) },
  { dataType: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
  { dataType: 'string', dims: [2], data: ['ü', ''] },
  { dataType: 'float32', dims: [0, 3], data: new Float32Array(0) },
  { dataType: 'float32', dims: [], data: Float32Array.of(7) },
];

/** `y = x`. */
export function identity(x: RuntimeTensor): TinyModel {
  const name = { float32: 'FLOAT', float64: 'DOUBLE' }[x.dataType as string] ?? x.dataType.toUpperCase();
  const type = DataType[name as keyof typeof DataType];
  return { nodes: [node('Identity', ['x'], 'y')], inputs: [['x', type]], outputs: [['y', type]] };
}

/** Models that no runtime loads: what is wrong with them, the reason that is given, and the models. */
export const REFUSED: readonly (readonly [string, RejectionReason, TinyModel])[] = (
  [
    ['an unknown operator', 'unknown-operator', { nodes: [node('Foo', ['x'], 'z')] }],
    [
      'an operator of a domain that is not imported',
      'unknown-operator',
      { nodes: [{ ...node('Foo', ['x'], 'z'), domain: 'own' }] },
    ],
    [
      'an operator of a custom domain',
      'unknown-operator',
      { nodes: [{ ...node('Foo', ['x'], 'z'), domain: 'own' }], domains: ['own'] },
    ],
    ['an operator set of the future', 'unknown-operator', { opset: 99 }],
    ['an IR version of the future', 'unknown-operator', { irVersion: 99 }],
    [
      'no kernel for the type',
      'no-kernel',
      { nodes: [node('Sigmoid', ['x'], 'z')], inputs: [['x', BFLOAT16]], outputs: [['z', BFLOAT16]] },
    ],
    [
      'a type without an array',
      'unsupported-type',
      { nodes: [node('Identity', ['x'], 'z')], inputs: [['x', BFLOAT16]], outputs: [['z', BFLOAT16]] },
    ],
    [
      'a type that onnxruntime lacks',
      'unsupported-type',
      { nodes: [node('Identity', ['x'], 'z')], inputs: [['x', COMPLEX64]], outputs: [['z', COMPLEX64]] },
    ],
    ['a value from nowhere', 'invalid-model', { nodes: [node('Relu', ['q'], 'z')] }],
    ['a cycle', 'invalid-model', { nodes: [node('Relu', ['z'], 'q'), node('Relu', ['q'], 'z')] }],
    ['a wrong type', 'invalid-model', { nodes: [node('Relu', ['x'], 'z')], inputs: [['x', BOOL]] }],
    [
      'two nodes of one name',
      'invalid-model',
      { nodes: [node('Relu', ['x'], 'y', 'a'), node('Relu', ['y'], 'z', 'a')] },
    ],
  ] satisfies [string, RejectionReason, Partial<TinyModel>][]
).map(([what, reason, change]) => [what, reason, { ...CHAIN, outputs: [['z', FLOAT]], ...change }]);
