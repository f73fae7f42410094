import type { GateSiteReport, GatesReport, StripProposal } from '../evaluate/index.ts';
import { escapeControls } from '../onnx/format-name.ts';
import { type Column, formatBytes, formatCount, formatQuantity, formatTable } from './format.ts';
import { renderData, renderFaults } from './render-evaluation.ts';
import type { Paint } from './render-text.ts';

const COLUMNS: readonly Column[] = [
  { heading: 'site', align: 'left' },
  { heading: 'channels', align: 'right' },
  { heading: 'mean', align: 'right' },
  { heading: 'spread', align: 'right' },
  { heading: 'least', align: 'right' },
  { heading: 'most', align: 'right' },
  { heading: 'by class', align: 'right' },
  { heading: 'shut', align: 'right' },
  { heading: 'full', align: 'right' },
  { heading: 'dead', align: 'right' },
  { heading: 'constant', align: 'right' },
];

/** All that is told of a model's gates: a line for each site, and which of them could be taken out. */
export function renderGates(report: GatesReport, paint: Paint): string[] {
  const rows = report.sites.map((site) => [
    site.id,
    formatCount(site.channels),
    site.overall.toFixed(3),
    meanOf(site.std).toFixed(3),
    Math.min(...site.min).toFixed(3),
    Math.max(...site.max).toFixed(3),
    site.classDependence === null ? '-' : percent(site.classDependence),
    percent(site.saturation.low),
    percent(site.saturation.high),
    formatCount(site.deadChannels.length),
    site.isConstant ? 'all' : formatCount(site.constantChannels),
  ]);
  const [heading = '', ...rest] = formatTable(COLUMNS, rows);
  return [
    ...renderData(report.data, report.preprocessing, paint),
    '',
    paint('heading', heading),
    ...rest,
    paint(
      'faint',
      'spread: standard deviation over the samples; by class: the share of the variance between classes;',
    ),
    paint(
      'faint',
      'shut, full: gates within 1% of their bounds; dead, constant: channels that are shut or still for all samples',
    ),
    '',
    ...report.findings.map((finding) => paint('warning', `not read: ${escapeControls(finding)}`)),
    ...renderFaults(report.faults, paint),
    ...conclusion(report, paint),
  ];
}

function conclusion({ sites, proposal, path }: GatesReport, paint: Paint): string[] {
  if (sites.length === 0) return [paint('bad', 'No gate could be read: only channel gates can be shown.')];
  if (proposal === null)
    return [paint('good', 'Every block answers to its input: none is a candidate to take out.')];
  if (proposal.isExact && proposal.sites.length === sites.length) {
    return [
      paint(
        'warning',
        'All gates are 1, whatever the input: the blocks have not been trained yet, and change nothing.',
      ),
    ];
  }
  const names = proposal.sites.join(', ');
  const few = proposal.sites.length === 1;
  return [
    paint('warning', `Candidates to take out: ${names}, whose gates do not depend on the input.`),
    proposal.isExact
      ? `${few ? 'Its gates are' : 'Their gates are all'} 1: without ${few ? 'it' : 'them'} the model computes the same.`
      : `Some of ${few ? 'its' : 'their'} gates are not 1: without ${few ? 'it' : 'them'} the model computes something else, so measure it with eval.`,
    `Saves ${savings(proposal)}: se-inject strip ${escapeControls(path)} --sites ${proposal.sites.join(',')}`,
  ];
}

function savings({ parameters, macs, bytes }: StripProposal): string {
  return [
    `${formatCount(parameters)} parameters`,
    ...(macs === null ? [] : [`${formatQuantity(macs)} MACs`]),
    ...(bytes === null ? [] : [formatBytes(bytes)]),
  ].join(', ');
}

function meanOf(numbers: GateSiteReport['std']): number {
  return numbers.length === 0 ? 0 : numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
