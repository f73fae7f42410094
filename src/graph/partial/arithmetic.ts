import { DataType, type DataTypeNumber, isFloating } from '../../onnx/data-type.ts';
import type { Dim } from '../../onnx/model-file.ts';
import { multiplyDims } from '../shapes/dims.ts';
import { intOf } from '../shapes/rule.ts';
import type { PartialTensor } from '../types.ts';
import { type Evaluator, list, scalar } from './tensor.ts';

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

const and = (a: Dim, b: Dim): Dim => (a === 0 || b === 0 ? 0 : undefined);
const or = (a: Dim, b: Dim): Dim => (a === 1 || b === 1 ? 1 : undefined);
/** What is left of a size beside an operand that changes nothing, or beside itself. */
const sum = (a: Dim, b: Dim): Dim => (a === 0 ? b : b === 0 ? a : undefined);
const difference = (a: Dim, b: Dim): Dim => (b === 0 ? a : a !== undefined && a === b ? 0 : undefined);
const quotient = (a: Dim, b: Dim): Dim => (b === 1 ? a : a !== undefined && a === b ? 1 : undefined);
const same = (a: Dim, b: Dim): Dim => (a === b ? a : undefined);

const where: Evaluator = ({ numbers }) => {
  const tensors = [0, 1, 2].map(numbers).filter((tensor) => tensor !== undefined);
  if (tensors.length !== 3) return undefined;
  return broadcastEntries(tensors, ([condition, a, b]) =>
    condition === undefined ? (a === b ? a : undefined) : condition === 0 ? b : a,
  );
};

const product: Evaluator = ({ node, numbers }) => {
  const data = numbers(0);
  if (data?.dims.length !== 1) return undefined;
  const entry = multiplyDims(data.entries);
  return intOf(node, 'keepdims', 1) === 0 ? scalar(entry) : list([entry]);
};

/** Evaluators of arithmetic, by operator. */
export const ARITHMETIC: Readonly<Record<string, Evaluator>> = {
  Cast: cast,
  CastLike: cast,
  Floor: unary(Math.floor, true),
  Ceil: unary(Math.ceil, true),
  Abs: unary(Math.abs, true),
  Neg: unary((a) => -a),
  Not: unary((a) => flag(a === 0)),
  Add: binary((a, b) => a + b, sum),
  Sub: binary((a, b) => a - b, difference),
  Mul: binary(
    (a, b) => a * b,
    (a, b) => multiplyDims([a, b]),
  ),
  Div: binary((a, b) => a / b, quotient),
  Mod: binary((a, b) => a - Math.floor(a / b) * b, none),
  Min: binary(Math.min, same),
  Max: binary(Math.max, same),
  Equal: binary((a, b) => flag(a === b), equalSymbol),
  Less: binary((a, b) => flag(a < b), none),
  Greater: binary((a, b) => flag(a > b), none),
  And: binary((a, b) => flag(a !== 0 && b !== 0), and),
  Or: binary((a, b) => flag(a !== 0 || b !== 0), or),
  Where: where,
  ReduceProd: product,
};
