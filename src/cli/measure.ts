import { performance } from 'node:perf_hooks';
import type { EvaluationProgress, EvaluationReport, RequirementReport } from '../evaluate/index.ts';
import { formatCount, formatDuration } from '../report/format.ts';
import type { DataCall } from './data-options.ts';
import type { CliIo } from './io.ts';
import type { RunContext } from './run-context.ts';

/** What is demanded of the last model, in parts of 1. */
export interface Demands {
  readonly minTop1: number | undefined;
  readonly maxDrop: number | undefined;
}

/** What a long run is handed: a way to be stopped, and one to say how far it is. */
export interface LongRun {
  readonly stop: AbortSignal;
  readonly onProgress: (progress: EvaluationProgress) => void;
}

/**
 * Runs something long: shows how far it is where a person watches, and on Ctrl-C asks it to come to an end with what it
 * has. A second Ctrl-C ends the process as ever.
 */
export async function withProgress<T>(context: RunContext, run: (long: LongRun) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const meter = progressMeter(context.io, context.volume === 'quiet');
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    return await run({ stop: stop.signal, onProgress: meter.show });
  } finally {
    process.off('SIGINT', interrupt);
    meter.clear();
  }
}

/** Evaluates models on data and holds the result to what is demanded. What runs models is loaded only here. */
export async function measure(
  models: readonly string[],
  call: DataCall & { readonly output?: string | undefined },
  demands: Demands,
  context: RunContext,
): Promise<EvaluationReport> {
  const { evaluateFiles } = await import('../node/eval-files.ts');
  const report = await withProgress(context, (long) =>
    evaluateFiles(models, call.path, { ...call.run, output: call.output, data: call.data, ...long }),
  );
  return { ...report, requirements: requirementsOf(report, demands) };
}

/** Holds the last model to what is demanded of it. */
export function requirementsOf(
  { models, comparisons }: EvaluationReport,
  { minTop1, maxDrop }: Demands,
): readonly RequirementReport[] {
  const requirements: RequirementReport[] = [];
  if (minTop1 !== undefined) {
    const value = models.at(-1)?.accuracy?.top1.share ?? null;
    requirements.push({ name: 'min-top1', limit: minTop1, value, met: value !== null && value >= minTop1 });
  }
  if (maxDrop !== undefined) {
    const change = comparisons.at(-1)?.answers?.change ?? null;
    const value = change === null ? null : -change;
    // Shares are quotients: a drop of exactly the limit meets it.
    requirements.push({
      name: 'max-drop',
      limit: maxDrop,
      value,
      met: value !== null && value <= maxDrop + 1e-12,
    });
  }
  return requirements;
}

/** Milliseconds between two lines of the meter. */
const INTERVAL = 200;

function progressMeter(
  { stderr }: CliIo,
  isQuiet: boolean,
): { readonly show: (progress: EvaluationProgress) => void; readonly clear: () => void } {
  let [last, isShown] = [0, false];
  if (stderr.isTTY !== true || isQuiet) return { show: () => {}, clear: () => {} };
  return {
    show(progress) {
      const now = performance.now();
      if (now - last < INTERVAL) return;
      last = now;
      isShown = true;
      stderr.write(`\r\u001b[K${progressText(progress)}`);
    },
    clear() {
      if (isShown) stderr.write('\r\u001b[K');
    },
  };
}

/** `1,234 of 10,000 samples (12%), 3.4 s left`. */
export function progressText({ done, total, elapsedMs }: EvaluationProgress): string {
  if (total === null || total === 0) return `${formatCount(done)} samples`;
  const left = done === 0 ? '' : `, ${formatDuration((elapsedMs / done) * Math.max(0, total - done))} left`;
  return `${formatCount(done)} of ${formatCount(total)} samples (${Math.floor((100 * done) / total)}%)${left}`;
}
