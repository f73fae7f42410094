import type { BlockSite, Features, ReferenceResult, ResolvedOptions } from './block.ts';

/**
 * The SE block in float64, straight from the paper's equations 2 to 4 and the declared options.
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
  for (let sample = 0; sample < batch; sample += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      let sum = 0;
      for (let position = 0; position < positions; position += 1)
        sum += features.data[at(sample, channel, position)] ?? 0;
      squeeze[sample * channels + channel] = sum / positions;
    }
  }
  const hidden = dense(squeeze, weights, 'reduce', channels, reduced, last).map(
    ACTIVATION[String(options['activation'])] ?? Number,
  );
  const gate = dense(hidden, weights, 'expand', reduced, channels, last).map(
    GATE[String(options['gate'])] ?? Number,
  );
  const scaled = new Float64Array(features.data.length);
  for (let sample = 0; sample < batch; sample += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const factor = gate[sample * channels + channel] ?? 0;
      for (let position = 0; position < positions; position += 1) {
        const index = at(sample, channel, position);
        scaled[index] = (features.data[index] ?? 0) * factor;
      }
    }
  }
  return { squeeze, gate, scaled, hidden };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number): number => Math.min(Math.max(x + 3, 0), 6) / 6;

const ACTIVATION: Readonly<Record<string, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  silu: (x) => x * sigmoid(x),
  hardswish: (x) => x * hardSigmoid(x),
};

const GATE: Readonly<Record<string, (x: number) => number>> = {
  sigmoid,
  hardsigmoid: hardSigmoid,
  '2*sigmoid': (x) => 2 * sigmoid(x),
};

/** A fully connected layer on [N, inputs]; the weight is [outputs, inputs], or its transpose where channels are last. */
function dense(
  x: Float64Array,
  weights: ReadonlyMap<string, Float64Array>,
  name: string,
  inputs: number,
  outputs: number,
  transposed: boolean,
): Float64Array {
  const weight = weights.get(`${name}.weight`) ?? new Float64Array(0);
  const bias = weights.get(`${name}.bias`);
  const batch = x.length / inputs;
  const y = new Float64Array(batch * outputs);
  for (let sample = 0; sample < batch; sample += 1) {
    for (let output = 0; output < outputs; output += 1) {
      let sum = bias?.[output] ?? 0;
      for (let input = 0; input < inputs; input += 1) {
        const index = transposed ? input * outputs + output : output * inputs + input;
        sum += (weight[index] ?? 0) * (x[sample * inputs + input] ?? 0);
      }
      y[sample * outputs + output] = sum;
    }
  }
  return y;
}
