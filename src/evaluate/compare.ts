import type { Numbers } from './numbers.ts';
import type { RowScore } from './scores.ts';
import { mcnemarExact } from './statistics.ts';

/** How two models' answers to the same samples compare. */
export interface AnswersReport {
  readonly samples: number;
  /** Samples for which both name the same class. */
  readonly agreeing: number;
  /** `agreeing / samples`; null of no samples. */
  readonly agreement: number | null;
  /** Right after and wrong before. Null without labels, and so are the next ones. */
  readonly gained: number | null;
  /** Right before and wrong after. */
  readonly lost: number | null;
  /** Change of top-1 in parts of 1. */
  readonly change: number | null;
  /** McNemar's exact test, two-sided. */
  readonly pValue: number | null;
}

/** How far two models' outputs are apart, over all samples together. */
export interface DistanceReport {
  readonly elements: number;
  /** Elements that are equal as numbers; NaN equals NaN. */
  readonly equal: number;
  readonly maxAbs: number;
  /** Null where one of the two is all 0. */
  readonly cosine: number | null;
  /** Energy of the first over that of the difference in decibels; null where either is 0. */
  readonly snrDb: number | null;
}

/** Counts how two classifiers' answers compare. */
export class Answers {
  #samples = 0;
  #labelled = 0;
  #agreeing = 0;
  #gained = 0;
  #lost = 0;

  /** Takes the answers of both to one sample. */
  add(before: RowScore, after: RowScore, isLabelled: boolean): void {
    this.#samples += 1;
    if (before.predicted === after.predicted) this.#agreeing += 1;
    if (!isLabelled) return;
    this.#labelled += 1;
    if (before.rank > 0 && after.rank === 0) this.#gained += 1;
    if (before.rank === 0 && after.rank > 0) this.#lost += 1;
  }

  /** What was counted so far. */
  report(): AnswersReport {
    const isLabelled = this.#labelled > 0;
    return {
      samples: this.#samples,
      agreeing: this.#agreeing,
      agreement: this.#samples === 0 ? null : this.#agreeing / this.#samples,
      gained: isLabelled ? this.#gained : null,
      lost: isLabelled ? this.#lost : null,
      change: isLabelled ? (this.#gained - this.#lost) / this.#labelled : null,
      pValue: isLabelled ? mcnemarExact(this.#gained, this.#lost) : null,
    };
  }
}

/** Sums how far outputs are apart. */
export class Distance {
  #elements = 0;
  #equal = 0;
  #maxAbs = 0;
  #energyBefore = 0;
  #energyAfter = 0;
  #energyOfDifference = 0;
  #product = 0;

  /** Takes the first `count` elements of both; those that are not finite on both sides count as elements only. */
  add(before: Numbers, after: Numbers, count: number): void {
    this.#elements += count;
    for (let i = 0; i < count; i += 1) {
      const [x, y] = [before[i]!, after[i]!];
      if (x === y || (Number.isNaN(x) && Number.isNaN(y))) this.#equal += 1;
      const difference = y - x;
      if (!Number.isFinite(difference)) continue;
      const size = Math.abs(difference);
      if (size > this.#maxAbs) this.#maxAbs = size;
      this.#energyBefore += x * x;
      this.#energyAfter += y * y;
      this.#energyOfDifference += difference * difference;
      this.#product += x * y;
    }
  }

  /** What was summed so far. */
  report(): DistanceReport {
    const [before, after, apart] = [this.#energyBefore, this.#energyAfter, this.#energyOfDifference];
    const cosine = this.#product / Math.sqrt(before * after);
    return {
      elements: this.#elements,
      equal: this.#equal,
      maxAbs: this.#maxAbs,
      cosine: before === 0 || after === 0 ? null : apart === 0 ? 1 : Math.max(-1, Math.min(1, cosine)),
      snrDb: before === 0 || apart === 0 ? null : 10 * Math.log10(before / apart),
    };
  }
}
