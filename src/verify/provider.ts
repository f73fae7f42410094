import { SeInjectError } from '../errors.ts';
import { checkSite } from './block-runs.ts';
import { firstDifferent } from './first-different.ts';
import { checkSitesInFloat64 } from './in-float64.ts';
import { integerKernelsOf, isQuantized } from './integer-kernels.ts';
import { judgeProvider } from './judge.ts';
import { type LaidOpen, layOpen } from './laid-open.ts';
import { leanModel } from './lean.ts';
import { compareLevel, worstDifference } from './level.ts';
import { type Prepared, prepare } from './prepared.ts';
import type { ModelPair, OpenSession, ProviderRequest } from './request.ts';
import { type RewrittenRun, runRewritten } from './rewritten.ts';
import {
  countByProvider,
  providerOf,
  type Runtime,
  type RuntimeTensors,
  type Session,
  type SessionProfile,
} from './runtime.ts';
import { attempt, type FirstRun, firstRun, type ProfiledRun, runOnce, runProfiled } from './sessions.ts';
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
  if (ahead.overlap) ahead.laying?.begin();
  const opened = await opening;
  if (!opened.ok) {
    await dropAll(ahead);
    return { report: await inFloat64(pair, request, originalFailed(request, opened.error)), inputs: null };
  }
  const beforeOff = opened.value;
  try {
    const first = await attempt(() => firstRun(beforeOff, request));
    if (!first.ok)
      return { report: await inFloat64(pair, request, originalFailed(request, first.error)), inputs: null };

    const check = async (regimes: FirstRun['regimes']): Promise<ProviderResult> => {
      const common = { open, cpu, request, original: beforeOff, first: { ...first.value, regimes } };
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
    await beforeOff.close();
  }
}

/** The sessions that a check needs besides the original's, begun ahead of their time where the runtime can do that. */
interface Sessions {
  readonly laying: Prepared<LaidOpen> | undefined;
  readonly before: Prepared<Session>;
  readonly after: Prepared<Session>;
  /** Whether several may run at a time. */
  readonly overlap: boolean;
}

/** A larger model is not loaded ahead of its time: all four sessions would be in memory together. */
const AHEAD_BYTES = 2 ** 29;

function prepareSessions(
  open: OpenSession,
  pair: ModelPair,
  request: ProviderRequest,
  overlaps: boolean,
): Sessions {
  const { record, block } = request;
  const close = (session: Session): Promise<unknown> => session.close();
  const laying =
    record === undefined || block === undefined
      ? undefined
      : prepare(
          () => layOpen(open, pair, record, block),
          ({ session }) => session.close(),
        );
  const kept = { profile: isQuantized(pair.before.view) };
  const before = async (): Promise<Session> =>
    open(await leanModel(pair.before, pair.beforeSource, pair.files?.before), 'all', kept);
  return {
    laying,
    after: prepare(() => open(pair.afterSource, 'all', kept), close),
    before: prepare(before, close),
    overlap: overlaps && pair.after.file.source.size <= AHEAD_BYTES,
  };
}

