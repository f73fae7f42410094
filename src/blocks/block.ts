import { SeInjectError } from '../errors.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';
import type { AttributeValue } from '../onnx/encode.ts';
import type { SiteKind } from '../sites/site.ts';

/** What a block may know of the place it goes to. */
export interface BlockSite {
  /** The family of the block around it. */
  readonly kind: SiteKind;
  /** Channels of the tapped value. */
  readonly channels: number;
  /** 1, or the last axis. */
  readonly channelAxis: number;
  /** Axes of the tapped value, batch and channels included. */
  readonly rank: number;
  /** Element type of the tapped value. */
  readonly dataType: DataTypeNumber;
  /** Version of ONNX's operator set that the model imports. */
  readonly opset: number;
  /** Spatial sizes, where all are known. */
  readonly spatial: readonly number[] | null;
  /** Channels of the input of the block around it, where known. */
  readonly inputChannels: number | undefined;
  /** Channels of its output, where known. */
  readonly outputChannels: number | undefined;
}

/** A value that an option can take. */
export type OptionValue = number | boolean | string;

/** One option of a block: also a command-line option. */
export interface OptionDefinition {
  /** What its values are. */
  readonly type: 'number' | 'boolean' | 'choice';
  /** `'auto'` is a default that depends on the site or the initialization; the help says how. */
  readonly default: OptionValue;
  /** One line for the command line's help. */
  readonly help: string;
  /** What a choice may be. */
  readonly choices?: readonly string[];
  /** The least value of a number. */
  readonly minimum?: number;
  /** Numbers without a fraction. */
  readonly integer?: boolean;
}

/** The options of a block with every value decided for one site: nothing is left at `auto`. */
export type ResolvedOptions = Readonly<Record<string, OptionValue>>;

/** A weight of a block. */
export interface WeightSpec {
  /** Name within the block: `reduce.weight`. */
  readonly name: string;
  /** Its shape as it is stored. */
  readonly dims: readonly number[];
  /** Inputs of one output of the layer: what initializers scale by, as by the next. */
  readonly fanIn: number;
  /** Outputs that one input of the layer goes to. */
  readonly fanOut: number;
  /** A bias starts at zero in most recipes; a constant is no weight at all (the 2 of `2*sigmoid`, a list of axes). */
  readonly role: 'weight' | 'bias' | 'constant';
  /** The numbers of a constant. */
  readonly value?: readonly number[];
  /** Element type, where it is not the tapped value's. */
  readonly dataType?: DataTypeNumber;
  /** What it starts at whatever the initialization: 1 for the scale of a normalization. */
  readonly start?: number;
  /** Set where the weight is stored as the transpose of [outputs, inputs], as MatMul wants it. */
  readonly transposed?: boolean;
}

