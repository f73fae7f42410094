import { isSeInjectError } from '../errors.ts';
import { DataType, type DataTypeNumber, isFloating } from '../onnx/data-type.ts';
import type { Dim, NodeProto, TensorProto } from '../onnx/model-file.ts';
import { elementCount, inlineNumbers } from '../onnx/tensor-data.ts';
import { axesOf, axisOf, multiplyDims } from './shapes/dims.ts';
import { intOf, intsOf } from './shapes/rule.ts';
import { sliceBounds } from './shapes/slicing.ts';
import type { PartialTensor, ValueType } from './types.ts';
import { type GraphView, producerOf, type ValueId } from './view.ts';

/** More entries than this are data, not a shape. */
export const ENTRY_LIMIT = 128;

/** What is known of a node before its first output's numbers are worked out. */
export interface Evaluation {
  readonly node: NodeProto;
  /** What is known of an input's numbers. */
  readonly numbers: (input: number) => PartialTensor | undefined;
  readonly inputs: readonly ValueType[];
  /** The first output's element type. */
  readonly dataType: DataTypeNumber;
  /** The first output's shape. */
  readonly shape: readonly number[];
}

type Evaluator = (evaluation: Evaluation) => PartialTensor | undefined;

/** Works out what can be known of the numbers of a node's first output. */
export function evaluatePartially(evaluation: Evaluation): PartialTensor | undefined {
  const { node } = evaluation;
  if (node.domain !== '') return undefined;
  const tensor = EVALUATORS.get(node.opType)?.(evaluation);
  return tensor === undefined || tensor.entries.length > ENTRY_LIMIT ? undefined : tensor;
}

/** The numbers of a tensor in the file, where they are few; nothing for a damaged one. */
export function tensorNumbers(tensor: TensorProto): PartialTensor | undefined {
  const { dims } = tensor;
  if (dims.some((dim) => dim < 0) || elementCount(dims) > ENTRY_LIMIT) return undefined;
  try {
    const numbers = inlineNumbers(tensor);
    return numbers === undefined ? undefined : { dims, entries: [...numbers] };
  } catch (error) {
    // Whoever needs these numbers for an edit meets the error; a shape is merely not known.
    if (isSeInjectError(error)) return undefined;
    throw error;
  }
}

/** The numbers of a weight or a Constant, where they are few. */
export function constantNumbers(view: GraphView, value: ValueId): PartialTensor | undefined {
  const initializer = view.initializers.get(value);
  if (initializer !== undefined) return tensorNumbers(initializer);
  const node = producerOf(view, value);
  return node?.opType === 'Constant' ? constantEntries(node) : undefined;
}

const list = (entries: readonly Dim[]): PartialTensor => ({ dims: [entries.length], entries });
const scalar = (entry: Dim): PartialTensor => ({ dims: [], entries: [entry] });

function constantEntries(node: NodeProto): PartialTensor | undefined {
  for (const { name, t, i, f, ints, floats, elided } of node.attribute.values()) {
    if (elided) return undefined;
    if (name === 'value') return t === undefined ? undefined : tensorNumbers(t);
    if (name === 'value_int') return scalar(i);
    if (name === 'value_float') return scalar(f);
    if (name === 'value_ints') return list(ints);
    if (name === 'value_floats') return list(floats);
  }
  return undefined;
}

const shapeOf: Evaluator = ({ node, inputs }) => {
  const dims = inputs[0]?.shape;
  return dims === undefined
    ? undefined
    : list(dims.slice(intOf(node, 'start', 0), intOf(node, 'end', dims.length)));
};

const size: Evaluator = ({ inputs }) => {
  const dims = inputs[0]?.shape;
  return dims === undefined ? undefined : scalar(multiplyDims(dims));
};