async function dropAll({ laying, before, after }: Sessions): Promise<void> {
  await Promise.all([laying?.drop(), before.drop(), after.drop()]);
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
  const closing = attempt(() => rewritten.value.profile);
  closing.catch(() => {});
  // Where there were other injections, nobody knows what the model should compute.
  const run = { ...rewritten.value, neutral: rewritten.value.neutral && request.isAll !== false };

  await onProgress?.('running both with graph optimizations');
  const traits = { flushesSubnormals: !isCpu };
  let fault: SeInjectError | undefined;
  const ofOriginal = async <T>(action: Promise<T>): Promise<T> => {
    const made = await attempt(() => action);
    if (made.ok) return made.value;
    fault = made.error;
    throw made.error;
  };
  const optimized = await attempt(async () => {
    const start = async (session: Prepared<Session>): Promise<{ readonly done: Promise<ProfiledRun> }> => {
      const done = runProfiled(await session.take(), run.feeds);
      // Whoever waits for it hears of a failure.
      done.catch(() => {});
      return { done };
    };
    const before = await ofOriginal(start(sessions.before));
    // Where the runtime has threads of its own, both run while the blocks are recomputed.
    const beside = sessions.overlap ? await start(sessions.after) : undefined;
    const sites = run.runs.map((runs) => checkSite(runs, traits));
    const outcome = await ofOriginal(before.done);
    const after = beside ?? (await start(sessions.after));
    return { sites, optimized: { before: outcome, after: await after.done } };
  });
  if (!optimized.ok && optimized.error !== fault)
    return { report: rewriteFailed(request, optimized.error), inputs };
  const closed = await closing;
  if (!closed.ok) return { report: rewriteFailed(request, closed.error), inputs };
  const profile = closed.value;
  const onCpu = isCpu
    ? undefined
    : await runOnce(await open(pair.beforeSource, 'disabled', { provider: cpu }), run.feeds);
  // What the original does not do optimized, nobody asks of the rewritten model.
  const answers = optimized.ok
    ? { ...optimized.value, profile }
    : { sites: run.runs.map((runs) => checkSite(runs, traits)), optimized: optimized.error, profile };
  const said = report(request, run, answers, onCpu);
  const another =
    said.status === 'mismatch' && run.neutral ? await anotherResult(original, run.feeds) : undefined;
  const made = another === undefined ? said : report(request, run, { ...answers, another }, onCpu);
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

/** What the blocks did, and what both models gave with graph optimizations on or the original was refused with. */
interface Answers {
  readonly sites: readonly SiteCheck[];
  /** Of the rewritten model laid open. */
  readonly profile: SessionProfile;
  readonly optimized: { readonly before: ProfiledRun; readonly after: ProfiledRun } | SeInjectError;
  /** What the original gives another time, where that is something else. */
  readonly another?: RuntimeTensors;
}

function report(
  request: ProviderRequest,
  run: RewrittenRun,
  { sites, profile, optimized, another }: Answers,
  onCpu: RuntimeTensors | undefined,
): ProviderReport {
  const isCpu = onCpu === undefined;
  const others = [onCpu, another].filter((outputs) => outputs !== undefined);
  const both = 'before' in optimized ? optimized : undefined;
  const levels = [
    compareLevel('disabled', {
      before: run.before,
      after: run.after,
      others,
      demand: !run.neutral ? 'none' : isCpu ? 'bits' : 'tolerance',
    }),
    ...(both === undefined
      ? []
      : [
          compareLevel('all', {
            before: both.before.outputs,
            after: both.after.outputs,
            others: [run.before, ...others],
            demand: run.neutral ? 'tolerance' : 'none',
          }),
        ]),
  ];
  const injectedByProvider: Record<string, number> = {};
  for (const node of run.runs.flatMap(({ tap }) => tap.nodes)) {
    const name = providerOf(profile, node);
    if (name !== undefined) injectedByProvider[name] = (injectedByProvider[name] ?? 0) + 1;
  }
  const facts = {
    original: { status: 'ok' as const, crossCheck: isCpu ? null : worstDifference(run.before, onCpu) },
    soundness: { ok: true, findings: [] },
    nodesByProvider: Object.fromEntries(countByProvider(profile)),
    injectedByProvider,
    integerKernels: integerKernelsOf(both?.before.profile, both?.after.profile),
    levels,
    sites,
  };
  const judged = judgeProvider({ provider: request.provider, neutral: run.neutral, ...facts });
  const isOpen = 'before' in optimized || judged.status !== 'ok';
  return { ...emptyReport(request), ...facts, ...(isOpen ? judged : notOptimized(optimized)) };
}

function notOptimized({ message }: SeInjectError): Pick<ProviderReport, 'status' | 'detail'> {
  const detail = `the original does not run with graph optimizations, so the rewrite was compared only without: ${message}`;
  return { status: 'unchecked', detail };
}

/** The report of a provider that has said nothing yet. */
export function emptyReport(request: Pick<ProviderRequest, 'provider' | 'adapter'>): ProviderReport {
  return {
    provider: request.provider,
    adapter: request.adapter ?? null,
    status: 'unchecked',
    detail: '',
    original: { status: 'does-not-run', crossCheck: null },
    soundness: { ok: false, findings: [] },
    nodesByProvider: {},
    injectedByProvider: {},
    integerKernels: null,
    levels: [],
    sites: [],
    firstDifferent: null,
    bisect: null,
  };
}

function originalFailed(request: ProviderRequest, error: SeInjectError): ProviderReport {
  const { code, message } = error;
  if (code === 'verify/provider-unavailable' || code === 'verify/runtime-missing')
    return { ...emptyReport(request), status: 'unavailable', detail: message };
  // It is not the original's fault that it is fed what it does not take.
  const why = code === 'verify/invalid-input' ? 'was not run' : 'does not run';
  const detail = `the original ${why}, so nothing is said of the rewrite: ${message}`;
  return { ...emptyReport(request), status: 'unchecked', detail };
}

/** What came of laying a model open that runs as it is: nothing that it is to blame for. */
function notLaidOpen(cause: SeInjectError): SeInjectError {
  const message = `it runs, but not with its blocks laid open: ${cause.message}`;
  return new SeInjectError(cause.code, message, { details: { ...cause.details, lost: 'taps' }, cause });
}

/**
 * The original ran and the rewritten model does not: unless the provider lacks what the blocks need, or something else
 * gave way, that is a fault.
 */
function rewriteFailed(request: ProviderRequest, error: SeInjectError): ProviderReport {
  if (error.details['lost'] !== undefined) {
    const detail = `the original runs, and what the rewritten model does is not known: ${error.message}`;
    return {
      ...emptyReport(request),
      original: { status: 'ok', crossCheck: null },
      status: 'error',
      detail,
    };
  }
  const lacking = error.code === 'verify/provider-unavailable' || error.details['reason'] === 'no-kernel';
  return {
    ...emptyReport(request),
    original: { status: 'ok', crossCheck: null },
    status: lacking ? 'unavailable' : 'mismatch',
    detail: lacking
      ? error.message
      : `the rewritten model does not run, and the original does: ${error.message}`,
    soundness: {
      ok: lacking,
      findings: [{ level: lacking ? 'unchecked' : 'fail', code: 'does-not-run', message: error.message }],
    },
  };
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
