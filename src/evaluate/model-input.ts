import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import type { RuntimeDataType, RuntimeValue } from '../verify/index.ts';

/** What a model wants to be fed, one sample at a time. */
export interface ModelInput {
  readonly name: string;
  readonly dataType: Exclude<RuntimeDataType, 'string' | 'bool'>;
  /** The batch that the model is fixed to; null where it takes any. */
  readonly batch: number | null;
  /** Sizes of one sample as declared; null where one is open. */
  readonly dims: readonly (number | null)[];
  /** `nchw` and `nhwc` are images; `plain` is whatever has another shape and is fed as it is. */
  readonly layout: 'nchw' | 'nhwc' | 'plain';
}

/**
 * Reads off what a model wants: its one input, where the channels are, and which sizes it leaves open.
 *
 * Throws `evaluate/unsupported-model` for a model with several inputs, or one that takes no numbers.
 *
 * @example
 * ```ts
 * modelInput([{ name: 'x', dataType: 'float32', shape: ['N', 1, 28, 28] }]);
 * // → { name: 'x', dataType: 'float32', batch: null, dims: [1, 28, 28], layout: 'nchw' }
 * ```
 */
export function modelInput(inputs: readonly RuntimeValue[]): ModelInput {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${formatName(name)}"`).join(', ');
    throw unsupported(`the model has ${inputs.length} inputs (${names || 'none'}), and only one can be fed`);
  }
  const { name, dataType, shape } = input;
  if (dataType === undefined || dataType === 'string' || dataType === 'bool')
    throw unsupported(`input "${formatName(name)}" of type ${dataType ?? 'unknown'} takes no numbers`);
  if (shape === undefined || shape.length === 0)
    throw unsupported(`input "${formatName(name)}" declares no shape: export the model with one`);
  const [first, ...rest] = shape;
  const dims = rest.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : null));
  return {
    name,
    dataType,
    batch: typeof first === 'number' && first > 0 ? first : null,
    dims,
    layout: layoutOf(dims),
  };
}

/** Channels of images: grey, colour, colour with an alpha. */
function isChannels(dim: number | null | undefined): boolean {
  return dim === 1 || dim === 3 || dim === 4;
}

function layoutOf(dims: readonly (number | null)[]): ModelInput['layout'] {
  if (dims.length !== 3) return 'plain';
  if (isChannels(dims[0])) return 'nchw';
  return isChannels(dims[2]) ? 'nhwc' : dims[0] === null ? 'nchw' : 'plain';
}

function unsupported(message: string): SeInjectError {
  return new SeInjectError('evaluate/unsupported-model', message);
}
