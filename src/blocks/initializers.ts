import { SeInjectError } from '../errors.ts';
import type { BlockDefinition, ResolvedOptions, WeightSpec } from './block.ts';
import { type RandomStream, randomStream } from './random.ts';

/** A random initialization. */
interface Recipe {
  /** What it draws, and where it is from. */
  readonly help: string;
  /** Draws the numbers of one weight into an array. */
  readonly fill: (out: Float64Array, weight: WeightSpec, random: RandomStream) => void;
}

type Fans = Pick<WeightSpec, 'fanIn' | 'fanOut'>;

/** Uniform weights; the biases are zero unless they have a bound of their own. */
function uniform(
  help: string,
  bound: (fans: Fans) => number,
  biasBound: (fans: Fans) => number = () => 0,
): Recipe {
  return {
    help,
    fill: (out, weight, random) => {
      const limit = (weight.role === 'bias' ? biasBound : bound)(weight);
      if (limit !== 0) random.fillUniform(out, limit);
    },
  };
}

/** Normal weights; the biases are zero unless they have a bound of their own. */
function normal(
  help: string,
  deviation: (fans: Fans) => number,
  biasBound: (fans: Fans) => number = () => 0,
): Recipe {
  return {
    help,
    fill: (out, weight, random) => {
      if (weight.role !== 'bias') random.fillNormal(out, deviation(weight));
      else if (biasBound(weight) !== 0) random.fillUniform(out, biasBound(weight));
    },
  };
}

const torchBound = ({ fanIn }: Fans): number => 1 / Math.sqrt(fanIn);
const heFanOut = ({ fanOut }: Fans): number => Math.sqrt(2 / fanOut);

/** The random initializations by name. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  'kaiming-uniform': uniform(
    "PyTorch's default for convolutions: U(±1/sqrt(fan-in)), biases too",
    torchBound,
    torchBound,
  ),
  'kaiming-normal': normal(
    'He et al. 2015, fan-out, for ReLU: N(0, 2/fan-out), biases 0 (timm, torchvision)',
    heFanOut,
  ),
  timm: normal(
    'timm ResNet: weights N(0, 2/fan-out), biases as PyTorch starts them, U(±1/sqrt(fan-in))',
    heFanOut,
    torchBound,
  ),
  torchvision: normal('torchvision: weights N(0, 2/fan-out), biases 0', heFanOut),
  'xavier-uniform': uniform(
    'Glorot and Bengio 2010: U(±sqrt(6/(fan-in + fan-out))), biases 0 (Keras)',
    ({ fanIn, fanOut }) => Math.sqrt(6 / (fanIn + fanOut)),
  ),
  'xavier-normal': normal(
    'Glorot and Bengio 2010: N(0, 2/(fan-in + fan-out)), biases 0',
    ({ fanIn, fanOut }) => Math.sqrt(2 / (fanIn + fanOut)),
  ),
  he: normal('the SE paper (He et al. 2015): N(0, 2/fan-in), biases 0', ({ fanIn }) => Math.sqrt(2 / fanIn)),
  normal: normal('N(0, 0.01²), biases 0 (the Caffe SENets); normal(0.02) has another deviation', () => 0.01),
};

/** The initialization that changes nothing; what is free in it is drawn as PyTorch would. */
export const NEUTRAL = 'neutral';

/** The same by a bias that saturates a plain sigmoid or tanh. */
export const NEUTRAL_SATURATED = 'neutral-saturated';

/** The same at the upper corner of a hard sigmoid. */
export const NEUTRAL_HARD = 'neutral-hardsigmoid';

/** What the initializations that change nothing are, in a line each. */
const NEUTRAL_HELP: Readonly<Record<string, string>> = {
  [NEUTRAL]: 'the model computes what it did, and the new weights can be trained',
  [NEUTRAL_SATURATED]:
    'the same with a plain sigmoid or tanh and a bias of 20: its gradient is 0, so training does not move it',
  [NEUTRAL_HARD]:
    'the same with a hard sigmoid and a bias of 3: its upper corner, where the gradient is one-sided or 0',
};

const NEUTRAL_BASE = 'kaiming-uniform';

/** Names of all initializations. */
export const INIT_NAMES: readonly string[] = [...Object.keys(NEUTRAL_HELP), ...Object.keys(RECIPES)];

/** One line on an initialization, for help. */
export function initHelp(name: string): string {
  return NEUTRAL_HELP[name] ?? recipeNamed(name).help;
}

/** Whether an initialization is to change nothing. */
export function isNeutralInit(init: string): boolean {
  return Object.hasOwn(NEUTRAL_HELP, init);
}

/**
 * Checks an initialization before anything is drawn: throws `blocks/invalid-option` for an unknown one, and for a
 * neutral one where the block has none with these options.
 */
export function checkInit(block: BlockDefinition, options: ResolvedOptions, init: string): void {
  if (!isNeutralInit(init)) {
    recipeNamed(init);
    return;
  }
  neutralFills(block, options, init);
  if (init === NEUTRAL || block.options['gate'] !== undefined) return;
  throw invalidInit(init, `block "${block.name}" has no choice of gates: use "${NEUTRAL}"`, block);
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
  const isNeutral = isNeutralInit(init);
  if (isNeutral) {
    const fill = neutralFills(block, options, init).get(weight.name);
    if (fill !== undefined) return new Float64Array(count).fill(fill);
  }
  const recipe = recipeNamed(isNeutral ? NEUTRAL_BASE : init);
  if (weight.start !== undefined) return new Float64Array(count).fill(weight.start);
  const numbers = new Float64Array(count);
  recipe.fill(numbers, weight, randomStream(seed, `${label}/${weight.name}`));
  return weight.transposed === true ? transpose(numbers, weight.dims) : numbers;
}

function recipeNamed(init: string): Recipe {
  const recipe = Object.hasOwn(RECIPES, init) ? RECIPES[init] : undefined;
  if (recipe !== undefined) return recipe;
  const [, deviation] = /^normal\((\d+(?:\.\d+)?(?:e-?\d+)?)\)$/.exec(init) ?? [];
  if (deviation !== undefined && Number.isFinite(Number(deviation))) {
    return normal(`N(0, ${deviation}²), biases 0`, () => Number(deviation));
  }
  throw new SeInjectError(
    'blocks/invalid-option',
    `unknown initialization "${init}": use one of ${INIT_NAMES.join(', ')}`,
    { details: { option: 'init', value: init } },
  );
}

function neutralFills(
  block: BlockDefinition,
  options: ResolvedOptions,
  init: string,
): ReadonlyMap<string, number> {
  const fills = block.neutral(options);
  if (fills !== undefined) return fills;
  throw invalidInit(
    init,
    `block "${block.name}" has no initialization that changes nothing with these options: choose another "init"`,
    block,
  );
}

function invalidInit(init: string, message: string, block: BlockDefinition): SeInjectError {
  const details = { option: 'init', value: init, block: block.name };
  return new SeInjectError('blocks/invalid-option', message, { details });
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
