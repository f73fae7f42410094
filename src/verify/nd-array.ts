import type { NodeProto } from '../onnx/model-file.ts';
import { elementCount } from '../onnx/tensor-data.ts';

/** An array in float64, row-major. */
export interface NdArray {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** How far apart neighbours along each axis are; 0 along axes of size 1, which are so repeated. */
export function broadcastStrides(dims: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = dims[axis] === 1 ? 0 : step;
    step *= dims[axis] ?? 1;
  }
  return strides;
}

/** A convolution of one group and stride 1, zeros around the input as the node's `pads` say. */
export function convolve([x, w, b]: readonly NdArray[], node: NodeProto): NdArray {
  const [input, weight] = [required(x), required(w)];
  const [batch = 1, channels = 1, ...spatial] = input.dims;
  const [outputs = 1, , ...kernel] = weight.dims;
  const pads = node.attribute.get('pads')?.ints ?? kernel.map(() => 0);
  const sizes = spatial.map(
    (size, axis) =>
      size + (pads[axis] ?? 0) + (pads[axis + spatial.length] ?? pads[axis] ?? 0) - (kernel[axis] ?? 1) + 1,
  );
  const [positions, own, taps] = [elementCount(sizes), elementCount(spatial), elementCount(kernel)];
  const data = new Float64Array(batch * outputs * positions);
  for (let index = 0; index < data.length; index += 1) {
    const place = placeOf(index % positions, sizes);
    const output = Math.floor(index / positions) % outputs;
    const sample = Math.floor(index / (positions * outputs));
    let sum = b?.data[output] ?? 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const offset = placeOf(tap, kernel);
      const source = place.map((at, axis) => at + (offset[axis] ?? 0) - (pads[axis] ?? 0));
      if (source.some((at, axis) => at < 0 || at >= (spatial[axis] ?? 1))) continue;
      const from = source.reduce((sum, at, axis) => sum * (spatial[axis] ?? 1) + at, 0);
      for (let channel = 0; channel < channels; channel += 1) {
        sum +=
          (weight.data[(output * channels + channel) * taps + tap] ?? Number.NaN) *
          (input.data[(sample * channels + channel) * own + from] ?? Number.NaN);
      }
    }
    data[index] = sum;
  }
  return { dims: [batch, outputs, ...sizes], data };
}

/** Arrays one behind the other along an axis. */
export function concatenate(inputs: readonly NdArray[], axis: number): NdArray {
  const first = required(inputs[0]).dims;
  const along = axis < 0 ? axis + first.length : axis;
  const joined = inputs.reduce((sum, { dims }) => sum + (dims[along] ?? 1), 0);
  const dims = first.map((size, at) => (at === along ? joined : size));
  const outer = elementCount(first.slice(0, along));
  const data = new Float64Array(elementCount(dims));
  let at = 0;
  for (let row = 0; row < outer; row += 1) {
    for (const input of inputs) {
      const length = input.data.length / outer;
      data.set(input.data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  }
  return { dims, data };
}

/** An array with its axes in another order; reversed unless one is given. */
export function transpose(
  x: NdArray,
  perm: readonly number[] = x.dims.map((_, axis) => axis).reverse(),
): NdArray {
  const dims = perm.map((axis) => x.dims[axis] ?? 1);
  const strides = broadcastStrides(x.dims);
  const data = x.data.map((_, index) => {
    const from = placeOf(index, dims).reduce(
      (sum, at, axis) => sum + at * (strides[perm[axis] ?? 0] ?? 0),
      0,
    );
    return x.data[from] ?? Number.NaN;
  });
  return { dims, data };
}

/** An operand that must be there. */
export function required(x: NdArray | undefined): NdArray {
  if (x === undefined) throw new RangeError('an operator lacks an input');
  return x;
}

function placeOf(index: number, dims: readonly number[]): number[] {
  const place: number[] = [];
  let rest = index;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    const size = dims[axis] ?? 1;
    place[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return place;
}
