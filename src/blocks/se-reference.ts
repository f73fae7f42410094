import type { BlockSite, Features, ReferenceResult, ResolvedOptions } from './block.ts';

/**
 * The SE block in float64, straight from the paper's equations 2 and 3 and the declared options.
 *
 * It shares no code with the builder of the nodes: what it checks must not be what it was made from.
 */
export function seReference(
  features: Features,
  weights: ReadonlyMap<string, Float64Array>,
  site: BlockSite,
  options: ResolvedOptions,
): ReferenceResult {
  const { channels, channelAxis, rank } = site;
  const reduced = Number(options['reducedChannels']);
  const last = channelAxis === rank - 1 && channelAxis !== 1;
  const batch = features.dims[0] ?? 1;
  const positions = features.data.length / (batch * channels);
  const at = (sample: number, channel: number, position: number): number =>
    last
      ? (sample * positions + position) * channels + channel
      : (sample * channels + channel) * positions + position;

  const squeeze = new Float64Array(batch * channels);
  const squeezeBound = new Float64Array(batch * channels);
  for (let sample = 0; sample < batch; sample += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      let magnitude = 0;
      for (let position = 0; position < positions; position += 1) {
        const value = features.data[at(sample, channel, position)] ?? 0;
        sum += value;
        magnitude += Math.abs(value);
      }
      squeeze[sample * channels + channel] = sum / positions;
      squeezeBound[sample * channels + channel] = ((positions + 1) * magnitude) / positions;
    }
  }
  const reduce = dense(squeeze, squeezeBound, weights, 'reduce', channels, reduced, last);
  const activation = ACTIVATION[String(options['activation'])] ?? IDENTITY;
  const hidden = reduce.values.map(activation.of);
  const hiddenBound = reduce.bound.map(
    (bound, index) => activation.slope * bound + 4 * Math.abs(hidden[index] ?? 0),
  );
  const expand = dense(hidden, hiddenBound, weights, 'expand', reduced, channels, last);
  const gateFunction = GATE[String(options['gate'])] ?? IDENTITY;
  const gate = expand.values.map(gateFunction.of);
  // Runtimes approximate the exponential: 16 roundings is what a GPU's takes, and more than a CPU's.
  const gateBound = expand.bound.map((bound) => gateFunction.slope * bound + 16);
  return { squeeze, gate, hidden, gateBound };
}

/** A function of one number with the steepest slope it has. */
interface Curve {
  readonly of: (x: number) => number;
  readonly slope: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number): number => Math.min(Math.max(x + 3, 0), 6) / 6;

const IDENTITY: Curve = { of: (x) => x, slope: 1 };

const ACTIVATION: Readonly<Record<string, Curve>> = {
  relu: { of: (x) => Math.max(x, 0), slope: 1 },
  silu: { of: (x) => x * sigmoid(x), slope: 1.1 },
  hardswish: { of: (x) => x * hardSigmoid(x), slope: 1.5 },
};

const GATE: Readonly<Record<string, Curve>> = {
  sigmoid: { of: sigmoid, slope: 1 / 4 },
  hardsigmoid: { of: hardSigmoid, slope: 1 / 6 },
  '2*sigmoid': { of: (x) => 2 * sigmoid(x), slope: 1 / 2 },
};

/** A fully connected layer on [N, inputs]; the weight is [outputs, inputs], or its transpose where channels are last. */
function dense(
  x: Float64Array,
  xBound: Float64Array,
  weights: ReadonlyMap<string, Float64Array>,
  name: string,
  inputs: number,
  outputs: number,
  transposed: boolean,
): { readonly values: Float64Array; readonly bound: Float64Array } {
  const weight = weights.get(`${name}.weight`) ?? new Float64Array(0);
  const bias = weights.get(`${name}.bias`);
  const batch = x.length / inputs;
  const values = new Float64Array(batch * outputs);
  const bound = new Float64Array(batch * outputs);
  for (let sample = 0; sample < batch; sample += 1) {
    for (let output = 0; output < outputs; output += 1) {
      let sum = bias?.[output] ?? 0;
      let magnitude = Math.abs(sum);
      let inherited = 0;
      for (let input = 0; input < inputs; input += 1) {
        const w = weight[transposed ? input * outputs + output : output * inputs + input] ?? 0;
        const value = x[sample * inputs + input] ?? 0;
        sum += w * value;
        magnitude += Math.abs(w * value);
        inherited += Math.abs(w) * (xBound[sample * inputs + input] ?? 0);
      }
      values[sample * outputs + output] = sum;
      bound[sample * outputs + output] = inherited + (inputs + 1) * magnitude;
    }
  }
  return { values, bound };
}
