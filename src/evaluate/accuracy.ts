import type { Numbers } from './numbers.ts';
import { CrossEntropy, type OutputKind, type RowScore, scoreRow } from './scores.ts';
import { wilsonInterval } from './statistics.ts';

/** A count of right answers, with the interval of 95% in which the true share lies. */
export interface ShareReport {
  readonly correct: number;
  readonly total: number;
  /** `correct / total`; null of no samples. */
  readonly share: number | null;
  /** Wilson's interval. */
  readonly interval: readonly [low: number, high: number];
}

/** One class. */
export interface ClassReport {
  readonly index: number;
  /** Null where classes have no names. */
  readonly name: string | null;
  readonly correct: number;
  readonly total: number;
  /** Null where the data have no sample of it. */
  readonly share: number | null;
  /** The class that its samples are most often taken for, where they are, with how many. */
  readonly mistakenFor: {
    readonly index: number;
    readonly name: string | null;
    readonly count: number;
  } | null;
}

/** How well a classifier does on labelled data. */
export interface AccuracyReport {
  readonly top1: ShareReport;
  /** Null for fewer than 6 classes, where it says nothing. */
  readonly top5: ShareReport | null;
  readonly outputsAre: OutputKind;
  /** Mean cross-entropy in nats; null where the outputs are neither logits nor probabilities. */
  readonly crossEntropy: number | null;
  /** Samples for which an output was NaN or infinite. */
  readonly nonFinite: number;
  readonly perClass: readonly ClassReport[];
}

/** Beyond so many classes no matrix of confusions is kept. */
const MATRIX_CLASSES = 2048;

/** Counts right answers. Memory grows with the number of classes and not with that of samples. */
export class Accuracy {
  readonly #classes: number;
  readonly #names: readonly string[] | undefined;
  readonly #entropy = new CrossEntropy();
  readonly #totals: Uint32Array;
  readonly #correct: Uint32Array;
  /** Counts of [labelled, predicted]. */
  readonly #matrix: Uint32Array | undefined;
  #samples = 0;
  #top1 = 0;
  #top5 = 0;
  #nonFinite = 0;

  /** For outputs of so many classes. */
  constructor(classes: number, names: readonly string[] | undefined) {
    this.#classes = classes;
    this.#names = names;
    this.#totals = new Uint32Array(classes);
    this.#correct = new Uint32Array(classes);
    this.#matrix = classes <= MATRIX_CLASSES ? new Uint32Array(classes * classes) : undefined;
  }

  /** Takes the row of one sample, which begins at `start`; the label is below the number of classes. */
  add(outputs: Numbers, start: number, label: number): RowScore {
    const score = scoreRow(outputs, start, this.#classes, label);
    this.#samples += 1;
    this.#totals[label]! += 1;
    if (score.rank === 0) {
      this.#top1 += 1;
      this.#correct[label]! += 1;
    }
    if (score.rank < 5) this.#top5 += 1;
    if (!score.finite) this.#nonFinite += 1;
    if (this.#matrix !== undefined) this.#matrix[label * this.#classes + score.predicted]! += 1;
    this.#entropy.add(outputs, start, this.#classes, label);
    return score;
  }

  /** What was counted so far. */
  report(): AccuracyReport {
    return {
      top1: shareOf(this.#top1, this.#samples),
      top5: this.#classes < 6 ? null : shareOf(this.#top5, this.#samples),
      outputsAre: this.#entropy.kind,
      crossEntropy: this.#entropy.mean,
      nonFinite: this.#nonFinite,
      perClass: Array.from({ length: this.#classes }, (_, index) => this.#classReport(index)),
    };
  }

  #classReport(index: number): ClassReport {
    const [correct = 0, total = 0] = [this.#correct[index], this.#totals[index]];
    let [most, count] = [-1, 0];
    for (let other = 0; other < this.#classes && this.#matrix !== undefined; other += 1) {
      const mistaken = this.#matrix[index * this.#classes + other]!;
      if (other !== index && mistaken > count) [most, count] = [other, mistaken];
    }
    return {
      index,
      name: this.#nameOf(index),
      correct,
      total,
      share: total === 0 ? null : correct / total,
      mistakenFor: most < 0 ? null : { index: most, name: this.#nameOf(most), count },
    };
  }

  #nameOf(index: number): string | null {
    return this.#names?.[index] ?? null;
  }
}

/** A share with its interval. */
export function shareOf(correct: number, total: number): ShareReport {
  return {
    correct,
    total,
    share: total === 0 ? null : correct / total,
    interval: wilsonInterval(correct, total),
  };
}
