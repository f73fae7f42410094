import type { Dim } from '../../onnx/model-file.ts';
import { axesOf, axisOf, broadcastShapes, multiplyDims, type Shape, unknownDims } from './dims.ts';
import {
  intOf,
  intsOf,
  numbersOf,
  operandOf,
  type Rule,
  type RuleTable,
  reshaped,
  textOf,
  typeAt,
} from './rule.ts';

const reshape: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const wanted = operandOf(node, inputs, context, 'shape', 1);
  if (wanted.kind === 'absent') return [reshaped(data, undefined)];
  if (wanted.kind === 'unknown') return [reshaped(data, unknownDims(wanted.count))];
  return [reshaped(data, reshapedDims(data.shape, wanted.entries, intOf(node, 'allowzero', 0) !== 0))];
};

/** The shape that Reshape makes: 0 copies an axis, -1 (or one size that is not known) takes what is left. */
export function reshapedDims(data: Shape, wanted: readonly Dim[], allowZero: boolean): readonly Dim[] {
  const copies = (axis: number): boolean => wanted[axis] === 0 && !allowZero;
  const result = wanted.map((dim, axis) => (copies(axis) ? data?.[axis] : dim === -1 ? undefined : dim));
  const open = wanted.flatMap((dim, axis) =>
    dim === -1 || (dim === undefined && !copies(axis)) ? [axis] : [],
  );
  const [rest] = open;
  if (rest !== undefined && open.length === 1 && data !== undefined) {
    // A copied axis stands on both sides, so it needs no size.
    const before = data.filter((_, axis) => !copies(axis));
    const after = result.filter((_, axis) => axis !== rest && !copies(axis));
    result[rest] = quotient(before, after);
  }
  return result;
}

/** A product of sizes divided by another; symbols cancel, and one may be left over. */
function quotient(numerator: readonly Dim[], denominator: readonly Dim[]): Dim {
  const isNumber = (dim: Dim) => typeof dim === 'number';
  const rest = numerator.filter((dim) => !isNumber(dim));
  for (const dim of denominator) {
    if (isNumber(dim)) continue;
    const at = dim === undefined ? -1 : rest.indexOf(dim);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  const product = multiplyDims(numerator.filter(isNumber));
  const divisor = multiplyDims(denominator.filter(isNumber));
  if (typeof product !== 'number' || typeof divisor !== 'number' || product % divisor !== 0) return undefined;
  return multiplyDims([product / divisor, ...rest]);
}

/** All axes before `axis` become one, all from it on another. */
const flatten: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const given = intOf(node, 'axis', 1);
  if (data.shape === undefined) return [reshaped(data, [undefined, undefined])];
  const rank = data.shape.length;
  const axis = given === rank ? rank : axisOf(given, rank);
  if (axis === undefined) return [reshaped(data, [undefined, undefined])];
  return [reshaped(data, [multiplyDims(data.shape.slice(0, axis)), multiplyDims(data.shape.slice(axis))])];
};

const transpose: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  const perm = intsOf(node, 'perm') ?? shape?.map((_, axis) => shape.length - 1 - axis);
  if (perm === undefined) return [reshaped(data, undefined)];
  const axes = axesOf(perm, perm.length);
  if (axes?.size !== perm.length || (shape !== undefined && shape.length !== perm.length)) {
    return [reshaped(data, unknownDims(shape?.length))];
  }
  return [reshaped(data, shape === undefined ? unknownDims(perm.length) : perm.map((axis) => shape[axis]))];
};

const squeeze: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [reshaped(data, undefined)];
  const operand = operandOf(node, inputs, context, 'axes', 1);
  if (operand.kind === 'absent') {
    const known = shape.every((dim) => typeof dim === 'number');
    return [reshaped(data, known ? shape.filter((dim) => dim !== 1) : undefined)];
  }
  const numbers = numbersOf(operand);
  const gone = numbers === undefined ? undefined : axesOf(numbers, shape.length);
  if (gone !== undefined)
    return [
      reshaped(
        data,
        shape.filter((_, axis) => !gone.has(axis)),
      ),
    ];
  const count = operand.kind === 'unknown' ? operand.count : operand.entries.length;
  return [reshaped(data, unknownDims(count === undefined ? undefined : shape.length - count))];
};

const unsqueeze: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const { shape } = data;
  if (shape === undefined) return [reshaped(data, undefined)];
  const operand = operandOf(node, inputs, context, 'axes', 1);
  const numbers = numbersOf(operand);
  const count = operand.kind === 'unknown' ? operand.count : numbers?.length;
  if (count === undefined) return [reshaped(data, undefined)];
  const added = numbers === undefined ? undefined : axesOf(numbers, shape.length + count);
  if (added?.size !== count) return [reshaped(data, unknownDims(shape.length + count))];
  const kept = shape.values();
  const dims = Array.from({ length: shape.length + count }, (_, axis) =>
    added.has(axis) ? 1 : kept.next().value,
  );
  return [reshaped(data, dims)];
};

