import type { Dim } from '../../onnx/model-file.ts';
import { elementCount } from '../../onnx/tensor-data.ts';
import { axesOf, axisOf } from '../shapes/dims.ts';
import { intOf, intsOf } from '../shapes/rule.ts';
import { sliceBounds } from '../shapes/slicing.ts';
import type { PartialTensor } from '../types.ts';
import { type Evaluator, knownNumbers, withDims } from './tensor.ts';

const concat: Evaluator = ({ node, numbers }) => {
  const tensors = node.input.map((_, input) => numbers(input)).filter((tensor) => tensor !== undefined);
  const [first] = tensors;
  if (first === undefined || tensors.length !== node.input.length) return undefined;
  const axis = axisOf(intOf(node, 'axis', 1), first.dims.length);
  const others = ({ dims }: PartialTensor): string => dims.toSpliced(axis ?? 0, 1).join();
  if (axis === undefined || tensors.some((tensor) => others(tensor) !== others(first))) return undefined;
  const rows = elementCount(first.dims.slice(0, axis));
  const entries: Dim[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (const tensor of tensors) {
      const width = tensor.entries.length / rows;
      entries.push(...tensor.entries.slice(row * width, (row + 1) * width));
    }
  }
  const total = tensors.reduce((sum, { dims }) => sum + (dims[axis] ?? 0), 0);
  return { dims: first.dims.with(axis, total), entries };
};

/** Takes places along one axis. */
function select({ dims, entries }: PartialTensor, axis: number, places: readonly number[]): PartialTensor {
  const length = dims[axis] ?? 1;
  const inner = elementCount(dims.slice(axis + 1));
  const outer = elementCount(dims.slice(0, axis));
  const taken: Dim[] = [];
  for (let row = 0; row < outer; row += 1) {
    for (const place of places) {
      const from = (row * length + place) * inner;
      taken.push(...entries.slice(from, from + inner));
    }
  }
  return { dims: dims.with(axis, places.length), entries: taken };
}

const gather: Evaluator = ({ node, numbers }) => {
  const [data, indices] = [numbers(0), numbers(1)];
  const places = knownNumbers(indices);
  if (data === undefined || indices === undefined || places === undefined) return undefined;
  const axis = axisOf(intOf(node, 'axis', 0), data.dims.length);
  if (axis === undefined) return undefined;
  const within = places
    .map((place) => axisOf(place, data.dims[axis] ?? 0))
    .filter((place) => place !== undefined);
  if (within.length !== places.length) return undefined;
  const { entries } = select(data, axis, within);
  return { dims: data.dims.toSpliced(axis, 1, ...indices.dims), entries };
};

const slice: Evaluator = ({ node, numbers }) => {
  const operand = (name: string, input: number): readonly number[] | undefined =>
    intsOf(node, name) ?? knownNumbers(numbers(input));
  const [starts, ends] = [operand('starts', 1), operand('ends', 2)];
  let tensor = numbers(0);
  if (tensor === undefined || starts === undefined || ends === undefined) return undefined;
  const absent = (input: number): boolean => (node.input[input] ?? '') === '';
  const axes = operand('axes', 3) ?? (absent(3) ? [...starts.keys()] : undefined);
  const steps = operand('steps', 4) ?? (absent(4) ? starts.map(() => 1) : undefined);
  for (const [at, given] of (axes ?? [undefined]).entries()) {
    const axis: number | undefined = given === undefined ? undefined : axisOf(given, tensor.dims.length);
    const [start, end, step] = [starts[at], ends[at], steps?.[at]];
    if (axis === undefined || start === undefined || end === undefined || !step) return undefined;
    const { from, to } = sliceBounds(tensor.dims[axis] ?? 0, start, end, step);
    const places: number[] = [];
    for (let place = from; step > 0 ? place < to : place > to; place += step) places.push(place);
    tensor = select(tensor, axis, places);
  }
  return tensor;
};

/** Keeps the entries in a shape that has been inferred already. */
const relabelled: Evaluator = ({ numbers, shape }) => {
  const data = numbers(0);
  return data === undefined ? undefined : withDims(data, shape);
};

const expand: Evaluator = ({ numbers, shape }) => {
  const data = numbers(0);
  if (data === undefined) return undefined;
  if (data.entries.length !== 1) return withDims(data, shape);
  return { dims: shape, entries: new Array<Dim>(elementCount(shape)).fill(data.entries[0]) };
};

const transpose: Evaluator = ({ node, numbers }) => {
  const data = numbers(0);
  if (data === undefined) return undefined;
  const rank = data.dims.length;
  const perm = intsOf(node, 'perm') ?? data.dims.map((_, axis) => rank - 1 - axis);
  if (perm.length !== rank || axesOf(perm, rank)?.size !== rank) return undefined;
  const dims = perm.map((axis) => data.dims[axis] ?? 1);
  const entries = data.entries.map((_, at) => {
    // The place in the output by axes, then the same place in the input.
    let rest = at;
    const place = new Array<number>(rank).fill(0);
    for (let axis = rank - 1; axis >= 0; axis -= 1) {
      place[perm[axis] ?? 0] = rest % (dims[axis] ?? 1);
      rest = Math.floor(rest / (dims[axis] ?? 1));
    }
    return data.entries[data.dims.reduce((from, dim, axis) => from * dim + (place[axis] ?? 0), 0)];
  });
  return { dims, entries };
};

/** Evaluators of operators that pick and order entries, by operator. */
export const SELECTION: Readonly<Record<string, Evaluator>> = {
  Identity: ({ numbers }) => numbers(0),
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Reshape: relabelled,
  Squeeze: relabelled,
  Unsqueeze: relabelled,
  Flatten: relabelled,
  Expand: expand,
  Transpose: transpose,
};
