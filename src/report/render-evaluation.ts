import type {
  AccuracyReport,
  ClassReport,
  ComparisonReport,
  DataReport,
  EvaluationReport,
  FaultReport,
  Preprocessing,
  RequirementReport,
  ShareReport,
} from '../evaluate/index.ts';
import { escapeControls, formatName } from '../onnx/format-name.ts';
import { type Column, formatCount, formatTable } from './format.ts';
import type { Paint } from './render-text.ts';

/** Classes that are shown of a network with many, the worst first, unless all are asked for. */
const CLASSES_SHOWN = 5;

/** All that is told of an evaluation: data, preparation, accuracy, the difference, and what was not as it should be. */
export function renderEvaluation(report: EvaluationReport, paint: Paint, isVerbose: boolean): string[] {
  const parts = [
    renderData(report.data, report.preprocessing, paint),
    modelTable(report, paint),
    classTable(report, paint, isVerbose),
    report.comparisons.flatMap((comparison) => renderComparison(comparison, paint)),
    [...renderFaults(report.faults, paint), ...report.requirements.map((one) => requirementLine(one, paint))],
  ];
  return parts
    .filter((part) => part.length > 0)
    .flatMap((part, index) => (index === 0 ? part : ['', ...part]));
}

/** Which data were used, and how they were prepared. */
export function renderData(data: DataReport, preprocessing: Preprocessing, paint: Paint): string[] {
  const { samples, available, interrupted, format, classes, labelled } = data;
  const part = available !== null && available > samples ? ` of ${formatCount(available)}` : '';
  const names = classes === null ? '' : `, ${formatCount(classes)} classes`;
  const lines = [
    `${escapeControls(data.path)}: ${formatCount(samples)}${part} samples (${format})${names}${labelled ? '' : ', without labels'}`,
    paint('faint', `prepared as ${describePreparation(preprocessing)}`),
  ];
  if (interrupted) lines.push(paint('warning', `interrupted after ${formatCount(samples)} samples`));
  for (const note of data.notes) lines.push(paint('warning', `note: ${escapeControls(note)}`));
  return lines;
}

/** The preparation in one line: `mnist (assumed; see --preprocess): grey, 28x28, (x / 255 - 0.1307) / 0.3081, nchw float32`. */
export function describePreparation(preprocessing: Preprocessing): string {
  const { preset, assumed, geometry, channels, scale, mean, std, layout, dataType } = preprocessing;
  const { resize, crop, interpolation } = geometry;
  const steps = layout === 'plain' ? [] : [channels as string];
  if (resize.mode === 'shorter') steps.push(`shorter side ${resize.size} (${interpolation})`);
  if (resize.mode === 'exact') steps.push(`${resize.width}x${resize.height} (${interpolation})`);
  if (crop !== null) steps.push(`middle ${crop.width}x${crop.height}`);
  const show = (numbers: readonly number[]): string =>
    new Set(numbers).size === 1 ? `${numbers[0]}` : `[${numbers.join(', ')}]`;
  const scaled = scale === '0-1' ? 'x / 255' : 'x';
  const isPlain = mean.every((number) => number === 0) && std.every((number) => number === 1);
  steps.push(isPlain ? scaled : `(${scaled} - ${show(mean)}) / ${show(std)}`);
  steps.push(layout === 'plain' ? dataType : `${layout} ${dataType}`);
  return `${preset}${assumed ? ' (assumed from the data; see --preprocess)' : ''}: ${steps.join(', ')}`;
}

/** What could not be used, counted and named. */
export function renderFaults(faults: readonly FaultReport[], paint: Paint): string[] {
  return faults.flatMap(({ kind, count, examples }) => [
    paint('warning', `left out, ${kind}: ${formatCount(count)}`),
    ...examples.slice(0, 3).map(({ name, detail }) => `  ${formatName(name)}: ${escapeControls(detail)}`),
    ...(examples.length > 3 || count > examples.length ? ['  ... (--json names more)'] : []),
  ]);
}

const MODEL_COLUMNS: readonly Column[] = [
  { heading: 'model', align: 'left' },
  { heading: 'top-1', align: 'left' },
  { heading: 'top-5', align: 'left' },
  { heading: 'cross-entropy', align: 'left' },
  { heading: 'samples/s', align: 'right' },
  { heading: 'ms/batch', align: 'right' },
];

