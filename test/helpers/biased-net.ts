import proto from 'onnx-proto';
import type { DataTypeNumber } from '../../src/onnx/data-type.ts';
import { encodeNumbers } from '../../src/onnx/encode.ts';

const { onnx } = proto;
const CHANNELS = 8;

/** A residual block whose branch has a mean that is set. */
export interface BiasedNet {
  readonly dataType: DataTypeNumber;
  /** The bias of each channel of the branch. */
  readonly biasOf: (channel: number) => number;
  /** How large the weights beside it are; 0 makes the branch constant. */
  readonly spread?: number;
  /** What the sum is multiplied by, where it is. */
  readonly scale?: number;
}

/** Writes a residual block on maps of 64 by 64. */
export function biasedNet({ dataType, biasOf, spread = 1, scale }: BiasedNet): Uint8Array {
  const shape = { dim: [1, CHANNELS, 64, 64].map((dimValue) => ({ dimValue })) };
  const type = { tensorType: { elemType: dataType, shape } };
  const tensor = (name: string, dims: number[], numbers: number[]): proto.onnx.ITensorProto => ({
    name,
    dims,
    dataType,
    rawData: encodeNumbers(Float64Array.from(numbers), dataType),
  });
  const weights = Array.from(
    { length: CHANNELS * CHANNELS * 9 },
    (_, at) => spread * (((at * 7) % 13) / 100 - 0.06),
  );
  const biases = Array.from({ length: CHANNELS }, (_, channel) => biasOf(channel));
  const kernel = ['kernel_shape', 'pads'].map((name) => ({
    name,
    type: onnx.AttributeProto.AttributeType.INTS,
    ints: name === 'pads' ? [1, 1, 1, 1] : [3, 3],
  }));
  const [sum, scaled] = scale === undefined ? ['y', []] : ['sum', [scale]];
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'biased',
      node: [
        { opType: 'Conv', input: ['x', 'w', 'b'], output: ['branch'], attribute: kernel },
        { opType: 'Add', input: ['branch', 'x'], output: [sum] },
        ...scaled.map(() => ({ opType: 'Mul', input: ['sum', 'small'], output: ['y'] })),
      ],
      input: [{ name: 'x', type }],
      output: [{ name: 'y', type }],
      initializer: [
        tensor('w', [CHANNELS, CHANNELS, 3, 3], weights),
        tensor('b', [CHANNELS], biases),
        ...scaled.map((factor) => tensor('small', [1], [factor])),
      ],
    },
  }).finish();
}
