import type { AnswersReport, DistanceReport } from './compare.ts';
import type { Task } from './model-output.ts';
import { SIGNIFICANCE } from './statistics.ts';
import type { DifferenceVerdict } from './types.ts';

/** What the figures of a comparison mean. */
export interface Conclusion {
  readonly verdict: DifferenceVerdict;
  readonly sentence: string;
}

/** Says in plain words whether the second model is better, worse, or not to be told apart from the first. */
export function conclude(
  task: Task,
  answers: AnswersReport | null,
  distance: DistanceReport,
  pixelAgreement: number | null,
): Conclusion {
  if (distance.elements === 0)
    return { verdict: 'unlabelled', sentence: 'Nothing was compared: no sample was run.' };
  if (answers === null) return outputsOnly(task, distance, pixelAgreement);
  const { samples, agreeing, gained, lost, change, pValue } = answers;
  const all = samples.toLocaleString('en-US');
  if (agreeing === samples) {
    const exact = distance.equal === distance.elements ? ', to the last digit of every output' : '';
    return {
      verdict: gained === null ? 'unlabelled' : 'same',
      sentence: `No difference: both models give the same answer to ${samples === 1 ? 'the sample' : `each of the ${all} samples`}${exact}.`,
    };
  }
  if (gained === null || lost === null || change === null || pValue === null) {
    const share = percent(agreeing / samples);
    return {
      verdict: 'unlabelled',
      sentence: `The models agree on ${share} of ${all} samples; without labels, which of them is right cannot be told.`,
    };
  }
  const points = `${(100 * Math.abs(change)).toFixed(2)} percentage points`;
  const split = `${gained.toLocaleString('en-US')} answers became right and ${lost.toLocaleString('en-US')} wrong`;
  if (pValue >= SIGNIFICANCE) {
    const moved = change === 0 ? 'top-1 did not move' : `top-1 ${change > 0 ? 'rose' : 'fell'} by ${points}`;
    return {
      verdict: 'no-difference',
      sentence: `No difference that ${all} samples can show: ${moved} (${split}), as chance alone would do with ${showP(pValue)}.`,
    };
  }
  const verdict = change > 0 ? 'better' : 'worse';
  return {
    verdict,
    sentence: `The second model is ${verdict}: top-1 ${change > 0 ? 'rose' : 'fell'} by ${points} (${split}), which chance does not explain (${showP(pValue)}).`,
  };
}

function outputsOnly(task: Task, distance: DistanceReport, pixels: number | null): Conclusion {
  if (distance.equal === distance.elements)
    return { verdict: 'same', sentence: 'No difference: every output is the same to the last digit.' };
  const { cosine, snrDb } = distance;
  const close = `cosine ${cosine === null ? 'unknown' : cosine.toFixed(6)}, SNR ${snrDb === null ? 'unknown' : `${snrDb.toFixed(1)} dB`}`;
  const agreeing =
    task === 'segmentation' && pixels !== null ? `; ${percent(pixels)} of the pixels get the same class` : '';
  return {
    verdict: 'unlabelled',
    sentence: `The outputs differ: ${close}${agreeing}. Which of them is better cannot be told from outputs alone.`,
  };
}

/** A p-value as people write it, `p = 0.034`; the least that a number holds is about 1e-308. */
export function showP(p: number): string {
  if (p < 1e-300) return 'p below 1e-300';
  return `p = ${p >= 0.001 ? p.toPrecision(2) : p.toExponential(1)}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