/** A node of a block, by names that are local to the block; its one output has the node's own name. */
export interface NodeSpec {
  /** `squeeze`, `reduce`, `act`, `expand`, `gate`, `scale`. */
  readonly name: string;
  /** An operator of ONNX's own set, in the version that the site's opset has of it. */
  readonly opType: string;
  /** {@link BLOCK_INPUT}, names of weights, names of nodes before this one. */
  readonly inputs: readonly string[];
  /** Its attributes, by name, in the order in which they are written. */
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

/** The local name of the tapped value. */
export const BLOCK_INPUT = 'x';

/** Features in float64, channels first or last as the site says. */
export interface Features {
  /** The elements in row-major order. */
  readonly data: Float64Array;
  /** Sizes, outermost first. */
  readonly dims: readonly number[];
}

/** What a block's float64 reference computes from features, [N, ...] as given. */
export interface ReferenceResult {
  /** [N, C] (empty where the block does not squeeze). */
  readonly squeeze: Float64Array;
  /**
   * What the node named `gate` gives: [N, C] for channel gates, [N, positions] for spatial ones, or the features' own
   * shape.
   */
  readonly gate: Float64Array;
  /** The hidden units after their activation, [N, R]; empty where the block has none. */
  readonly hidden: Float64Array;
  /**
   * How far each element of the gate may be off in an arithmetic of unit roundoff u, in units of u: a forward error
   * analysis of the block's sums, each of n terms counting n roundings. Without it, each element may be off by
   * (positions + channels + 64) roundings of the largest gate, or of 1 where that is larger. Where a bound is not finite,
   * nothing is compared, and that is said.
   */
  readonly gateBound?: Float64Array;
  /**
   * What the last node gives, of the features' own shape: needed where it is not the features times a gate of one of
   * the first and the last shape above.
   */
  readonly scaled?: Float64Array;
  /** The same for the scaled features; without it, they have the bound of a gate that is not known, times the features. */
  readonly scaledBound?: Float64Array;
}

/** What a block adds to a network. */
export interface BlockCost {
  /** Weights and biases. */
  readonly parameters: number;
  /** Multiply-accumulates for one sample; nothing where the spatial sizes are not known. */
  readonly macs: number | null;
}

/**
 * A block of channel attention as a plugin: the built-in ones use the same door as a user's own.
 *
 * Every function is pure. `build` returns nodes and never touches the model; `weights` names its tensors; the two are
 * joined by names local to the block.
 */
export interface BlockDefinition {
  /** What `--block` takes, and what stands in the names of its nodes. */
  readonly name: string;
  /** Raised when the graph that `build` gives for the same options changes. */
  readonly version: number;
  /** One line: what it is and where it was published. */
  readonly description: string;
  /** The options by name, which are command-line options too. */
  readonly options: Readonly<Record<string, OptionDefinition>>;
  /**
   * Decides what is `auto`, for one site; what is decided stays as it is. Throws `blocks/invalid-option` where options
   * do not go together.
   */
  resolve(options: ResolvedOptions, site: BlockSite, init: string): ResolvedOptions;
  /** The weights, in the order in which they are numbered and initialized. */
  weights(site: BlockSite, options: ResolvedOptions): readonly WeightSpec[];
  /** The nodes, sorted; the last one gives the scaled features. */
  build(site: BlockSite, options: ResolvedOptions): readonly NodeSpec[];
  /** What the block adds to the network. */
  cost(site: BlockSite, options: ResolvedOptions): BlockCost;
  /** The weights that make the block change nothing, each filled with one number, or nothing where none do. */
  neutral(options: ResolvedOptions): ReadonlyMap<string, number> | undefined;
  /** Computes the block in float64, by code that shares nothing with `build`. */
  reference?(
    features: Features,
    weights: ReadonlyMap<string, Float64Array>,
    site: BlockSite,
    options: ResolvedOptions,
  ): ReferenceResult;
}

/**
 * Declares a block; the one door for built-in blocks and for users' own.
 *
 * Throws `blocks/invalid-definition` for a definition that is not one, and says all that is wrong with it.
 *
 * @example
 * ```ts
 * export const se: BlockDefinition = defineBlock({ name: 'se', version: 1, ... });
 * ```
 */
export function defineBlock(definition: BlockDefinition): BlockDefinition {
  const problems = problemsOf(definition);
  if (problems.length === 0) return Object.freeze(definition);
  const name = isObject(definition) ? ` "${String(definition['name'])}"` : '';
  throw new SeInjectError('blocks/invalid-definition', `block${name} is no block: ${problems.join('; ')}`, {
    details: { problems },
  });
}

const FUNCTIONS = ['resolve', 'weights', 'build', 'cost', 'neutral'];
const KEYS = new Set(['name', 'version', 'description', 'options', ...FUNCTIONS, 'reference']);

function problemsOf(definition: unknown): string[] {
  if (!isObject(definition)) return ['it must be an object'];
  const { name, version, description, options, reference } = definition;
  const problems: string[] = [];
  const demand = (isMet: boolean, problem: string): void => {
    if (!isMet) problems.push(problem);
  };
  demand(
    typeof name === 'string' && /^[a-z][a-z0-9_-]*$/i.test(name),
    '"name" must be a word of letters, digits, - and _',
  );
  demand(Number.isSafeInteger(version) && Number(version) > 0, '"version" must be a whole number from 1 on');
  demand(typeof description === 'string' && description !== '', '"description" must be a line of text');
  for (const key of FUNCTIONS) demand(typeof definition[key] === 'function', `"${key}" must be a function`);
  demand(reference === undefined || typeof reference === 'function', '"reference" must be a function');
  for (const key of Object.keys(definition)) demand(KEYS.has(key), `it has no part "${key}"`);
  if (!isObject(options)) return [...problems, '"options" must be an object'];
  for (const [key, option] of Object.entries(options)) problems.push(...optionProblems(key, option));
  return problems;
}

function optionProblems(key: string, option: unknown): string[] {
  if (!isObject(option)) return [`option "${key}" must be an object`];
  const { type, choices, help } = option;
  const problems: string[] = [];
  if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) problems.push(`option "${key}" must be named in camelCase`);
  if (typeof help !== 'string') problems.push(`option "${key}" must have a line of "help"`);
  const isChoice = type === 'choice';
  const isList = Array.isArray(choices) && choices.every((choice) => typeof choice === 'string');
  if (type !== 'number' && type !== 'boolean' && !isChoice) {
    return [...problems, `option "${key}" must have a "type": number, boolean or choice`];
  }
  if (isChoice !== isList)
    problems.push(`option "${key}" must have "choices" if it is a choice, a list of texts`);
  const value = option['default'];
  const fits = isChoice
    ? typeof value === 'string' && isList && choices.includes(value)
    : typeof value === type;
  if (!fits && value !== 'auto')
    problems.push(`option "${key}" must have a "default" of its type, or "auto"`);
  return problems;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
