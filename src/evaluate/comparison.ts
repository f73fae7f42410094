import { compareTensors, type RuntimeTensor } from '../verify/index.ts';
import { Answers, Distance } from './compare.ts';
import type { Task } from './model-output.ts';
import type { ModelRun } from './model-run.ts';
import { type NumberTensor, numbersOf } from './numbers.ts';
import { invalidOption } from './preprocess.ts';
import { conclude } from './sentence.ts';
import type { ComparisonReport } from './types.ts';

/** A model against the first. */
export class Comparison {
  /** Takes the answers, where the models are classifiers. */
  readonly answers: Answers = new Answers();
  readonly #distance = new Distance();
  #pixels = 0;
  #agreeingPixels = 0;
  #task: Task = 'other';

  /** Takes the outputs of both; `part` of the rows are samples; the rest fills the batch up. */
  addOutputs(before: NumberTensor, after: NumberTensor, part: number, task: Task): void {
    this.#task = task;
    if (before.dims.join() !== after.dims.join())
      throw invalidOption(
        `the models give outputs of different shapes, [${before.dims.join(', ')}] and [${after.dims.join(', ')}]: name one that both have with --output`,
      );
    const [x, y] = [numbersOf(before), numbersOf(after)];
    this.#distance.add(x, y, Math.round(x.length * part));
    if (task !== 'segmentation') return;
    const compared = compareTensors(cut(before, part), cut(after, part));
    if (compared.status !== 'compared' || compared.argmaxAgreement === null) return;
    const pixels = compared.count / (before.dims[1] ?? 1);
    this.#pixels += pixels;
    this.#agreeingPixels += compared.argmaxAgreement * pixels;
  }

  /** What was counted so far. */
  report(task: Task, first: ModelRun, other: ModelRun): ComparisonReport {
    const answers = task === 'classification' ? this.answers.report() : null;
    const distance = this.#distance.report();
    const pixelAgreement =
      this.#task === 'segmentation' && this.#pixels > 0 ? this.#agreeingPixels / this.#pixels : null;
    const [before, after] = [first.msPerSample, other.msPerSample];
    return {
      before: first.path,
      after: other.path,
      ...conclude(task, answers, distance, pixelAgreement),
      answers,
      distance,
      pixelAgreement,
      timeRatio: before === undefined || after === undefined ? null : after / before,
    };
  }
}

/** The samples of a batch without what fills it up. */
function cut(tensor: NumberTensor, part: number): RuntimeTensor {
  if (part === 1) return tensor;
  const [rows = 0, ...rest] = tensor.dims;
  const count = Math.round(rows * part);
  const data = tensor.data.slice(0, Math.round(tensor.data.length * part));
  return { dataType: tensor.dataType, dims: [count, ...rest], data } as RuntimeTensor;
}
