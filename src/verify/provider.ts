import { checkSite } from './block-runs.ts';
import { firstDifferent } from './first-different.ts';
import { checkSitesInFloat64 } from './in-float64.ts';
import { worstDifference } from './level.ts';
import { runOptimized } from './optimized.ts';
import { dropAll, prepareSessions, type Sessions } from './prepared-sessions.ts';
import { notLaidOpen, originalFailed, reportOf, rewriteFailed } from './provider-report.ts';
import type { ModelPair, OpenSession, ProviderRequest } from './request.ts';
import { runRewritten } from './rewritten.ts';
import { letGo, type Runtime, type RuntimeTensors, type Session } from './runtime.ts';
import { attempt, type FirstRun, firstRun, runOnce } from './sessions.ts';
import type { InputsReport, ProviderReport, SiteCheck } from './types.ts';

/** A provider's report, and the inputs that it was made on. */
export interface ProviderResult {
  readonly report: ProviderReport;
  readonly inputs: InputsReport | null;
}

/**
 * Puts questions 1, 3 and 4 to one execution provider: both models, with graph optimizations off and on, each loaded
 * once; the rewritten one is laid open where optimizations are off.
 *
 * The original runs first, so that what it cannot do is not blamed on the rewrite. What a model or a provider refuses
 * is in the report and not thrown.
 */
export async function checkProvider(
  runtime: Runtime,
  pair: ModelPair,
  request: ProviderRequest,
): Promise<ProviderResult> {
  const { provider, onProgress } = request;
  const cpu = runtime.providers[0] ?? 'cpu';
  const open: OpenSession = (source, graphOptimization, also) =>
    runtime.createSession(source, { provider, graphOptimization, ...also });

  await onProgress?.('running the original');
  const opening = attempt(() => open(pair.beforeSource, 'disabled'));
  const ahead = prepareSessions(open, pair, request, runtime.overlaps === true);
  let beforeOff: Session | undefined;
  try {
    if (ahead.overlap) ahead.laying?.begin();
    const opened = await opening;
    if (!opened.ok)
      return { report: await inFloat64(pair, request, originalFailed(request, opened.error)), inputs: null };
    const original = opened.value;
    beforeOff = original;
    const first = await attempt(() => firstRun(original, request));
    if (!first.ok)
      return { report: await inFloat64(pair, request, originalFailed(request, first.error)), inputs: null };

    const check = async (regimes: FirstRun['regimes']): Promise<ProviderResult> => {
      const common = { open, cpu, request, original, first: { ...first.value, regimes } };
      const result = await checkRewritten({ ...common, pair, sessions: ahead });
      if (pair.files === undefined || !hasFailed(result.report)) return result;
      // Nobody is blamed for how the models were loaded: what they are said to do wrong, they do from their own files.
      const plain = { ...pair, files: undefined };
      const sessions = prepareSessions(open, plain, request, false);
      return checkRewritten({ ...common, pair: plain, sessions });
    };
    const { regimes } = first.value;
    const result = await check(regimes);
    // Where the outputs say too little on inputs of one range, those of another are tried.
    for (let tried = regimeOf(result); isOpenOutput(result.report) && tried < regimes.length - 1; ) {
      const next = await check(regimes.slice(tried + 1));
      if (!isOpenOutput(next.report)) return next;
      tried = Math.max(tried + 1, regimeOf(next));
    }
    return result;

    function regimeOf({ inputs }: ProviderResult): number {
      return inputs?.regime == null ? 0 : regimes.indexOf(inputs.regime);
    }
  } finally {
    await dropAll(ahead);
    if (beforeOff !== undefined) await letGo(beforeOff);
  }
}

/** What the rewritten model is checked with. */
interface RewrittenRequest {
  readonly open: OpenSession;
  readonly cpu: string;
  readonly pair: ModelPair;
  readonly request: ProviderRequest;
  readonly original: Session;
  readonly first: FirstRun;
  readonly sessions: Sessions;
}

