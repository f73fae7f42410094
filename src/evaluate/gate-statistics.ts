import type { Numbers } from './numbers.ts';

/** Numbers of one class, or of all samples: of each channel. */
interface Moments {
  count: number;
  readonly sum: Float64Array;
  readonly sumOfSquares: Float64Array;
}

/** Mean and spread of each channel's gate over some samples. */
export interface GateMoments {
  readonly samples: number;
  readonly mean: readonly number[];
  /** Standard deviation over the samples. */
  readonly std: readonly number[];
}

/** What one site's gates did. */
export interface GateSummary extends GateMoments {
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** By index of the class. */
  readonly byClass: ReadonlyMap<number, GateMoments>;
  /**
   * The share of the gates' variance that lies between classes, 0 to 1: how much they depend on the class. Null without
   * variance or labels.
   */
  readonly classDependence: number | null;
  /** Shares of all gate values within 1% of the lower and of the upper bound; 0 without bounds. */
  readonly saturation: { readonly low: number; readonly high: number };
}

/** A gate this near to a bound, in parts of the range, lets nothing through or all. */
const SATURATED = 0.01;

/** Sums the gates of one site. Memory grows with classes and channels and not with samples. */
export class GateStatistics {
  readonly #channels: number;
  readonly #low: number;
  readonly #high: number;
  readonly #all: Moments;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #byClass = new Map<number, Moments>();
  #saturatedLow = 0;
  #saturatedHigh = 0;

  /** For gates between two bounds, or without. */
  constructor(channels: number, bounds: readonly [number, number] | null) {
    const [low, high] = bounds ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    this.#channels = channels;
    const margin = bounds === null ? 0 : SATURATED * (high - low);
    this.#low = low + margin;
    this.#high = high - margin;
    this.#all = moments(channels);
    this.#min = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY);
  }

  /** Takes the gates of one sample, which begin at `start`. */
  add(gates: Numbers, start: number, label: number | null): void {
    const own = label === null ? undefined : this.#classMoments(label);
    this.#all.count += 1;
    if (own !== undefined) own.count += 1;
    for (let channel = 0; channel < this.#channels; channel += 1) {
      const gate = gates[start + channel]!;
      this.#all.sum[channel]! += gate;
      this.#all.sumOfSquares[channel]! += gate * gate;
      if (own !== undefined) {
        own.sum[channel]! += gate;
        own.sumOfSquares[channel]! += gate * gate;
      }
      if (gate < this.#min[channel]!) this.#min[channel] = gate;
      if (gate > this.#max[channel]!) this.#max[channel] = gate;
      if (gate <= this.#low) this.#saturatedLow += 1;
      else if (gate >= this.#high) this.#saturatedHigh += 1;
    }
  }

  /** What was summed so far. */
  summary(): GateSummary {
    const values = this.#all.count * this.#channels;
    const share = (count: number): number => (values === 0 ? 0 : count / values);
    const classes = [...this.#byClass].sort(([a], [b]) => a - b);
    return {
      ...toMoments(this.#all),
      min: Array.from(this.#min),
      max: Array.from(this.#max),
      byClass: new Map(classes.map(([label, sums]) => [label, toMoments(sums)])),
      classDependence: this.#classDependence(),
      saturation: { low: share(this.#saturatedLow), high: share(this.#saturatedHigh) },
    };
  }

  #classMoments(label: number): Moments {
    const found = this.#byClass.get(label) ?? moments(this.#channels);
    this.#byClass.set(label, found);
    return found;
  }

  /** The correlation ratio: sums of squares between classes over those in all, over the channels together. */
  #classDependence(): number | null {
    if (this.#byClass.size < 2) return null;
    const { count, sum, sumOfSquares } = this.#all;
    let [between, total] = [0, 0];
    for (let channel = 0; channel < this.#channels; channel += 1) {
      const mean = sum[channel]! / count;
      total += Math.max(0, sumOfSquares[channel]! - count * mean * mean);
      for (const own of this.#byClass.values())
        between += own.count * (own.sum[channel]! / own.count - mean) ** 2;
    }
    // Rounding alone leaves a rest where all gates are one number.
    return total <= 1e-12 * count * this.#channels ? null : Math.min(1, between / total);
  }
}

function moments(channels: number): Moments {
  return { count: 0, sum: new Float64Array(channels), sumOfSquares: new Float64Array(channels) };
}

function toMoments({ count, sum, sumOfSquares }: Moments): GateMoments {
  const mean = Array.from(sum, (value) => value / count);
  const std = mean.map((value, channel) =>
    Math.sqrt(Math.max(0, (sumOfSquares[channel] ?? 0) / count - value * value)),
  );
  return { samples: count, mean, std };
}
