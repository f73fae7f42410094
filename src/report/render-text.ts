import { escapeControls, formatName } from '../onnx/format-name.ts';
import { type Column, formatCount, formatQuantity, formatShare, formatTable } from './format.ts';
import { type ModelReport, type Report, type SiteEntry, sumOrNull } from './report.ts';

/** What a piece of text is, for whoever gives it colour. */
export type TextRole = 'heading' | 'good' | 'warning' | 'bad' | 'faint';

/** Marks up a text, or leaves it as it is. */
export type Paint = (role: TextRole, text: string) => string;

/** Leaves all text as it is. */
export const plainPaint: Paint = (_role, text) => text;

/** The network that was read, in one line. */
export function renderInput(input: ModelReport): string {
  const macs = input.macs === null ? '' : `, ${formatQuantity(input.macs)} MACs`;
  const producer = input.producer === '' ? '' : `, by ${formatName(input.producer)}`;
  return `${showPath(input.path)}: ${formatCount(input.nodes)} nodes, ${formatCount(input.parameters)} parameters${macs}, opset ${input.opset}, IR ${input.irVersion}${producer}`;
}

/** Sites that are alike, a line each: what goes where, stage by stage. */
export function renderStages(report: Report, paint: Paint): string[] {
  const planned = report.sites.filter((site) => site.block !== null);
  // By stage, and within one in the order of the graph.
  const byStage = planned.toSorted((a, b) => a.stage - b.stage);
  const groups = groupBy(byStage, groupKey);
  const rows = [...groups.values()].map((sites) => {
    const [first] = sites as readonly [SiteEntry];
    return [
      `${first.stage}`,
      `${first.stride}`,
      showSize(first),
      kindOf(first),
      `${first.channels}`,
      `${first.reducedChannels ?? '-'}`,
      `${sites.length}`,
      showCount(sumOrNull(sites.map((site) => site.addedParameters))),
      showQuantity(sumOrNull(sites.map((site) => site.addedMacs))),
    ];
  });
  return paintHeading(formatTable(STAGE_COLUMNS, rows), paint);
}

const STAGE_COLUMNS: readonly Column[] = [
  { heading: 'stage', align: 'right' },
  { heading: 'stride', align: 'right' },
  { heading: 'size', align: 'right' },
  { heading: 'kind', align: 'left' },
  { heading: 'channels', align: 'right' },
  { heading: 'reduced', align: 'right' },
  { heading: 'blocks', align: 'right' },
  { heading: 'parameters', align: 'right' },
  { heading: 'MACs', align: 'right' },
];

/** Every site in a line of its own, with the value that is tapped. */
export function renderSites(report: Report, paint: Paint): string[] {
  const rows = report.sites.map((site) => [
    site.id,
    kindOf(site),
    `${site.stride}`,
    showSize(site),
    `${site.channels}`,
    `${site.reducedChannels ?? '-'}`,
    showCount(site.addedParameters),
    formatName(site.value),
    site.block === null ? escapeControls(site.leftOut?.detail ?? 'not chosen') : '',
  ]);
  return paintHeading(formatTable(SITE_COLUMNS, rows), paint);
}

const SITE_COLUMNS: readonly Column[] = [
  { heading: 'site', align: 'left' },
  { heading: 'kind', align: 'left' },
  { heading: 'stride', align: 'right' },
  { heading: 'size', align: 'right' },
  { heading: 'channels', align: 'right' },
  { heading: 'reduced', align: 'right' },
  { heading: 'parameters', align: 'right' },
  { heading: 'tapped value', align: 'left' },
  { heading: '', align: 'left' },
];

/** What was turned down and why, and the gates that are there already. */
export function renderRejections(report: Report, paint: Paint): string[] {
  const lines: string[] = [];
  if (report.existing.length > 0) {
    lines.push(paint('heading', `channel gates that are there already: ${report.existing.length}`));
    for (const gate of report.existing) {
      const channels = gate.channels === null ? '' : `, ${gate.channels} channels`;
      const what = gate.kind === 'se' ? 'SE block' : 'gate';
      lines.push(`  ${what} on ${formatName(gate.value)}${channels}`);
    }
  }
  if (report.rejections.length === 0) return lines;
  lines.push(paint('heading', `turned down: ${report.rejections.length}`));
  for (const [reason, rejections] of groupBy(report.rejections, (rejection) => rejection.reason)) {
    lines.push(`  ${reason} (${rejections.length})`);
    for (const { node, opType, detail } of rejections) {
      lines.push(`    ${formatName(opType)} ${formatName(node)}: ${escapeControls(detail)}`);
    }
  }
  return lines;
}

