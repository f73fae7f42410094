import type { Dim } from '../../onnx/model-file.ts';

/** A shape, or nothing where not even the rank is known. */
export type Shape = readonly Dim[] | undefined;

/** More axes than any tensor has: what claims more is damaged or hostile. */
export const RANK_LIMIT = 32;

/** The axis as counted from the front, or nothing where the shape has no such axis. */
export function axisOf(axis: number, rank: number): number | undefined {
  const front = axis < 0 ? axis + rank : axis;
  return Number.isInteger(front) && front >= 0 && front < rank ? front : undefined;
}

/** The axes as counted from the front, or nothing where the shape lacks one of them. */
export function axesOf(axes: readonly number[], rank: number): ReadonlySet<number> | undefined {
  const front = axes.map((axis) => axisOf(axis, rank));
  return front.every((axis) => axis !== undefined) ? new Set(front) : undefined;
}

/** A shape of that many axes with nothing known of their sizes. */
export function unknownDims(rank: Dim): Shape {
  if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 0 || rank > RANK_LIMIT) return undefined;
  return new Array<Dim>(rank).fill(undefined);
}

/** The same axes, the sizes of some replaced. */
export function withDims(shape: readonly Dim[], replaced: ReadonlyMap<number, Dim>): readonly Dim[] {
  return shape.map((dim, axis) => (replaced.has(axis) ? replaced.get(axis) : dim));
}

/** A size made longer or shorter. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a === 0) return b;
  return b === 0 ? a : undefined;
}

/** A product of sizes; a symbol survives beside ones. */
export function multiplyDims(dims: readonly Dim[]): Dim {
  let product: Dim = 1;
  for (const dim of dims) {
    if (dim === 0) return 0;
    if (dim === 1) continue;
    if (product === 1) product = dim;
    else product = typeof product === 'number' && typeof dim === 'number' ? product * dim : undefined;
  }
  return product;
}

/** What two statements about one size come to: a number before a symbol before nothing. */
export function mergeDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return a ?? b;
}

/** One axis of two shapes that are broadcast against each other. */
export function broadcastDims(a: Dim, b: Dim): Dim {
  if (a === b) return a;
  if (a === 1) return b;
  if (b === 1) return a;
  if (typeof a === 'number') return typeof b === 'number' ? undefined : a;
  // A size that is not 1 decides, whatever the other one turns out to be.
  return typeof b === 'number' ? b : undefined;
}

/** Shapes broadcast against each other from the last axis on (numpy's rule, ONNX "Broadcasting"). */
export function broadcastShapes(shapes: readonly Shape[]): Shape {
  let result: readonly Dim[] = [];
  for (const shape of shapes) {
    if (shape === undefined) return undefined;
    result = shape.length > result.length ? stretch(shape, result) : stretch(result, shape);
  }
  return result;
}

function stretch(long: readonly Dim[], short: readonly Dim[]): readonly Dim[] {
  const offset = long.length - short.length;
  // Mostly nothing is stretched.
  if (short.every((dim, axis) => dim === 1 || dim === long[axis + offset])) return long;
  return long.map((dim, axis) => (axis < offset ? dim : broadcastDims(dim, short[axis - offset])));
}
