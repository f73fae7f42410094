import { DataType } from '../onnx/data-type.ts';
import type { BlockSite, OptionDefinition, ResolvedOptions } from './block.ts';
import { NEUTRAL, NEUTRAL_HARD, NEUTRAL_SATURATED } from './initializers.ts';
import type { Draft } from './layers.ts';
import { invalid } from './options.ts';

/** The activations between the two layers of an excitation. */
export const ACTIVATIONS: readonly string[] = ['relu', 'silu', 'hardswish', 'gelu', 'leakyrelu'];

/** The functions that give a gate; the paper's table 12 has sigmoid, tanh and relu. */
export const GATES: readonly string[] = ['2*sigmoid', 'sigmoid', 'hardsigmoid', 'tanh', 'relu'];

/**
 * The slope of MobileNetV3's hard sigmoid, ReLU6(x + 3)/6. ONNX's default for HardSigmoid is 0.2: another function,
 * and a well-known trap.
 */
export const HARD_SIGMOID_ALPHA: number = 1 / 6;

/** The slope of a leaky ReLU below zero, PyTorch's default. */
const LEAKY_ALPHA = 0.01;

/** Opset with the first version of Erf, which GELU needs. */
const ERF_OPSET = 9;

/** The option of an activation. */
export const ACTIVATION_OPTION: OptionDefinition = {
  type: 'choice',
  default: 'relu',
  choices: ACTIVATIONS,
  help: 'activation between reduce and expand',
};

/** The option of a gate. */
export const GATE_OPTION: OptionDefinition = {
  type: 'choice',
  default: 'auto',
  choices: GATES,
  help: 'the function that gives the gate (default: 2*sigmoid with a neutral start, else the paper’s sigmoid)',
};

/** Opset and operator that an activation needs, where it is more than every block does. */
export function activationNeeds(activation: unknown): readonly [opset: number, operator: string] {
  return activation === 'gelu' ? [ERF_OPSET, 'Erf, which gelu needs'] : [7, ''];
}

/** Adds an activation from value `input` to value `output`. */
export function addActivation(draft: Draft, output: string, input: string, activation: string): string {
  switch (activation) {
    case 'silu':
      draft.node(`${output}_sigmoid`, 'Sigmoid', [input]);
      return draft.node(output, 'Mul', [input, `${output}_sigmoid`]);
    case 'hardswish':
      // HardSwish is an operator from opset 14 on.
      if (draft.site.opset >= 14) return draft.node(output, 'HardSwish', [input]);
      addHardSigmoid(draft, `${output}_gate`, input);
      return draft.node(output, 'Mul', [input, `${output}_gate`]);
    case 'gelu':
      // x/2 (1 + erf(x/sqrt 2)); Gelu is an operator from opset 20 on, and few runtimes have it for all types.
      draft.node(`${output}_root`, 'Mul', [input, draft.constant(`${output}.root`, Math.SQRT1_2)]);
      draft.node(`${output}_erf`, 'Erf', [`${output}_root`]);
      draft.node(`${output}_shift`, 'Add', [`${output}_erf`, draft.constant(`${output}.one`, 1)]);
      draft.node(`${output}_half`, 'Mul', [input, draft.constant(`${output}.half`, 0.5)]);
      return draft.node(output, 'Mul', [`${output}_half`, `${output}_shift`]);
    case 'leakyrelu':
      return draft.node(output, 'LeakyRelu', [input], { alpha: { float: LEAKY_ALPHA } });
    default:
      return draft.node(output, 'Relu', [input]);
  }
}

/** Adds a gate from value `input` to value `output`. */
export function addGate(draft: Draft, output: string, input: string, gate: string): string {
  switch (gate) {
    case '2*sigmoid':
      draft.node(`${output}_sigmoid`, 'Sigmoid', [input]);
      return draft.node(output, 'Mul', [`${output}_sigmoid`, draft.constant(`${output}.two`, 2)]);
    case 'hardsigmoid':
      return addHardSigmoid(draft, output, input);
    case 'tanh':
      return draft.node(output, 'Tanh', [input]);
    case 'relu':
      return draft.node(output, 'Relu', [input]);
    default:
      return draft.node(output, 'Sigmoid', [input]);
  }
}

/**
 * Decides the gate for an initialization: the block's own where none has to be neutral.
 *
 * Throws `blocks/invalid-option` for a gate that does not go with the initialization.
 */
export function resolveGate(
  options: ResolvedOptions,
  init: string,
  { dataType }: Pick<BlockSite, 'dataType'>,
  own = 'sigmoid',
): string {
  if (init === NEUTRAL_SATURATED && dataType === DataType.DOUBLE) {
    throw invalid('init', init, 'in float64 a sigmoid of 20 is not 1 yet: use "neutral"');
  }
  const given = String(options['gate']);
  const wanted = NEUTRAL_GATES[init];
  if (given === 'auto')
    return wanted === undefined ? own : init === NEUTRAL && own !== 'sigmoid' ? own : wanted;
  if (init === NEUTRAL && (given === 'sigmoid' || given === 'tanh')) {
    const at = given === 'sigmoid' ? 'a zero layer gives 0.5' : 'a zero layer gives 0';
    throw invalid(
      'gate',
      given,
      `no trainable start of a plain ${given} is neutral, ${at}: use the gate "2*sigmoid", or a saturating bias with the initialization "${NEUTRAL_SATURATED}"`,
    );
  }
  const fits =
    init === NEUTRAL_SATURATED
      ? given === 'sigmoid' || given === 'tanh'
      : init === NEUTRAL_HARD
        ? given === 'hardsigmoid'
        : true;
  if (!fits) throw invalid('gate', given, `the initialization "${init}" is for the gate "${wanted}"`);
  return given;
}

const NEUTRAL_GATES: Readonly<Record<string, string>> = {
  [NEUTRAL]: '2*sigmoid',
  [NEUTRAL_SATURATED]: 'sigmoid',
  [NEUTRAL_HARD]: 'hardsigmoid',
};

/**
 * The bias that makes a gate 1 behind a layer of zeros, or nothing where it has none. The 20 of a plain sigmoid or a
 * tanh saturates it, which leaves no gradient; the 3 of a hard sigmoid is its upper corner.
 */
export function neutralBias(gate: unknown): number | undefined {
  return NEUTRAL_BIAS[String(gate)];
}

const NEUTRAL_BIAS: Readonly<Record<string, number>> = {
  '2*sigmoid': 0,
  sigmoid: 20,
  tanh: 20,
  hardsigmoid: 3,
  relu: 1,
};

/** The neutral start of a layer behind which a gate follows, or nothing where there is none. */
export function neutralLayer(
  name: string,
  gate: unknown,
  hasBias: boolean,
): ReadonlyMap<string, number> | undefined {
  const bias = neutralBias(gate);
  if (bias === undefined || (bias !== 0 && !hasBias)) return undefined;
  return new Map([
    [`${name}.weight`, 0],
    [`${name}.bias`, bias],
  ]);
}

function addHardSigmoid(draft: Draft, name: string, input: string): string {
  const attributes = { alpha: { float: HARD_SIGMOID_ALPHA }, beta: { float: 0.5 } };
  return draft.node(name, 'HardSigmoid', [input], attributes);
}