/** Parameters, multiply-accumulates and bytes, before and after, and what the paper's formula says of them. */
export function renderCosts(report: Report, paint: Paint): string[] {
  const { input, output } = report;
  const planned = report.sites.filter((site) => site.block !== null);
  if (planned.length === 0) return [];
  const addedParameters = sumOrNull(planned.map((site) => site.addedParameters)) ?? 0;
  const addedMacs = sumOrNull(planned.map((site) => site.addedMacs));
  // Where there is an output, its own figures count, and not what was planned.
  const parameters = output === null ? addedParameters : output.parameters - input.parameters;
  const rows = [
    costRow('parameters', input.parameters, parameters, formatCount),
    costRow('MACs', input.macs, addedMacs, formatQuantity),
    ...(output === null ? [] : [costRow('bytes', input.bytes, output.bytes - input.bytes, formatCount)]),
  ];
  return [...paintHeading(formatTable(COST_COLUMNS, rows), paint), ...formulaLine(report, addedParameters)];
}

const COST_COLUMNS: readonly Column[] = [
  { heading: '', align: 'left' },
  { heading: 'before', align: 'right' },
  { heading: 'after', align: 'right' },
  { heading: 'added', align: 'right' },
  { heading: '', align: 'right' },
];

function costRow(
  name: string,
  before: number | null,
  added: number | null,
  format: (value: number) => string,
): string[] {
  const show = (value: number | null): string => (value === null ? 'unknown' : format(value));
  const share = before === null || added === null ? '' : formatShare(added, before);
  return [name, show(before), show(sumOrNull([before, added])), show(added), share];
}

/** (2/r) * sum of C^2, equation 5 of the paper, with each site's own r. */
function formulaLine(report: Report, added: number): string[] {
  const { reducedChannels, ratioOf } = report.options;
  const planned = report.sites.filter((site) => site.block !== null);
  // The formula is of the paper's block: one ratio, of the tapped channels.
  if (planned.some((site) => site.block !== 'se') || (reducedChannels ?? 'auto') !== 'auto') return [];
  if (ratioOf !== undefined && ratioOf !== 'auto' && ratioOf !== 'tapped') return [];
  const ratios = planned.map((site) => site.reductionRatio ?? 1);
  const formula =
    sumOrNull(planned.map(({ channels, reductionRatio }) => (2 * channels ** 2) / (reductionRatio ?? 1))) ??
    0;
  const shown = [...new Set(ratios)].sort((a, b) => a - b).join(' and ');
  const difference = Math.round(added - formula);
  const rest =
    difference === 0
      ? ''
      : `; biases and whole multiples of the divisor make it ${difference > 0 ? '+' : ''}${formatCount(difference)}`;
  return [`paper, (2/r) * sum of C^2 at r = ${shown}: ${formatCount(Math.round(formula))} parameters${rest}`];
}

function groupKey(site: SiteEntry): string {
  return [site.stage, site.stride, showSize(site), kindOf(site), site.channels, site.reducedChannels].join(
    '|',
  );
}

function kindOf({ kind, variant }: SiteEntry): string {
  return variant === '' || variant === kind ? kind : `${kind}, ${variant}`;
}

function showSize({ spatial }: SiteEntry): string {
  return spatial === null ? '?' : spatial.join('x');
}

function showCount(count: number | null): string {
  return count === null ? '-' : formatCount(count);
}

function showQuantity(quantity: number | null): string {
  return quantity === null ? '?' : formatQuantity(quantity);
}

function paintHeading(table: readonly string[], paint: Paint): string[] {
  const [heading, ...rows] = table;
  return heading === undefined ? [] : [paint('heading', heading), ...rows];
}

/** A path, harmless on a terminal; `-` by what it stands for. */
export function showPath(path: string): string {
  return path === '-' ? 'stdin' : escapeControls(path);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
