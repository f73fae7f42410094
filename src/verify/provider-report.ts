import { SeInjectError } from '../errors.ts';
import { integerKernelsOf } from './integer-kernels.ts';
import { judgeProvider } from './judge.ts';
import { compareLevel, worstDifference } from './level.ts';
import type { OptimizedRuns } from './optimized.ts';
import type { ProviderRequest } from './request.ts';
import type { RewrittenRun } from './rewritten.ts';
import { countByProvider, providerOf, type RuntimeTensors, type SessionProfile } from './runtime.ts';
import type { Attempt } from './sessions.ts';
import type { ProviderReport, SiteCheck } from './types.ts';

/** What the blocks did, and what both models gave. */
export interface Answers {
  readonly sites: readonly SiteCheck[];
  /** Of the rewritten model laid open. */
  readonly profile: SessionProfile;
  readonly optimized: OptimizedRuns;
  /** What the original gives on the CPU, or is refused with there; nothing where that is the provider itself. */
  readonly onCpu: Attempt<RuntimeTensors> | undefined;
  /** What the original gives another time, where that is something else. */
  readonly another?: RuntimeTensors;
}

/** The report of a provider on which both models run. */
export function reportOf(
  request: ProviderRequest,
  run: RewrittenRun,
  { sites, profile, optimized, onCpu, another }: Answers,
): ProviderReport {
  const isCpu = onCpu === undefined;
  const elsewhere = onCpu?.ok === true ? onCpu.value : undefined;
  const others = [elsewhere, another].filter((outputs) => outputs !== undefined);
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
    original: {
      status: 'ok' as const,
      crossCheck: elsewhere === undefined ? null : worstDifference(run.before, elsewhere),
    },
    soundness: { ok: true, findings: [] },
    nodesByProvider: Object.fromEntries(countByProvider(profile)),
    injectedByProvider,
    integerKernels: integerKernelsOf(both?.before.profile, both?.after.profile),
    levels,
    sites,
  };
  const judged = judgeProvider({ provider: request.provider, neutral: run.neutral, ...facts });
  const said = { ...emptyReport(request), ...facts, ...judged };
  if (judged.status !== 'ok') return said;
  // What the original does not do optimized, nobody asks of the rewritten model.
  if ('refused' in optimized) return { ...said, ...notOptimized(optimized.refused) };
  return onCpu?.ok === false ? { ...said, detail: `${said.detail} (${NOT_CROSS_CHECKED})` } : said;
}

/** What a CPU has no kernels for may still run elsewhere. */
const NOT_CROSS_CHECKED = 'not cross-checked: the original does not run on the CPU';

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

/** The report where the original did not run. */
export function originalFailed(request: ProviderRequest, error: SeInjectError): ProviderReport {
  const { code, message } = error;
  if (code === 'verify/provider-unavailable' || code === 'verify/runtime-missing')
    return { ...emptyReport(request), status: 'unavailable', detail: message };
  // It is not the original's fault that it is fed what it does not take.
  const why = code === 'verify/invalid-input' ? 'was not run' : 'does not run';
  const detail = `the original ${why}, so nothing is said of the rewrite: ${message}`;
  return { ...emptyReport(request), status: 'unchecked', detail };
}

/** What came of laying a model open that runs as it is: nothing that it is to blame for. */
export function notLaidOpen(cause: SeInjectError): SeInjectError {
  const message = `it runs, but not with its blocks laid open: ${cause.message}`;
  return new SeInjectError(cause.code, message, { details: { ...cause.details, lost: 'taps' }, cause });
}

/**
 * The original ran and the rewritten model does not: unless the provider lacks what the blocks need, or something else
 * gave way, that is a fault.
 */
export function rewriteFailed(request: ProviderRequest, error: SeInjectError): ProviderReport {
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
