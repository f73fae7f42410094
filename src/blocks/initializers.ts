import { SeInjectError } from '../errors.ts';
import type { BlockDefinition, ResolvedOptions, WeightSpec } from './block.ts';
import { type RandomStream, randomStream } from './random.ts';

/** A random initialization. */
interface Recipe {
  /** What it draws, and where it is from. */
  readonly help: string;
  /** Gives the function that draws the numbers of one weight, one after another. */
  readonly draw: (weight: WeightSpec, random: RandomStream) => () => number;
}

const zero = (): number => 0;

const uniformWithin =
  (bound: (weight: WeightSpec) => number): Recipe['draw'] =>
  (weight, random) => {
    const limit = bound(weight);
    return () => (2 * random.uniform() - 1) * limit;
  };

/** The random initializations by name. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  'kaiming-uniform': {
    help: "PyTorch's default for convolutions: U(±1/sqrt(fan-in)), biases too",
    draw: uniformWithin(({ fanIn }) => 1 / Math.sqrt(fanIn)),
  },
  'kaiming-normal': {
    help: 'He et al. 2015, fan-out, for ReLU: N(0, 2/fan-out), biases 0 (timm, torchvision)',
    draw: (weight, random) => {
      if (weight.role === 'bias') return zero;
      const deviation = Math.sqrt(2 / weight.fanOut);
      return () => random.normal() * deviation;
    },
  },
  'xavier-uniform': {
    help: 'Glorot and Bengio 2010: U(±sqrt(6/(fan-in + fan-out))), biases 0 (Keras)',
    draw: (weight, random) => {
      if (weight.role === 'bias') return zero;
      return uniformWithin(({ fanIn, fanOut }) => Math.sqrt(6 / (fanIn + fanOut)))(weight, random);
    },
  },
};

/** The initialization that changes nothing; what is free in it is drawn as PyTorch would. */
export const NEUTRAL = 'neutral';

const NEUTRAL_BASE = 'kaiming-uniform';

/** Names of all initializations. */
export const INIT_NAMES: readonly string[] = [NEUTRAL, ...Object.keys(RECIPES)];

/**
 * Checks an initialization before anything is drawn: throws `blocks/invalid-option` for an unknown one, and for
 * `neutral` where the block has none with these options.
 */
export function checkInit(block: BlockDefinition, options: ResolvedOptions, init: string): void {
  if (init === NEUTRAL) neutralFills(block, options);
  else recipeNamed(init);
}

/**
 * Draws the numbers of one weight: [outputs, inputs] order, or its transpose where the weight says so.
 *
 * The same seed, label, recipe and weight give the same numbers on every platform. Throws what {@link checkInit} does.
 */
export function drawWeight(
  block: BlockDefinition,
  options: ResolvedOptions,
  weight: WeightSpec,
  init: string,
  seed: number,
  label: string,
): Float64Array {
  const count = weight.dims.reduce((product, dim) => product * dim, 1);
  if (weight.value !== undefined) return Float64Array.from(weight.value);
  if (init === NEUTRAL) {
    const fill = neutralFills(block, options).get(weight.name);
    if (fill !== undefined) return new Float64Array(count).fill(fill);
  }
  const recipe = recipeNamed(init === NEUTRAL ? NEUTRAL_BASE : init);
  const draw = recipe.draw(weight, randomStream(seed, `${label}/${weight.name}`));
  const numbers = new Float64Array(count);
  for (let at = 0; at < count; at += 1) numbers[at] = draw();
  return weight.transposed === true ? transpose(numbers, weight.dims) : numbers;
}

function recipeNamed(init: string): Recipe {
  const recipe = Object.hasOwn(RECIPES, init) ? RECIPES[init] : undefined;
  if (recipe !== undefined) return recipe;
  throw new SeInjectError(
    'blocks/invalid-option',
    `unknown initialization "${init}": use one of ${INIT_NAMES.join(', ')}`,
    { details: { option: 'init', value: init } },
  );
}

function neutralFills(block: BlockDefinition, options: ResolvedOptions): ReadonlyMap<string, number> {
  const fills = block.neutral(options);
  if (fills !== undefined) return fills;
  throw new SeInjectError(
    'blocks/invalid-option',
    `block "${block.name}" has no initialization that changes nothing with these options: choose another "init"`,
    { details: { option: 'init', value: NEUTRAL, block: block.name } },
  );
}

/** Stores numbers drawn in [outputs, inputs] order as [inputs, outputs]: `dims` are the stored ones. */
function transpose(numbers: Float64Array, dims: readonly number[]): Float64Array {
  const [inputs = 1, outputs = 1] = dims;
  const stored = new Float64Array(numbers.length);
  for (let output = 0; output < outputs; output += 1) {
    for (let input = 0; input < inputs; input += 1) {
      stored[input * outputs + output] = numbers[output * inputs + input] ?? 0;
    }
  }
  return stored;
}
