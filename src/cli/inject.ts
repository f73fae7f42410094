import { renderEvaluation } from '../report/render-evaluation.ts';
import { renderInjection } from '../report/render-story.ts';
import { buildReport, outcomeOf, type Report } from '../report/report.ts';
import { applyPlan, type GivenWeights, LOADED } from '../splice/index.ts';
import { type DataCall, toDataCall } from './data-options.ts';
import { evaluationExitCode, toDemands } from './eval.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import {
  type LookOptions,
  refuseBesidePlan,
  toLookOptions,
  toVolume,
  type VerifyMode,
} from './inject-options.ts';
import type { CliIo } from './io.ts';
import { type Looked, lookAt, stopwatch } from './look.ts';
import { type Demands, measure } from './measure.ts';
import { type CliData, type CliInput, DASH, withData, withInput } from './open-input.ts';
import { readText } from './read-text.ts';
import { forEachInput, type InputResult, type RunContext, runContext } from './run-context.ts';
import { verifyOutput } from './verification.ts';
import { toRunOptions } from './verify-options.ts';
import { readGivenWeights } from './weights-option.ts';
import { injectedPath, outputOption, prepareOutput } from './write-output.ts';

/** What `inject` was called with. */
interface InjectCall {
  readonly options: LookOptions;
  /** The plan that is replayed instead of making one. */
  readonly plan: string | undefined;
  readonly output: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly verify: VerifyMode;
  readonly run: ReturnType<typeof toRunOptions>;
  /** What model and result are measured on, if on anything. */
  readonly data: DataCall | undefined;
  readonly demands: Demands;
  readonly context: RunContext;
}

/** Injects blocks into each of the models. */
export async function injectCommand(
  inputs: readonly string[],
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  const output = outputOption(values, inputs.length);
  const dryRun = values['dryRun'] === true;
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: !dryRun && inputs.some((input) => (output ?? injectedPath(input)) === DASH),
  });
  if (values['data'] !== undefined && (inputs.includes(DASH) || output === DASH))
    throw usageError('models that are measured on data must be files: name one, and leave -o - out');
  const options = await toLookOptions(values);
  if (values['plan'] !== undefined) {
    await refuseBesidePlan(options);
    if (inputs.length > 1) throw usageError(`--plan is for one model, and there are ${inputs.length} inputs`);
  }
  const weights = await toWeights(values);
  if (weights !== undefined && inputs.length > 1)
    throw usageError(`--weights are for one model, and there are ${inputs.length} inputs`);
  const call: InjectCall = {
    options: weights === undefined ? options : { ...options, init: LOADED, weights },
    plan: values['plan'] === undefined ? undefined : String(values['plan']),
    output,
    force: values['force'] === true,
    dryRun,
    verify: values['verify'] as VerifyMode,
    run: toRunOptions(values),
    data: toDataCall(values),
    demands: toDemands(values),
    context,
  };
  return forEachInput(inputs, context, (path) => withInput(path, io, (input) => injectOne(input, call)));
}

/** The weights that are loaded instead of an initialization, where any are. */
async function toWeights(values: Readonly<Record<string, unknown>>): Promise<GivenWeights | undefined> {
  const { weights, weightsMap, init } = values;
  if (weights === undefined) {
    if (weightsMap !== undefined) throw usageError('--weights-map is for --weights: leave it out');
    return undefined;
  }
  if (init !== undefined) throw usageError('--weights and --init do not go together: the weights are given');
  return readGivenWeights(String(weights), weightsMap === undefined ? undefined : String(weightsMap));
}

async function injectOne(input: CliInput, call: InjectCall): Promise<InputResult> {
  const { context } = call;
  const saved = call.plan === undefined ? undefined : { path: call.plan, text: await readText(call.plan) };
  const looked = await lookAt(input, call.options, saved);
  const report = await withData(input, looked.model.file, (data) => write(input, data, looked, call));
  for (const warning of report.warnings) context.warn(warning);
  context.say((paint) => renderInjection(report, paint, context.volume === 'verbose'));
  const exitCode = exitCodeFor(report, call.verify);
  if (call.data === undefined || report.output === null) return { report, exitCode };
  const evaluation = await measure([input.path, report.output.path], call.data, call.demands, context);
  context.say((paint) => ['', ...renderEvaluation(evaluation, paint, context.volume === 'verbose')]);
  const worst = Math.max(exitCode, evaluationExitCode(evaluation)) as ExitCodeNumber;
  return { report: { ...report, evaluation }, exitCode: worst };
}

/** Writes the output where there is something to write, and reports either way. */
async function write(input: CliInput, data: CliData, looked: Looked, call: InjectCall): Promise<Report> {
  const { context } = call;
  const { model, plan, parts } = looked;
  const { verify, force, dryRun } = call;
  const options = { ...parts.options, verify, force, dryRun };
  const hasBlocks = plan.sites.length > 0;
  // A file that is the original again is written where it was asked for by name, for whoever comes next in line.
  const isWanted = hasBlocks || (outcomeOf(parts.sites, plan) === 'unchanged' && call.output !== undefined);
  if (!isWanted) return buildReport({ ...parts, options, verification: null });
  const path = call.output ?? injectedPath(input.path);
  const prepared = await prepareOutput({ path, force, context }, input, data);
  if (dryRun) return buildReport({ ...parts, options, verification: null });
  const clock = stopwatch();
  const injection = await applyPlan(model, plan, looked.block, call.options.weights);
  const spliceMs = parts.timings.spliceMs + clock();
  const { patch } = injection;
  const { timings, dataFiles } = await prepared.write(patch);
  clock();
  const verification = hasBlocks
    ? await verifyOutput({ input, path, patch, mode: verify, run: call.run, context })
    : null;
  const verifyMs = clock();
  return buildReport({
    ...parts,
    options,
    output: { path, model: injection.model, bytes: patch.size, dataFiles },
    verification,
    timings: { ...parts.timings, spliceMs, ...timings, verifyMs },
  });
}

function exitCodeFor(report: Report, verify: VerifyMode): ExitCodeNumber {
  if (report.outcome === 'no-site') return ExitCode.no;
  const verdict = report.verification?.verdict;
  return verdict === 'fail' || (verify === 'require' && verdict === 'unchecked') ? ExitCode.no : ExitCode.ok;
}
