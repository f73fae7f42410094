import type { NodeProto } from '../onnx/model-file.ts';
import { elementCount } from '../onnx/tensor-data.ts';

/** An array in float64, row-major. */
export interface NdArray {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** An operator of a block: its inputs, and its attributes as they stand in the file. */
type Operator = (inputs: readonly NdArray[], node: NodeProto) => NdArray;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** What blocks are made of, by the definitions of the ONNX operators. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  Add: binary((a, b) => a + b),
  Cast: ([x]) => required(x),
  Conv: convolve1x1,
  Div: binary((a, b) => a / b),
  GlobalAveragePool: ([x]) => reduceMean(required(x), spatialAxes(required(x))),
  HardSigmoid: unary((x, node) => {
    const alpha = node.attribute.get('alpha')?.f ?? 0.2;
    const beta = node.attribute.get('beta')?.f ?? 0.5;
    return Math.max(0, Math.min(1, alpha * x + beta));
  }),
  HardSwish: unary((x) => x * Math.max(0, Math.min(1, x / 6 + 0.5))),
  Identity: ([x]) => required(x),
  MatMul: multiplyLast,
  Mul: binary((a, b) => a * b),
  ReduceMean: ([x, axes], node) =>
    reduceMean(required(x), axes === undefined ? (node.attribute.get('axes')?.ints ?? []) : [...axes.data]),
  Relu: unary((x) => Math.max(x, 0)),
  Sigmoid: unary((x) => sigmoid(x)),
  Sub: binary((a, b) => a - b),
  Tanh: unary((x) => Math.tanh(x)),
};

/**
 * Evaluates nodes in float64, by the ONNX definitions of the operators and with the attributes that the nodes have.
 *
 * It serves where no runtime computes in a block's element type (float64 and bfloat16 have no convolution in
 * onnxruntime's CPU provider). Gives the values of all nodes, or nothing where an operator is not among those that
 * blocks are made of.
 */
export function interpret(
  nodes: readonly NodeProto[],
  inputs: ReadonlyMap<string, NdArray>,
): ReadonlyMap<string, NdArray> | undefined {
  const values = new Map(inputs);
  for (const node of nodes) {
    const operator = node.domain === '' ? OPERATORS[node.opType] : undefined;
    const operands = node.input.map((name) => values.get(name));
    if (operator === undefined || operands.includes(undefined)) return undefined;
    values.set(node.output[0] ?? '', operator(operands as NdArray[], node));
  }
  return values;
}

function unary(of: (x: number, node: NodeProto) => number): Operator {
  return ([x], node) => ({ dims: required(x).dims, data: required(x).data.map((value) => of(value, node)) });
}

/** Elementwise with broadcasting, as numpy does it (ONNX, "Multidirectional Broadcasting"). */
function binary(of: (a: number, b: number) => number): Operator {
  return ([left, right]) => {
    const [a, b] = [required(left), required(right)];
    const rank = Math.max(a.dims.length, b.dims.length);
    const padded = ({ dims }: NdArray): number[] => [...Array<number>(rank - dims.length).fill(1), ...dims];
    const [aDims, bDims] = [padded(a), padded(b)];
    const dims = aDims.map((size, axis) => Math.max(size, bDims[axis] ?? 1));
    const data = new Float64Array(elementCount(dims));
    const aStrides = broadcastStrides(aDims);
    const bStrides = broadcastStrides(bDims);
    for (let index = 0; index < data.length; index += 1) {
      let rest = index;
      let aAt = 0;
      let bAt = 0;
      for (let axis = rank - 1; axis >= 0; axis -= 1) {
        const size = dims[axis] ?? 1;
        const place = rest % size;
        rest = (rest - place) / size;
        aAt += place * (aStrides[axis] ?? 0);
        bAt += place * (bStrides[axis] ?? 0);
      }
      data[index] = of(a.data[aAt] ?? Number.NaN, b.data[bAt] ?? Number.NaN);
    }
    return { dims, data };
  };
}

function broadcastStrides(dims: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = dims[axis] === 1 ? 0 : step;
    step *= dims[axis] ?? 1;
  }
  return strides;
}

/** A convolution with kernels of one position: a matrix product over the channels. */
function convolve1x1([x, w, b]: readonly NdArray[]): NdArray {
  const [input, weight] = [required(x), required(w)];
  const [batch = 1, channels = 1, ...spatial] = input.dims;
  const [outputs = 1] = weight.dims;
  const positions = elementCount(spatial);
  const data = new Float64Array(batch * outputs * positions);
  for (let index = 0; index < data.length; index += 1) {
    const position = index % positions;
    const output = Math.floor(index / positions) % outputs;
    const sample = Math.floor(index / (positions * outputs));
    let sum = b?.data[output] ?? 0;
    for (let channel = 0; channel < channels; channel += 1) {
      sum +=
        (weight.data[output * channels + channel] ?? Number.NaN) *
        (input.data[(sample * channels + channel) * positions + position] ?? Number.NaN);
    }
    data[index] = sum;
  }
  return { dims: [batch, outputs, ...spatial], data };
}

/** A product with a matrix on the last axis. */
function multiplyLast([x, w]: readonly NdArray[]): NdArray {
  const [input, weight] = [required(x), required(w)];
  const [inputs = 1, outputs = 1] = weight.dims;
  const rows = input.data.length / inputs;
  const data = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row += 1) {
    for (let output = 0; output < outputs; output += 1) {
      let sum = 0;
      for (let at = 0; at < inputs; at += 1) {
        sum +=
          (input.data[row * inputs + at] ?? Number.NaN) * (weight.data[at * outputs + output] ?? Number.NaN);
      }
      data[row * outputs + output] = sum;
    }
  }
  return { dims: [...input.dims.slice(0, -1), outputs], data };
}

/** The mean over some axes, which stay with size 1. */
function reduceMean(x: NdArray, axes: readonly number[]): NdArray {
  const gone = new Set(axes.map((axis) => (axis < 0 ? axis + x.dims.length : axis)));
  const dims = x.dims.map((size, axis) => (gone.has(axis) ? 1 : size));
  const strides = broadcastStrides(dims);
  const data = new Float64Array(elementCount(dims));
  for (let index = 0; index < x.data.length; index += 1) {
    let rest = index;
    let at = 0;
    for (let axis = x.dims.length - 1; axis >= 0; axis -= 1) {
      const size = x.dims[axis] ?? 1;
      const place = rest % size;
      rest = (rest - place) / size;
      if (!gone.has(axis)) at += place * (strides[axis] ?? 0);
    }
    data[at] = (data[at] ?? 0) + (x.data[index] ?? Number.NaN);
  }
  const count = x.data.length / Math.max(1, data.length);
  return { dims, data: data.map((sum) => sum / count) };
}

function spatialAxes({ dims }: NdArray): number[] {
  return dims.map((_, axis) => axis).slice(2);
}

function required(x: NdArray | undefined): NdArray {
  if (x === undefined) throw new RangeError('an operator lacks an input');
  return x;
}