const constantOfShape: Evaluator = ({ node, numbers }) => {
  const dims = knownNumbers(numbers(0));
  if (dims === undefined || dims.some((dim) => dim < 0) || elementCount(dims) > ENTRY_LIMIT) return undefined;
  const value = node.attribute.get('value')?.t;
  const fill = value === undefined ? 0 : tensorNumbers(value)?.entries[0];
  return { dims, entries: new Array<Dim>(elementCount(dims)).fill(fill) };
};

const range: Evaluator = ({ numbers }) => {
  const [start, limit, delta] = [0, 1, 2].map((input) => numbers(input)?.entries[0]);
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number') return undefined;
  const count = Math.ceil((limit - start) / delta);
  if (!(count <= ENTRY_LIMIT)) return undefined;
  return list(Array.from({ length: Math.max(0, count) }, (_, index) => start + index * delta));
};

const cast: Evaluator = ({ numbers, dataType }) =>
  mapEntries(numbers(0), (entry) => castEntry(entry, dataType));

function castEntry(entry: Dim, dataType: DataTypeNumber): Dim {
  if (typeof entry !== 'number') return entry;
  if (dataType === DataType.BOOL) return entry === 0 ? 0 : 1;
  if (dataType === DataType.FLOAT) return Math.fround(entry);
  return isFloating(dataType) ? entry : Math.trunc(entry);
}

function mapEntries(
  tensor: PartialTensor | undefined,
  change: (entry: Dim) => Dim,
): PartialTensor | undefined {
  return tensor === undefined ? undefined : { dims: tensor.dims, entries: tensor.entries.map(change) };
}

/** Arithmetic on numbers; a symbol, being a size, passes where the operation changes no size. */
function unary(compute: (a: number) => number, keepsSizes = false): Evaluator {
  return ({ numbers, dataType }) =>
    mapEntries(numbers(0), (a) =>
      typeof a === 'number' ? castEntry(compute(a), dataType) : keepsSizes ? a : undefined,
    );
}

/** Arithmetic on two tensors of one shape, or on a tensor and a single number. */
function binary(compute: (a: number, b: number) => number, symbolic: (a: Dim, b: Dim) => Dim): Evaluator {
  return ({ numbers, dataType }) => {
    const [a, b] = [numbers(0), numbers(1)];
    if (a === undefined || b === undefined) return undefined;
    return broadcastEntries([a, b], ([left, right]) =>
      typeof left === 'number' && typeof right === 'number'
        ? castEntry(compute(left, right), dataType)
        : symbolic(left, right),
    );
  };
}

function broadcastEntries(
  tensors: readonly PartialTensor[],
  combine: (entries: readonly Dim[]) => Dim,
): PartialTensor | undefined {
  const [widest] = [...tensors].sort(
    (a, b) => b.entries.length - a.entries.length || b.dims.length - a.dims.length,
  );
  const fits = tensors.every(
    ({ dims, entries }) => entries.length === 1 || dims.join() === widest?.dims.join(),
  );
  if (widest === undefined || !fits) return undefined;
  const entries = widest.entries.map((_, at) =>
    combine(tensors.map((tensor) => tensor.entries[tensor.entries.length === 1 ? 0 : at])),
  );
  return { dims: widest.dims, entries };
}

const flag = (truth: boolean): number => (truth ? 1 : 0);
const none = (): Dim => undefined;

/** A size is never negative, so it differs from any number that is. */
function equalSymbol(a: Dim, b: Dim): Dim {
  if (typeof a === 'string' && a === b) return 1;
  return [a, b].some((entry) => typeof entry === 'number' && entry < 0) &&
    [a, b].some((entry) => typeof entry === 'string')
    ? 0
    : undefined;
}

const where: Evaluator = ({ numbers }) => {
  const tensors = [0, 1, 2].map(numbers).filter((tensor) => tensor !== undefined);
  if (tensors.length !== 3) return undefined;
  return broadcastEntries(tensors, ([condition, a, b]) =>
    condition === undefined ? (a === b ? a : undefined) : condition === 0 ? b : a,
  );
};

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
  if (axis === undefined || places.length * data.entries.length > ENTRY_LIMIT ** 2) return undefined;
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
  return data === undefined ? undefined : withShape(data, shape);
};

