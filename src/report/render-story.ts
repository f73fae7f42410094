import { isNeutralInit } from '../blocks/initializers.ts';
import { escapeControls } from '../onnx/format-name.ts';
import { formatBytes, formatDuration } from './format.ts';
import {
  type Paint,
  renderCosts,
  renderInput,
  renderRejections,
  renderSites,
  renderStages,
  showPath,
} from './render-text.ts';
import { renderVerification } from './render-verification.ts';
import type { Report, SiteEntry } from './report.ts';

/** All that is told of an injection: the network, what went where, what it costs, and how it ended. */
export function renderInjection(report: Report, paint: Paint, isVerbose: boolean): string[] {
  const table = isVerbose ? renderSites(report, paint) : renderStages(report, paint);
  const rejections = isVerbose ? renderRejections(report, paint) : [];
  const timings = isVerbose && report.output !== null ? [timingLine(report, paint)] : [];
  return paragraphs([
    [renderInput(report.input)],
    table,
    rejections,
    isVerbose ? [] : leftOutLines(report),
    renderCosts(report, paint),
    [...timings, ...renderStory(report, paint, isVerbose)],
  ]);
}

/** All that is told of a model that is only looked at. */
export function renderLook(report: Report, paint: Paint): string[] {
  return paragraphs([
    [renderInput(report.input)],
    renderSites(report, paint),
    renderRejections(report, paint),
    renderCosts(report, paint),
    [endLine(report, paint)],
  ]);
}

/** The last lines of a run: what became of the file, what was checked, and what comes next. */
export function renderStory(report: Report, paint: Paint, isVerbose = false): string[] {
  const lines = [endLine(report, paint)];
  for (const { fate, path, bytes } of report.output?.dataFiles ?? []) {
    const where = fate === 'kept' ? 'stays where it is' : 'was copied beside the output';
    lines.push(paint('faint', `data file "${escapeControls(path)}" (${formatBytes(bytes)}) ${where}`));
  }
  const { verification } = report;
  const verdict = verification === null ? [] : renderVerification(verification, paint, isVerbose);
  return [...lines, ...verdict, ...nextLines(report)];
}

/** `in.onnx (13.6 MB) → out.onnx (13.9 MB), 16 SE blocks in 120 ms` */
function endLine(report: Report, paint: Paint): string {
  const { input, output, outcome } = report;
  const before = `${showPath(input.path)} (${formatBytes(input.bytes)})`;
  const copy = output === null ? '' : `; ${showOutput(report)} is the same file`;
  switch (outcome) {
    case 'no-site':
      return paint('bad', `${before}: no place for a block was found, and nothing was written`);
    case 'unchanged': {
      const found = report.existing.filter(({ kind }) => kind === 'se').length;
      const existing = Math.max(found, report.present.length);
      const why =
        existing === 0 || report.sites.some(({ leftOut }) => !isThere(leftOut))
          ? `none of its ${report.sites.length} sites was chosen`
          : `nothing to do, ${existing === 1 ? 'its SE block is' : `its ${existing} SE blocks are`} there already`;
      return `${before}: ${why}${copy}`;
    }
    case 'planned':
      return `${before}: ${showBlocks(report)} would be injected, nothing was written`;
    case 'injected':
      return paint(
        'good',
        `${before} → ${showOutput(report)} (${formatBytes(output?.bytes ?? 0)}), ${showBlocks(report)} in ${formatDuration(totalMs(report))}`,
      );
  }
}

/** Whether a site was left out since it has its block. */
function isThere(leftOut: SiteEntry['leftOut']): boolean {
  return leftOut?.reason === 'already-there' || leftOut?.reason === 'has-gate';
}

/** Sites that were left out by a rule, in a line for each: whoever names sites knows which. */
function leftOutLines({ sites }: Report): string[] {
  const lines = new Map<string, { readonly detail: string; readonly ids: string[] }>();
  for (const { id, leftOut } of sites) {
    if (leftOut === null || leftOut.reason === 'not-included' || leftOut.reason === 'excluded') continue;
    const line = lines.get(leftOut.reason) ?? { detail: leftOut.detail, ids: [] };
    line.ids.push(id);
    lines.set(leftOut.reason, line);
  }
  return [...lines].map(
    ([reason, { detail, ids }]) => `left out (${reason}): ${ids.join(', ')}; ${escapeControls(detail)}`,
  );
}

function nextLines(report: Report): string[] {
  if (report.outcome !== 'injected') return [];
  const block = report.sites.find((site) => site.injected)?.block ?? '';
  const init = String(report.options['init']);
  const state = isNeutralInit(init)
    ? 'Its gates start at exactly 1: the model computes what it did until they are trained.'
    : init === 'loaded'
      ? 'Its new weights are those that were given.'
      : `Its new weights are random (${init}): the model computes something else until they are trained.`;
  if (init === 'loaded') return [state];
  return [
    state,
    `Next: load it into a trainer (PyTorch has onnx2torch), let at least the weights "*/${block}/*" learn, and fine-tune.`,
  ];
}

function timingLine({ timings }: Report, paint: Paint): string {
  const { scanMs, sitesMs, spliceMs, writeMs, syncMs } = timings;
  const steps = { scan: scanMs, sites: sitesMs, splice: spliceMs, write: writeMs, sync: syncMs };
  const shown = Object.entries(steps).map(([step, ms]) => `${step} ${formatDuration(ms)}`);
  return paint('faint', shown.join(', '));
}

function showBlocks({ sites }: Report): string {
  const planned = sites.filter((site) => site.block !== null);
  const name = (planned[0]?.block ?? '').toUpperCase();
  return `${planned.length} ${name} block${planned.length === 1 ? '' : 's'}`;
}

function showOutput({ output }: Report): string {
  return output === null || output.path === '-' ? 'stdout' : escapeControls(output.path);
}

function totalMs({ timings }: Report): number {
  const { scanMs, sitesMs, spliceMs, writeMs, syncMs } = timings;
  return scanMs + sitesMs + spliceMs + writeMs + syncMs;
}

/** Puts an empty line between those that have any. */
function paragraphs(parts: readonly (readonly string[])[]): string[] {
  return parts
    .filter((part) => part.length > 0)
    .flatMap((part, index) => (index === 0 ? part : ['', ...part]));
}
