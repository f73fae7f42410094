import { renderEvaluation } from '../report/render-evaluation.ts';
import { REPORT_SCHEMA_VERSION } from '../report/report.ts';
import { TOOL } from '../splice/index.ts';
import { toDataCall, toShare } from './data-options.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { type Demands, measure } from './measure.ts';
import { DASH } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';

/** Measures models on labelled data, each against the first. */
export function evalCommand(
  models: readonly string[],
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  if (models.includes(DASH)) throw usageError('models that are run must be files: write stdin to one first');
  const call = toDataCall(values);
  if (call === undefined) throw usageError('no data to measure on: add --data PATH');
  const demands = toDemands(values);
  if (demands.maxDrop !== undefined && models.length < 2)
    throw usageError('--max-drop is about two models, and one is given: name the original first');
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: false,
  });
  const provider = typeof values['provider'] === 'string' ? { provider: values['provider'] } : {};
  const output = typeof values['output'] === 'string' ? values['output'] : undefined;
  return forEachInput([models.at(-1) ?? ''], context, async () => {
    const evaluation = await measure(
      models,
      { ...call, run: { ...call.run, ...provider }, output },
      demands,
      context,
    );
    context.say((paint) => renderEvaluation(evaluation, paint, context.volume === 'verbose'));
    return {
      report: { schemaVersion: REPORT_SCHEMA_VERSION, tool: TOOL, evaluation },
      exitCode: evaluationExitCode(evaluation),
    };
  });
}

/** What is demanded by `--min-top1` and `--max-drop`. */
export function toDemands(values: Readonly<Record<string, unknown>>): Demands {
  return { minTop1: toShare('minTop1', values['minTop1']), maxDrop: toShare('maxDrop', values['maxDrop']) };
}

/** A demand that is not met is a no; what was interrupted could not be answered. */
export function evaluationExitCode({
  requirements,
  data,
}: {
  readonly requirements: readonly { readonly met: boolean }[];
  readonly data: { readonly interrupted: boolean };
}): ExitCodeNumber {
  if (data.interrupted) return ExitCode.failed;
  return requirements.every(({ met }) => met) ? ExitCode.ok : ExitCode.no;
}