async function checkRewritten({
  open,
  cpu,
  pair,
  request,
  original,
  first,
  sessions,
}: RewrittenRequest): Promise<ProviderResult> {
  const { provider, onProgress } = request;
  const inputs = describeInputs(request, first);
  const isCpu = provider === cpu;

  await onProgress?.('running the rewritten model');
  // The other two load while this one runs, and no earlier: a thread that loads them could not run it.
  const meanwhile = (): void => {
    if (!sessions.overlap) return;
    sessions.after.begin();
    sessions.before.begin();
  };
  const how = { isCpu, isAll: request.isAll !== false, meanwhile };
  const rewritten = await attempt(() => runRewritten(open, pair, sessions.laying, original, first, how));
  if (!rewritten.ok) {
    // It may be the way in which it was laid open.
    const plain = await attempt(async () => runOnce(await open(pair.afterSource, 'disabled'), first.feeds));
    const failed = rewriteFailed(request, plain.ok ? notLaidOpen(rewritten.error) : plain.error);
    return { report: await inFloat64(pair, request, failed), inputs };
  }
  // Where there were other injections, nobody knows what the model should compute.
  const run = { ...rewritten.value, neutral: rewritten.value.neutral && request.isAll !== false };
  if (!sessions.overlap) await run.closing;

  await onProgress?.('running both with graph optimizations');
  let sites: readonly SiteCheck[] = [];
  const traits = { flushesSubnormals: !isCpu };
  const recomputeSites = (): void => {
    sites = run.runs.map((runs) => checkSite(runs, traits));
  };
  const optimized = await runOptimized(sessions, run.feeds, recomputeSites).finally(() => run.closing);
  if ('refused' in optimized && optimized.which === 'after')
    return { report: rewriteFailed(request, optimized.refused), inputs };
  const closed = await run.closing;
  if (!closed.ok)
    return { report: await inFloat64(pair, request, rewriteFailed(request, closed.error)), inputs };
  const onCpu = isCpu
    ? undefined
    : await attempt(async () =>
        runOnce(await open(pair.beforeSource, 'disabled', { provider: cpu }), run.feeds),
      );
  if (onCpu?.ok === false && onCpu.error.details['lost'] !== undefined)
    return { report: rewriteFailed(request, onCpu.error), inputs };
  const answers = { sites, profile: closed.value, optimized, onCpu };
  const said = reportOf(request, run, answers);
  const another =
    said.status === 'mismatch' && run.neutral ? await anotherResult(original, run.feeds) : undefined;
  const made = another === undefined ? said : reportOf(request, run, { ...answers, another });
  const isLost = made.status === 'mismatch' && run.neutral;
  const located = isLost ? await attempt(() => firstDifferent(open, pair, run)) : undefined;
  return {
    inputs: { ...inputs, regime: request.arrays === undefined ? run.regime : null },
    report: located?.ok === true ? { ...made, firstDifferent: located.value } : made,
  };
}

/** Whether one of the two models did not do what it should, or not at all. */
function hasFailed({ status, levels }: ProviderReport): boolean {
  return status === 'mismatch' || (status === 'unchecked' && levels.length < 2);
}

/** What a model gives the second time where that is not what it gave the first time: some draw random numbers. */
async function anotherResult(model: Session, feeds: RuntimeTensors): Promise<RuntimeTensors | undefined> {
  const runs = await attempt(async () => [await model.run(feeds), await model.run(feeds)] as const);
  return runs.ok && worstDifference(...runs.value) > 0 ? runs.value[1] : undefined;
}

/** Whether some output could not be compared: too small, too noisy, or nowhere finite. */
function isOpenOutput({ status, levels }: ProviderReport): boolean {
  return (
    status === 'unchecked' &&
    levels.some(({ outputs }) => outputs.some((output) => output.status === 'unchecked'))
  );
}

/** Where nothing could be run, the blocks are still recomputed, from their nodes in the file. */
async function inFloat64(
  pair: ModelPair,
  request: ProviderRequest,
  report: ProviderReport,
): Promise<ProviderReport> {
  const { record, block } = request;
  if (record === undefined || block === undefined || report.status === 'mismatch') return report;
  const sites = await checkSitesInFloat64(pair, record, block);
  const wrong = sites.flatMap(({ findings }) => findings).find(({ level }) => level === 'fail');
  if (wrong !== undefined) return { ...report, sites, status: 'mismatch', detail: wrong.message };
  return {
    ...report,
    sites,
    detail: `${report.detail} (the blocks were evaluated in float64 and are what they should be)`,
  };
}

function describeInputs(request: ProviderRequest, first: FirstRun): InputsReport {
  return {
    source: request.arrays === undefined ? 'seeded' : 'given',
    regime: null,
    seed: request.seed,
    shapes: Object.fromEntries([...first.feeds].map(([name, { dims }]) => [name, dims])),
  };
}
