import type { EditReport, Finding, LevelReport, ProviderReport, SiteCheck, Verdict } from './types.ts';

/** What a provider's status is told from. */
export interface ProviderFacts {
  readonly provider: string;
  readonly neutral: boolean;
  readonly injectedByProvider: Readonly<Record<string, number>>;
  readonly levels: readonly LevelReport[];
  readonly sites: readonly SiteCheck[];
}

/** A provider's status and the sentence that says why. */
export function judgeProvider(facts: ProviderFacts): Pick<ProviderReport, 'status' | 'detail'> {
  const { provider, sites, levels, injectedByProvider } = facts;
  const wrong = firstOf(sites, 'fail');
  if (wrong !== undefined) return { status: 'mismatch', detail: wrong.message };
  for (const { graphOptimization, outputs } of levels) {
    const output = outputs.find(({ status }) => status === 'fail');
    if (output === undefined) continue;
    return {
      status: 'mismatch',
      detail: `output "${output.name}" with graph optimizations ${graphOptimization}: ${output.detail}`,
    };
  }
  const elsewhere = Object.keys(injectedByProvider).filter((name) => name !== provider);
  if (sites.length > 0 && injectedByProvider[provider] === undefined && elsewhere.length > 0) {
    return {
      status: 'unavailable',
      detail: `none of the injected nodes ran on ${provider}: they ran on ${elsewhere.join(', ')}`,
    };
  }
  const open = firstOf(sites, 'unchecked');
  if (open !== undefined) return { status: 'unchecked', detail: open.message };
  const openOutput = levels.flatMap(({ outputs }) => outputs).find(({ status }) => status === 'unchecked');
  if (openOutput !== undefined) {
    return { status: 'unchecked', detail: `output "${openOutput.name}": ${openOutput.detail}` };
  }
  return { status: 'ok', detail: okDetail(facts) };
}

/**
 * The verdict over the edit and all providers: one wrong is wrong, one right is needed, and nothing may be open. A
 * provider that lacks what it would need leaves nothing open unless it was asked for by name.
 */
export function judge(
  edit: EditReport,
  providers: readonly ProviderReport[],
  asked: readonly string[],
): { readonly verdict: Verdict; readonly detail: string } {
  const wrongEdit = edit.findings.find(({ level }) => level === 'fail');
  if (wrongEdit !== undefined) return { verdict: 'fail', detail: wrongEdit.message };
  const wrong = providers.find(({ status }) => status === 'mismatch');
  if (wrong !== undefined) return { verdict: 'fail', detail: `${wrong.provider}: ${wrong.detail}` };
  const openEdit = edit.findings.find(({ level }) => level === 'unchecked');
  if (openEdit !== undefined) return { verdict: 'unchecked', detail: openEdit.message };
  const open = providers.find(
    ({ provider, status }) => status !== 'ok' && (status !== 'unavailable' || asked.includes(provider)),
  );
  if (open !== undefined) return { verdict: 'unchecked', detail: `${open.provider}: ${open.detail}` };
  const right = providers.filter(({ status }) => status === 'ok');
  if (right.length > 0)
    return {
      verdict: 'pass',
      detail: right.map(({ provider, detail }) => `${provider}: ${detail}`).join('; '),
    };
  const [unavailable] = providers;
  return { verdict: 'unchecked', detail: unavailable?.detail ?? 'no execution provider was asked' };
}

function firstOf(sites: readonly SiteCheck[], level: Finding['level']): Finding | undefined {
  return sites.flatMap(({ findings }) => findings).find((finding) => finding.level === level);
}

function okDetail({ neutral, sites, levels }: ProviderFacts): string {
  const blocks = `${sites.length} ${sites.length === 1 ? 'block computes' : 'blocks compute'} what the float64 reference does`;
  if (!neutral) return blocks;
  const off = levels.find(({ graphOptimization }) => graphOptimization === 'disabled');
  const exact = off?.outputs.every(({ bitExact }) => bitExact) === true;
  return `outputs ${exact ? 'equal the original’s bit for bit' : 'equal the original’s within rounding'}, ${blocks}`;
}
