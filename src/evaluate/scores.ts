import type { Numbers } from './numbers.ts';

/** The least probability that is told from 0, so that one sure mistake does not make the mean infinite. */
const LEAST_PROBABILITY = 1e-12;

/** How far a sum of probabilities may be from 1: float16 outputs of a thousand classes are rounded. */
const SUM_TOLERANCE = 5e-3;

/**
 * What the outputs of a classifier are: `logits`; `probabilities`, which sum to 1; or `scores`, from 0 to 1 and without
 * that sum, of which no cross-entropy can be told.
 */
export type OutputKind = 'logits' | 'probabilities' | 'scores';

/** What one row of outputs says of one sample. */
export interface RowScore {
  /** The class with the largest output; of equal ones the first. NaN counts as the largest, as in NumPy. */
  readonly predicted: number;
  /** How many classes are ahead of the labelled one; of equal ones the first is ahead. */
  readonly rank: number;
  readonly finite: boolean;
}

/** Ranks the labelled class in the row that begins at `start`. */
export function scoreRow(outputs: Numbers, start: number, classes: number, label: number | null): RowScore {
  let [predicted, best, finite] = [0, Number.NEGATIVE_INFINITY, true];
  for (let index = 0; index < classes; index += 1) {
    const value = outputs[start + index]!;
    if (!Number.isFinite(value)) finite = false;
    if (index === 0 || value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
      best = value;
      predicted = index;
    }
  }
  if (label === null) return { predicted, rank: 0, finite };
  const own = outputs[start + label]!;
  // A network that gives no number for a class has not named it.
  if (Number.isNaN(own)) return { predicted, rank: classes, finite };
  let rank = 0;
  for (let index = 0; index < classes; index += 1) {
    const value = outputs[start + index]!;
    if (value > own || Number.isNaN(value) || (value === own && index < label)) rank += 1;
  }
  return { predicted, rank, finite };
}

/** Sums cross-entropies as logits and as probabilities, and tells at the end which of them the outputs were. */
export class CrossEntropy {
  #rows = 0;
  #ofLogits = 0;
  #ofProbabilities = 0;
  #withinUnit = 0;
  #summingToOne = 0;

  /** Takes the row that begins at `start`; what is not finite is left out. */
  add(outputs: Numbers, start: number, classes: number, label: number): void {
    let [least, most, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (let index = start; index < start + classes; index += 1) {
      const value = outputs[index]!;
      if (value < least) least = value;
      if (value > most) most = value;
      sum += value;
    }
    if (!Number.isFinite(sum)) return;
    let powers = 0;
    for (let index = start; index < start + classes; index += 1) powers += Math.exp(outputs[index]! - most);
    const own = outputs[start + label]!;
    this.#rows += 1;
    this.#ofLogits += most + Math.log(powers) - own;
    this.#ofProbabilities -= Math.log(Math.max(LEAST_PROBABILITY, own));
    if (least >= 0 && most <= 1 + SUM_TOLERANCE) {
      this.#withinUnit += 1;
      if (Math.abs(sum - 1) <= SUM_TOLERANCE) this.#summingToOne += 1;
    }
  }

  /** What the outputs are: of all rows, since a row of logits may sum to 1 by chance. */
  get kind(): OutputKind {
    if (this.#rows === 0 || this.#withinUnit < this.#rows) return 'logits';
    return this.#summingToOne === this.#rows ? 'probabilities' : 'scores';
  }

  /** Mean in nats; null where there is none. */
  get mean(): number | null {
    if (this.#rows === 0 || this.kind === 'scores') return null;
    return (this.kind === 'logits' ? this.#ofLogits : this.#ofProbabilities) / this.#rows;
  }
}
