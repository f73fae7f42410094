import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import type { RuntimeValue } from './runtime.ts';

/** Sides of the images that networks are made for, in the order in which to try them. */
export const SPATIAL_SIZES: readonly [number, ...number[]] = [224, 256, 320, 640];

/** Elements that a made input may have: a GiB of float32. */
const MAX_ELEMENTS = 2 ** 28;

/** Channels of an image, in an input whose shape does not say. */
const DEFAULT_CHANNELS = 3;

/** The third size from the end of a video or a volume, where it is open. */
const DEFAULT_DEPTH = 16;

/** What exporters write for a size that has no name. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(['', '?', '*', '-1', 'None', 'none', 'unknown', 'dynamic']);

/** How open sizes are filled in. */
export interface ShapeOptions {
  /** Shapes by input, as the user gives them. Their sizes also hold for other inputs with the same symbols. */
  readonly shapes?: ReadonlyMap<string, readonly number[]> | undefined;
  /** An open height, width or length; the first of {@link SPATIAL_SIZES} unless given. */
  readonly defaultSpatial?: number | undefined;
}

/**
 * Gives every input a shape: the user's, else the declared one with its open sizes filled in.
 *
 * A symbol has one size wherever it stands. An open batch is 1, open channels are 3, and all else is `defaultSpatial`.
 *
 * @throws SeInjectError `verify/invalid-input` where a shape does not fit what the model declares.
 *
 * @example
 * ```ts
 * resolveShapes([{ name: 'x', dataType: 'float32', shape: ['N', 3, 'H', 'W'] }]);
 * // → Map { 'x' → [1, 3, 224, 224] }
 * ```
 */
export function resolveShapes(
  inputs: readonly RuntimeValue[],
  options: ShapeOptions = {},
): ReadonlyMap<string, readonly number[]> {
  const { shapes = new Map<string, readonly number[]>(), defaultSpatial = SPATIAL_SIZES[0] } = options;
  const sizes = new Map<string, number>();
  for (const [name, dims] of shapes) {
    const input = inputs.find((one) => one.name === name);
    if (input === undefined) {
      const names = inputs.map((one) => quote(one.name)).join(', ');
      throw invalid(name, `${quote(name)} is no input of the model: it has ${names || 'none'}`);
    }
    bindSymbols(input, dims, sizes);
  }
  return new Map(
    inputs.map((input) => [input.name, checkSize(input, shapes.get(input.name) ?? fill(input.shape ?? []))]),
  );

  function fill(shape: readonly (number | string)[]): readonly number[] {
    return shape.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      const isSymbol = hasName(shape, dim);
      const size = (isSymbol ? sizes.get(dim) : undefined) ?? sizeOf(shape, axis, defaultSpatial);
      if (isSymbol) sizes.set(dim, size);
      return size;
    });
  }
}

/**
 * The sizes to try for open heights, widths and lengths: all of {@link SPATIAL_SIZES}, or one where no shape depends on it.
 */
export function spatialAlternatives(
  inputs: readonly RuntimeValue[],
  shapes?: ReadonlyMap<string, readonly number[]>,
): readonly number[] {
  const [first, second = first] = SPATIAL_SIZES;
  const text = (defaultSpatial: number): string =>
    JSON.stringify([...resolveShapes(inputs, { shapes, defaultSpatial })]);
  return text(first) === text(second) ? [first] : SPATIAL_SIZES;
}

/**
 * Reads the command line's way of giving a shape.
 *
 * @throws SeInjectError `verify/invalid-input`.
 *
 * @example
 * ```ts
 * parseShapeOption('input=1x3x224x224'); // → { name: 'input', dims: [1, 3, 224, 224] }
 * ```
 */
export function parseShapeOption(text: string): { readonly name: string; readonly dims: readonly number[] } {
  // Names may hold "=", sizes do not.
  const equals = text.lastIndexOf('=');
  const name = text.slice(0, Math.max(equals, 0));
  const sizes = text.slice(equals + 1).trim();
  const dims = sizes.split(/[x,]/i).map((size) => (/^\s*\d+\s*$/.test(size) ? Number(size) : Number.NaN));
  if (name === '' || dims.some((dim) => !Number.isSafeInteger(dim) || dim < 1)) {
    throw invalid(
      name,
      `cannot read the shape ${quote(text)}: write it as name=1x3x224x224, sizes being whole numbers from 1`,
    );
  }
  return { name, dims };
}

/** Takes the sizes that a given shape fixes for the symbols of an input. */
function bindSymbols(input: RuntimeValue, dims: readonly number[], sizes: Map<string, number>): void {
  const { name, shape } = input;
  const given = `input ${quote(name)} is given the shape [${dims.join(', ')}]`;
  if (dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0))
    throw invalid(name, `${given}: sizes are whole numbers`);
  if (shape === undefined) return;
  const fits =
    dims.length === shape.length && shape.every((dim, axis) => typeof dim === 'string' || dim === dims[axis]);
  if (!fits)
    throw invalid(name, `${given}: the model declares [${shape.map((dim) => dim || '?').join(', ')}]`);
  for (const [axis, dim] of shape.entries()) {
    const size = dims[axis];
    if (typeof dim === 'number' || size === undefined || !hasName(shape, dim)) continue;
    const bound = sizes.get(dim);
    if (bound !== undefined && bound !== size)
      throw invalid(name, `${given}: ${quote(dim)} is ${size} in it and ${bound} elsewhere`);
    sizes.set(dim, size);
  }
}

/** Whether a dimension's text names a size: a placeholder does not, nor does one that is the batch and the height too. */
function hasName(shape: readonly (number | string)[], dim: string): boolean {
  return !PLACEHOLDERS.has(dim) && !(shape[0] === dim && shape.lastIndexOf(dim) > 0);
}

/** A size for an open dimension, by its name where that says what it is, else by its place. */
function sizeOf(shape: readonly (number | string)[], axis: number, spatial: number): number {
  const rank = shape.length;
  const name = String(shape[axis]);
  if (/batch|^(n|b|bs)$/i.test(name)) return 1;
  if (/chan|^(c|ch)$/i.test(name)) return DEFAULT_CHANNELS;
  if (/height|width|^(h|w)$/i.test(name)) return spatial;
  if (axis === 0) return 1;
  if (rank < 4) return spatial;
  // Channels last, where the last size is that of an image.
  const last = shape[rank - 1];
  const channelAxis = last === 1 || last === 3 || last === 4 ? rank - 1 : 1;
  if (axis === channelAxis) return DEFAULT_CHANNELS;
  return rank > 4 && axis === (channelAxis === 1 ? 2 : 1) ? DEFAULT_DEPTH : spatial;
}

function checkSize(input: RuntimeValue, dims: readonly number[]): readonly number[] {
  if (dims.reduce((product, dim) => product * dim, 1) <= MAX_ELEMENTS) return dims;
  throw invalid(
    input.name,
    `input ${quote(input.name)} of shape [${dims.join(', ')}] has more than ${MAX_ELEMENTS} elements: give a smaller shape`,
  );
}

function invalid(name: string, message: string): SeInjectError {
  return new SeInjectError('verify/invalid-input', message, { details: { name } });
}

function quote(name: string): string {
  return `"${formatName(name)}"`;
}