const expand: Rule = (node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const wanted = operandOf(node, inputs, context, 'shape', 1);
  if (wanted.kind === 'absent') return [reshaped(data, undefined)];
  if (wanted.kind === 'known') return [reshaped(data, broadcastShapes([data.shape, wanted.entries]))];
  return [reshaped(data, broadcastShapes([data.shape, unknownDims(wanted.count)]))];
};

const tile: Rule = (_node, inputs, context) => {
  const data = typeAt(inputs, 0);
  const repeats = context.numbers(1)?.entries;
  const fits = context.opset >= 6 && repeats?.length === data.shape?.length;
  return [
    reshaped(
      data,
      data.shape?.map((dim, axis) => (fits ? multiplyDims([dim, repeats?.[axis]]) : undefined)),
    ),
  ];
};

/** [N, C * b², H, W] gives [N, C, H * b, W * b]. */
const depthToSpace: Rule = (node, inputs) => {
  const block = intOf(node, 'blocksize', 0);
  const data = typeAt(inputs, 0);
  const [n, c, h, w] = data.shape ?? [];
  return [reshaped(data, [n, divide(c, block * block), multiplyDims([h, block]), multiplyDims([w, block])])];
};

/** [N, C, H, W] gives [N, C * b², H / b, W / b]. */
const spaceToDepth: Rule = (node, inputs) => {
  const block = intOf(node, 'blocksize', 0);
  const data = typeAt(inputs, 0);
  const [n, c, h, w] = data.shape ?? [];
  return [reshaped(data, [n, multiplyDims([c, block * block]), divide(h, block), divide(w, block)])];
};

function divide(dim: Dim, divisor: number): Dim {
  return typeof dim === 'number' && divisor > 0 ? Math.floor(dim / divisor) : undefined;
}

/** A tensor that onnxruntime blocks its channels of (NCHWc); logically still [N, C, H, W], the channels padded. */
const reorderInput: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const last = intOf(node, 'channels_last', 0) !== 0;
  const [n, c, h, w] = last
    ? [data.shape?.[0], data.shape?.[3], ...(data.shape?.slice(1, 3) ?? [])]
    : (data.shape ?? []);
  // Blocks are of 8 or 16 channels, as the machine has it that saved the model.
  return [reshaped(data, [n, typeof c === 'number' && c % 16 === 0 ? c : undefined, h, w])];
};

const reorderOutput: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const channels = intOf(node, 'channels', 0);
  const c = channels > 0 ? channels : undefined;
  const [n, , h, w] = data.shape ?? [];
  return [reshaped(data, intOf(node, 'channels_last', 0) !== 0 ? [n, h, w, c] : [n, c, h, w])];
};

/** Data [N, C, ...] read at the places of a grid [N, ...sizes, 2 or 3]. */
const gridSample: Rule = (_node, inputs) => {
  const data = typeAt(inputs, 0);
  const grid = typeAt(inputs, 1).shape;
  const [n, c] = data.shape ?? [];
  return [
    reshaped(data, grid === undefined ? unknownDims(data.shape?.length) : [n, c, ...grid.slice(1, -1)]),
  ];
};

/** Einsum: sizes by their letters. */
const einsum: Rule = (node, inputs) => {
  const [left = '', right] = textOf(node, 'equation', '').replaceAll(' ', '').split('->');
  const terms = left.split(',');
  const sizes = new Map<string, Dim>();
  const seen = new Map<string, number>();
  for (const [input, term] of terms.entries()) {
    const { shape } = typeAt(inputs, input);
    for (const [axis, letter] of [...term].entries()) {
      seen.set(letter, (seen.get(letter) ?? 0) + 1);
      const known = sizes.get(letter);
      if (shape?.length === term.length && (known === undefined || known === 1))
        sizes.set(letter, shape[axis]);
    }
  }
  const out =
    right ??
    [...seen.keys()]
      .filter((letter) => seen.get(letter) === 1)
      .sort()
      .join('');
  if (left === '' || left.includes('.') || out.includes('.')) return [reshaped(typeAt(inputs, 0), undefined)];
  return [
    reshaped(
      typeAt(inputs, 0),
      [...out].map((letter) => sizes.get(letter)),
    ),
  ];
};

/** Operators that say the same numbers in another shape, or repeat them. */
export const LAYOUT_RULES: RuleTable = {
  ':Reshape': reshape,
  ':Flatten': flatten,
  ':Transpose': transpose,
  ':Squeeze': squeeze,
  ':Unsqueeze': unsqueeze,
  ':Expand': expand,
  ':Tile': tile,
  ':DepthToSpace': depthToSpace,
  ':SpaceToDepth': spaceToDepth,
  ':GridSample': gridSample,
  ':Einsum': einsum,
  'com.microsoft.nchwc:ReorderInput': reorderInput,
  'com.microsoft.nchwc:ReorderOutput': reorderOutput,
};