const expand: Evaluator = ({ numbers, shape }) => {
  const data = numbers(0);
  if (data === undefined) return undefined;
  if (data.entries.length !== 1) return withShape(data, shape);
  return { dims: shape, entries: new Array<Dim>(elementCount(shape)).fill(data.entries[0]) };
};

function withShape({ entries }: PartialTensor, dims: readonly Dim[]): PartialTensor | undefined {
  const known = dims.filter((dim) => typeof dim === 'number');
  return known.length === dims.length && elementCount(known) === entries.length
    ? { dims: known, entries }
    : undefined;
}

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

const product: Evaluator = ({ node, numbers }) => {
  const data = numbers(0);
  if (data?.dims.length !== 1) return undefined;
  const entry = multiplyDims(data.entries);
  return intOf(node, 'keepdims', 1) === 0 ? scalar(entry) : list([entry]);
};

/** All entries as numbers, or nothing. */
function knownNumbers(tensor: PartialTensor | undefined): readonly number[] | undefined {
  const known = tensor?.entries.filter((entry) => typeof entry === 'number');
  return known?.length === tensor?.entries.length ? known : undefined;
}

const EVALUATORS: ReadonlyMap<string, Evaluator> = new Map<string, Evaluator>([
  ['Constant', ({ node }) => constantEntries(node)],
  ['Shape', shapeOf],
  ['Size', size],
  ['ConstantOfShape', constantOfShape],
  ['Range', range],
  ['Identity', ({ numbers }) => numbers(0)],
  ['Cast', cast],
  ['CastLike', cast],
  ['Floor', unary(Math.floor, true)],
  ['Ceil', unary(Math.ceil, true)],
  ['Abs', unary(Math.abs, true)],
  ['Neg', unary((a) => -a)],
  ['Not', unary((a) => flag(a === 0))],
  [
    'Add',
    binary(
      (a, b) => a + b,
      (a, b) => (a === 0 ? b : b === 0 ? a : undefined),
    ),
  ],
  [
    'Sub',
    binary(
      (a, b) => a - b,
      (a, b) => (b === 0 ? a : a !== undefined && a === b ? 0 : undefined),
    ),
  ],
  [
    'Mul',
    binary(
      (a, b) => a * b,
      (a, b) => multiplyDims([a, b]),
    ),
  ],
  [
    'Div',
    binary(
      (a, b) => a / b,
      (a, b) => (b === 1 ? a : a !== undefined && a === b ? 1 : undefined),
    ),
  ],
  ['Mod', binary((a, b) => a - Math.floor(a / b) * b, none)],
  ['Min', binary(Math.min, (a, b) => (a === b ? a : undefined))],
  ['Max', binary(Math.max, (a, b) => (a === b ? a : undefined))],
  ['Equal', binary((a, b) => flag(a === b), equalSymbol)],
  ['Less', binary((a, b) => flag(a < b), none)],
  ['Greater', binary((a, b) => flag(a > b), none)],
  [
    'And',
    binary(
      (a, b) => flag(a !== 0 && b !== 0),
      (a, b) => (a === 0 || b === 0 ? 0 : undefined),
    ),
  ],
  [
    'Or',
    binary(
      (a, b) => flag(a !== 0 || b !== 0),
      (a, b) => (a === 1 || b === 1 ? 1 : undefined),
    ),
  ],
  ['Where', where],
  ['Concat', concat],
  ['Gather', gather],
  ['Slice', slice],
  ['Reshape', relabelled],
  ['Squeeze', relabelled],
  ['Unsqueeze', relabelled],
  ['Flatten', relabelled],
  ['Expand', expand],
  ['Transpose', transpose],
  ['ReduceProd', product],
]);
