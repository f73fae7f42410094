import { escapeControls, formatName } from '../onnx/format-name.ts';
import type { Finding, KernelCounts, OutputReport, ProviderReport, VerifyReport } from '../verify/types.ts';
import { type Column, formatTable } from './format.ts';
import type { Paint, TextRole } from './render-text.ts';

/** Findings that are shown unless all are asked for. */
const FINDINGS_SHOWN = 5;

/** All that is told of a verification: the verdict, what it was told on, and in full where each figure comes from. */
export function renderVerification(report: VerifyReport, paint: Paint, isVerbose: boolean): string[] {
  const lines = [paint(roleOf(report.verdict), `${report.verdict}: ${escapeControls(report.detail)}`)];
  if (report.inputs !== null) lines.push(paint('faint', inputsLine(report)));
  const findings = openFindings(report);
  const shown = isVerbose ? findings : findings.slice(0, FINDINGS_SHOWN);
  for (const finding of shown)
    lines.push(paint(roleOf(finding.level), `  ${escapeControls(finding.message)}`));
  if (shown.length < findings.length) lines.push(`  and ${findings.length - shown.length} more (--verbose)`);
  for (const provider of report.providers) lines.push(...renderProvider(provider, paint, isVerbose));
  return lines;
}

function inputsLine({ inputs }: VerifyReport): string {
  const shapes = Object.entries(inputs?.shapes ?? {}).map(
    ([name, dims]) => `${formatName(name)} [${dims.join(', ')}]`,
  );
  const how =
    inputs?.source === 'given'
      ? 'inputs as given'
      : `seeded inputs (${inputs?.regime ?? '-'}, seed ${inputs?.seed})`;
  return `${how}: ${shapes.join(', ')}`;
}

/** Findings that the verdict's own sentence does not tell already. */
function openFindings(report: VerifyReport): readonly Finding[] {
  const all = [
    ...report.edit.findings,
    ...report.providers.flatMap(({ sites }) => sites.flatMap(({ findings }) => findings)),
  ];
  const seen = new Set([report.detail]);
  return all.filter(({ message }) => {
    const isNew = !seen.has(message);
    seen.add(message);
    return isNew;
  });
}

function renderProvider(report: ProviderReport, paint: Paint, isVerbose: boolean): string[] {
  const { provider, status, detail, firstDifferent, bisect } = report;
  const nodes = Object.entries(report.nodesByProvider).map(([name, count]) => `${count} nodes on ${name}`);
  const injected = Object.entries(report.injectedByProvider).map(
    ([name, count]) => `${count} injected ones on ${name}`,
  );
  const ran = [...nodes, ...injected].join(', ');
  const lines = [
    `${provider}${adapterOf(report)}: ${paint(statusRole(status), status)}${ran === '' ? '' : `, ${ran}`}`,
  ];
  if (status !== 'ok') lines.push(`  ${escapeControls(detail)}`);
  if (report.original.crossCheck !== null) {
    lines.push(
      paint(
        'faint',
        `  the original differs from itself on the CPU by up to ${report.original.crossCheck.toPrecision(3)}`,
      ),
    );
  }
  lines.push(...kernelLines(report, paint));
  if (firstDifferent !== null) {
    lines.push(
      `  the first value that differs is "${formatName(firstDifferent.value)}", which site ${firstDifferent.site} taps`,
    );
  }
  if (bisect !== null) lines.push(`  at fault: ${bisect.sites.join(', ')} (found in ${bisect.runs} runs)`);
  if (isVerbose) lines.push(...indent(outputTable(report)), ...indent(siteTable(report)));
  return lines;
}

/** Whether a quantized network is still fast by what it was fast by. */
function kernelLines({ integerKernels }: ProviderReport, paint: Paint): string[] {
  if (integerKernels === null) return [];
  const list = (counts: KernelCounts): string =>
    Object.entries(counts)
      .map(([opType, count]) => `${count} ${opType}`)
      .join(', ');
  const lost = list(integerKernels.lost);
  if (lost !== '')
    return [paint('warning', `  no longer run on integers, with graph optimizations: ${lost}`)];
  const kept = list(integerKernels.before);
  return kept === '' ? [] : [paint('faint', `  still run on integers, with graph optimizations: ${kept}`)];
}

function adapterOf({ provider, adapter }: ProviderReport): string {
  if (adapter !== null) {
    const name = escapeControls(
      adapter.description || [adapter.vendor, adapter.architecture].join(' ').trim(),
    );
    return ` (${name}${adapter.fallback ? ', in software' : ''})`;
  }
  return provider === 'cpu' || provider === 'wasm' ? '' : ' (adapter not reported)';
}

const OUTPUT_COLUMNS: readonly Column[] = [
  { heading: 'output', align: 'left' },
  { heading: 'optimizations', align: 'left' },
  { heading: 'bit-exact', align: 'left' },
  { heading: 'max abs', align: 'right' },
  { heading: 'allowed', align: 'right' },
  { heading: 'cosine', align: 'right' },
  { heading: 'SNR dB', align: 'right' },
  { heading: 'argmax', align: 'right' },
];

function outputTable({ levels }: ProviderReport): string[] {
  const rows = levels.flatMap(({ graphOptimization, outputs }) =>
    outputs.map((output) => [formatName(output.name), graphOptimization, ...outputCells(output)]),
  );
  return formatTable(OUTPUT_COLUMNS, rows);
}

function outputCells(output: OutputReport): string[] {
  const { bitExact, maxAbs, tolerance, cosine, snrDb, argmaxAgreement } = output;
  return [
    bitExact ? 'yes' : 'no',
    show(maxAbs),
    show(tolerance),
    show(cosine),
    show(snrDb),
    show(argmaxAgreement),
  ];
}

const SITE_COLUMNS: readonly Column[] = [
  { heading: 'site', align: 'left' },
  { heading: 'ok', align: 'left' },
  { heading: 'output reacts', align: 'left' },
  { heading: 'unchanged', align: 'left' },
  { heading: 'gate min', align: 'right' },
  { heading: 'mean', align: 'right' },
  { heading: 'max', align: 'right' },
  { heading: '|squeeze|', align: 'right' },
  { heading: 'dead units', align: 'right' },
  { heading: 'error / bound', align: 'right' },
];

function siteTable({ sites }: ProviderReport): string[] {
  const yes = (is: boolean): string => (is ? 'yes' : 'no');
  const rows = sites.map((site) => [
    site.id,
    yes(site.ok),
    yes(site.sensitive),
    yes(site.bitExact),
    show(site.gateMin),
    show(site.gateMean),
    show(site.gateMax),
    show(site.squeezeMaxAbs),
    `${site.deadUnits}`,
    show(site.oracleMaxRel),
  ]);
  return formatTable(SITE_COLUMNS, rows);
}

function show(value: number | null): string {
  return value === null ? '-' : `${Number(value.toPrecision(3))}`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function roleOf(verdict: string): TextRole {
  return verdict === 'pass' ? 'good' : verdict === 'fail' ? 'bad' : verdict === 'note' ? 'faint' : 'warning';
}

function statusRole(status: ProviderReport['status']): TextRole {
  return status === 'ok' ? 'good' : status === 'mismatch' ? 'bad' : 'warning';
}
