import { randomStream } from '../blocks/random.ts';
import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import { resolveShapes, type ShapeOptions } from './input-shapes.ts';
import { type InputRegime, makeTensor } from './input-values.ts';
import { checkFeeds, type RuntimeTensor, type RuntimeTensors, type RuntimeValue } from './runtime.ts';

export { feedsFromArrays, type GivenArray } from './input-arrays.ts';
export {
  parseShapeOption,
  resolveShapes,
  type ShapeOptions,
  SPATIAL_SIZES,
  spatialAlternatives,
} from './input-shapes.ts';
export type { InputRegime } from './input-values.ts';

/** The regimes in the order in which to try them. */
export const INPUT_REGIMES: readonly [InputRegime, ...InputRegime[]] = ['normal', 'unit', 'byte', 'zeros'];

/** How inputs are made. */
export interface FeedOptions extends ShapeOptions {
  /** The same seed gives the same bits everywhere. */
  readonly seed: number;
  /** How the numbers are spread. */
  readonly regime: InputRegime;
}

/**
 * Makes inputs for a model: images with structure where an input has the shape of images, small indices, mixed bools.
 *
 * Each input draws from a stream of its own, by its name.
 *
 * @throws SeInjectError `verify/invalid-input` where an input is not a tensor that can be fed, or a given shape does not
 * fit.
 *
 * @example
 * ```ts
 * const inputs: RuntimeValue[] = [{ name: 'x', dataType: 'float32', shape: ['N', 3, 'H', 'W'] }];
 * makeFeeds(inputs, { seed: 1, regime: 'normal' }).get('x')?.dims; // → [1, 3, 224, 224]
 * ```
 */
export function makeFeeds(inputs: readonly RuntimeValue[], options: FeedOptions): RuntimeTensors {
  const { seed, regime } = options;
  const shapes = resolveShapes(inputs, options);
  const feeds = new Map<string, RuntimeTensor>();
  for (const { name, dataType } of inputs) {
    if (dataType === undefined) {
      const message = `input "${formatName(name)}" is of a type that cannot be fed: only tensors of whole bytes can`;
      throw new SeInjectError('verify/invalid-input', message, { details: { name } });
    }
    const stream = randomStream(seed, `input/${name}`);
    feeds.set(name, makeTensor(name, dataType, shapes.get(name) ?? [], regime, stream));
  }
  checkFeeds(inputs, feeds);
  return feeds;
}