function modelTable({ models }: EvaluationReport, paint: Paint): string[] {
  const rows = models.map(({ path, accuracy, speed }) => [
    escapeControls(path),
    showShare(accuracy?.top1 ?? null),
    showShare(accuracy?.top5 ?? null),
    showEntropy(accuracy),
    speed === null ? '-' : formatCount(Math.round(speed.samplesPerSecond)),
    speed === null ? '-' : `${speed.msPerBatch.toFixed(1)} (${speed.batch})`,
  ]);
  const [heading = '', ...rest] = formatTable(MODEL_COLUMNS, rows);
  const nonFinite = models.flatMap(({ path, accuracy }) =>
    accuracy !== null && accuracy.nonFinite > 0
      ? [
          paint(
            'warning',
            `${escapeControls(path)}: NaN or infinite outputs for ${formatCount(accuracy.nonFinite)} samples`,
          ),
        ]
      : [],
  );
  return [paint('heading', heading), ...rest, ...nonFinite];
}

/** `96.58% (96.21 to 96.92)`: the share and the interval of 95%. */
function showShare(share: ShareReport | null): string {
  if (share === null || share.share === null) return '-';
  const [low, high] = share.interval.map((bound) => (100 * bound).toFixed(2));
  return `${percent(share.share)} (${low} to ${high})`;
}

function showEntropy(accuracy: AccuracyReport | null): string {
  if (accuracy === null) return '-';
  const { crossEntropy, outputsAre } = accuracy;
  return crossEntropy === null ? `- (${outputsAre})` : `${crossEntropy.toFixed(4)} (${outputsAre})`;
}

const CLASS_COLUMNS: readonly Column[] = [
  { heading: 'class', align: 'left' },
  { heading: 'samples', align: 'right' },
];

/** Classes by the accuracy of the last model, the worst first. */
function classTable({ models }: EvaluationReport, paint: Paint, isVerbose: boolean): string[] {
  const last = models.at(-1)?.accuracy ?? null;
  if (last === null) return [];
  const present = last.perClass.filter(({ total }) => total > 0);
  const worst = present.toSorted((a, b) => (a.share ?? 0) - (b.share ?? 0));
  const shown = isVerbose ? worst : worst.slice(0, CLASSES_SHOWN);
  const rows = shown.map((own) => [
    nameOf(own),
    formatCount(own.total),
    ...models.map(({ accuracy }) => showPercent(accuracy?.perClass[own.index]?.share ?? null)),
    own.mistakenFor === null ? '' : `${nameOf(own.mistakenFor)} (${formatCount(own.mistakenFor.count)})`,
  ]);
  const columns: Column[] = [
    ...CLASS_COLUMNS,
    ...models.map((_, index) => ({ heading: columnOf(index, models.length), align: 'right' as const })),
    { heading: 'most often taken for', align: 'left' },
  ];
  const [heading = '', ...rest] = formatTable(columns, rows);
  const more = present.length - shown.length;
  return [
    paint('heading', heading),
    ...rest,
    ...(more > 0
      ? [paint('faint', `${formatCount(more)} more classes do no worse (--verbose lists them)`)]
      : []),
  ];
}

function columnOf(index: number, count: number): string {
  if (count === 1) return 'top-1';
  return index === 0 ? 'before' : count === 2 ? 'after' : `model ${index + 1}`;
}

function nameOf({ index, name }: Pick<ClassReport, 'index' | 'name'>): string {
  return name === null || name === '' ? `${index}` : `${index} ${formatName(name)}`;
}

function renderComparison(comparison: ComparisonReport, paint: Paint): string[] {
  const { answers, distance, pixelAgreement, timeRatio, verdict, sentence } = comparison;
  const facts: string[] = [];
  if (answers?.agreement != null) facts.push(`same answer to ${percent(answers.agreement)}`);
  if (pixelAgreement !== null) facts.push(`same class at ${percent(pixelAgreement)} of the pixels`);
  if (distance.equal === distance.elements) facts.push('outputs equal');
  else {
    if (distance.cosine !== null) facts.push(`outputs' cosine ${distance.cosine.toFixed(6)}`);
    if (distance.snrDb !== null) facts.push(`SNR ${distance.snrDb.toFixed(1)} dB`);
    facts.push(`largest difference ${distance.maxAbs.toPrecision(3)}`);
  }
  if (timeRatio !== null) facts.push(`time x ${timeRatio.toFixed(2)}`);
  const role = verdict === 'worse' ? 'bad' : verdict === 'better' || verdict === 'same' ? 'good' : 'warning';
  return [
    `${escapeControls(comparison.before)} → ${escapeControls(comparison.after)}: ${facts.join(', ')}`,
    paint(role, sentence),
  ];
}

function requirementLine({ name, limit, value, met }: RequirementReport, paint: Paint): string {
  const shown = value === null ? 'not measured' : percent(value);
  const wanted =
    name === 'min-top1' ? `top-1 at least ${percent(limit)}` : `a drop of at most ${percent(limit)}`;
  return paint(met ? 'good' : 'bad', `${met ? 'met' : 'not met'}: ${wanted} was demanded, it is ${shown}`);
}

function showPercent(share: number | null): string {
  return share === null ? '-' : percent(share);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
