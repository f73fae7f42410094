import { BLOCK_INPUT, type OptionDefinition } from './block.ts';
import { addPerChannel, addReduction, addWide, channelsOf, type Draft } from './layers.ts';
import {
  add,
  constant,
  divide,
  multiply,
  perChannel,
  reduce,
  squareRoot,
  subtract,
  type Tracked,
} from './tracked.ts';

/** What is normalized between the layers of an excitation. */
export const NORMALIZATIONS: readonly string[] = ['none', 'layer', 'batch'];

/** The option of a normalization. */
export const NORMALIZATION_OPTION: OptionDefinition = {
  type: 'choice',
  default: 'none',
  choices: NORMALIZATIONS,
  help: 'normalization before the activation: over the channels (LayerNorm), or by running statistics that are weights (BatchNorm, as timm’s norm_layer)',
};

/** PyTorch's default, of both normalizations. */
const EPSILON = 1e-5;

/**
 * Adds a normalization of `channels` channels, and gives its value.
 *
 * Both are written out in operators that every opset has: LayerNormalization is one only from opset 17 on, and
 * BatchNormalization wants channels to be the second axis. In float16 they are in float32 between Casts.
 */
export function addNormalization(
  draft: Draft,
  name: string,
  input: string,
  channels: number,
  { kind, wide }: { readonly kind: string; readonly wide: boolean },
): string {
  if (kind !== 'layer' && kind !== 'batch') return input;
  const weight = (part: string, start: number, role: 'weight' | 'bias'): string =>
    addPerChannel(draft, `${name}.${part}`, channels, { role, start, fan: 4 });
  const scale = weight('weight', 1, 'weight');
  const bias = weight('bias', 0, 'bias');
  const statistics = kind === 'batch' ? [weight('mean', 0, 'bias'), weight('variance', 1, 'weight')] : [];
  const normal = addWide(draft, `${name}_normal`, [input, ...statistics], wide, (inner, inputs, dataType) => {
    const [x = BLOCK_INPUT, mean, variance] = inputs;
    const over = (node: string, of: string): string =>
      addReduction(draft, node, 'ReduceMean', of, channelsOf(draft.site));
    const centred = draft.node(`${name}_centred`, 'Sub', [x, mean ?? over(`${name}_mean`, x)]);
    const spread =
      variance ?? over(`${name}_variance`, draft.node(`${name}_square`, 'Mul', [centred, centred]));
    const shifted = draft.node(`${name}_shifted`, 'Add', [
      spread,
      draft.constant(`${name}.epsilon`, EPSILON, dataType),
    ]);
    draft.node(inner, 'Div', [centred, draft.node(`${name}_deviation`, 'Sqrt', [shifted])]);
  });
  return draft.node(name, 'Add', [draft.node(`${name}_scaled`, 'Mul', [normal, scale]), bias]);
}

/** The normalization in float64. */
export function normalized(
  x: Tracked,
  weights: ReadonlyMap<string, Float64Array>,
  name: string,
  kind: string,
): Tracked {
  if (kind !== 'layer' && kind !== 'batch') return x;
  const isLayer = kind === 'layer';
  const mean = isLayer ? reduce(x, 'mean', 'channels') : perChannel(weights, `${name}.mean`);
  const centred = subtract(x, mean);
  const variance = isLayer
    ? reduce(multiply(centred, centred), 'mean', 'channels')
    : perChannel(weights, `${name}.variance`);
  const normal = divide(centred, squareRoot(add(variance, constant(EPSILON))));
  return add(multiply(normal, perChannel(weights, `${name}.weight`)), perChannel(weights, `${name}.bias`));
}

/** How many weights a normalization has. */
export function normalizationParameters(kind: unknown, channels: number): number {
  return kind === 'layer' ? 2 * channels : kind === 'batch' ? 4 * channels : 0;
}
