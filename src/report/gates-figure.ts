import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { ClassGates, GateSiteReport, GatesReport } from '../evaluate/index.ts';
import { escapeControls } from '../onnx/format-name.ts';

/** Sizes of the figure in pixels. */
const PANEL = { width: 360, height: 170, left: 44, right: 12, top: 30, bottom: 34 } as const;
const COLUMNS = 2;
const LEGEND_HEIGHT = 34;

/** Colours that people of every colour vision tell apart (Okabe and Ito), black for all samples together. */
const COLOURS = ['#000000', '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00'] as const;

/** Classes that are drawn unless others are named: as many as stay legible. */
const CLASSES_SHOWN = COLOURS.length - 1;

/** One line of a panel. */
interface Series {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly number[];
}

/**
 * Draws the gates as figure 6 of the paper does: a panel for each block, the channels along it, and in it the mean gate
 * of all samples and of some classes.
 *
 * @param classes - Indices of the classes to draw; those with the most samples where absent.
 *
 * @example
 * ```ts
 * await writeFile('gates.svg', gatesFigure(report));
 * ```
 */
export function gatesFigure(report: GatesReport, classes?: readonly number[]): string {
  const shown = classes ?? usualClasses(report.sites[0]?.byClass ?? []);
  const rows = Math.ceil(report.sites.length / COLUMNS);
  const columns = Math.min(COLUMNS, Math.max(1, report.sites.length));
  const [width, height] = [columns * PANEL.width, LEGEND_HEIGHT + rows * PANEL.height];
  const title = `Gates of ${report.path} on ${report.data.samples} samples of ${report.data.path}`;
  const panels = report.sites.map((site, index) => {
    const [x, y] = [
      (index % COLUMNS) * PANEL.width,
      LEGEND_HEIGHT + Math.floor(index / COLUMNS) * PANEL.height,
    ];
    return `<g transform="translate(${x},${y})">${panel(site, seriesOf(site, shown))}</g>`;
  });
  const first = report.sites[0];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="sans-serif" font-size="10">`,
    `<title>${text(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    first === undefined ? '' : legend(seriesOf(first, shown)),
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function usualClasses(byClass: readonly ClassGates[]): readonly number[] {
  return byClass
    .toSorted((a, b) => b.samples - a.samples || a.index - b.index)
    .slice(0, CLASSES_SHOWN)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

function seriesOf(site: GateSiteReport, classes: readonly number[]): readonly Series[] {
  const own = classes.flatMap((index, place) => {
    const found = site.byClass.find((one) => one.index === index);
    if (found === undefined) return [];
    const name = found.name === null || found.name === '' ? `class ${index}` : found.name;
    return [{ name, colour: COLOURS[(place % CLASSES_SHOWN) + 1] ?? COLOURS[0], values: found.mean }];
  });
  // The line of all samples lies below, where it hides none.
  return [{ name: 'all', colour: COLOURS[0], values: site.mean }, ...own];
}

function panel(site: GateSiteReport, series: readonly Series[]): string {
  const { width, height, left, right, top, bottom } = PANEL;
  const x = scaleLinear([0, Math.max(1, site.channels - 1)], [left, width - right]);
  const y = scaleLinear(domainOf(site), [height - bottom, top]);
  const path = line<number>(
    (_, channel) => round(x(channel)),
    (value) => round(y(value)),
  );
  const yTicks = y.ticks(4).map((tick) => {
    const at = round(y(tick));
    return `<path d="M${left},${at}H${width - right}" stroke="#dddddd"/><text x="${left - 5}" y="${at + 3}" text-anchor="end">${tick}</text>`;
  });
  const xTicks = x
    .ticks(6)
    .filter(Number.isInteger)
    .map(
      (tick) => `<text x="${round(x(tick))}" y="${height - bottom + 13}" text-anchor="middle">${tick}</text>`,
    );
  const lines = series.map(({ colour, values, name }) => {
    const weight = name === 'all' ? 1.6 : 1;
    // One channel is a point, which a line does not show.
    const drawn =
      values.length === 1 ? `M${left},${round(y(values[0] ?? 0))}H${width - right}` : path([...values]);
    return `<path d="${drawn ?? ''}" fill="none" stroke="${colour}" stroke-width="${weight}" stroke-linejoin="round"/>`;
  });
  return [
    `<text x="${left}" y="${top - 9}" font-weight="bold">${text(`SE_${site.id}`)}</text>`,
    ...yTicks,
    ...xTicks,
    `<text x="${(left + width - right) / 2}" y="${height - 6}" text-anchor="middle">channel index</text>`,
    `<text transform="translate(12,${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">gate</text>`,
    ...lines,
  ].join('\n');
}

/** The gate's bounds, or where it has none what it was, 0 and 1 included. */
function domainOf({ bounds, min, max }: GateSiteReport): readonly [number, number] {
  return bounds ?? [Math.min(0, ...min), Math.max(1, ...max)];
}

function legend(series: readonly Series[]): string {
  let at = PANEL.left;
  const entries = series.map(({ name, colour }) => {
    const shown = name.length > 20 ? `${name.slice(0, 19)}…` : name;
    const entry = `<path d="M${at},16h16" stroke="${colour}" stroke-width="2"/><text x="${at + 20}" y="19">${text(shown)}</text>`;
    at += 34 + 6 * shown.length;
    return entry;
  });
  return entries.join('');
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

/** Text that is harmless in markup: names come from models and folders. */
function text(value: string): string {
  return escapeControls(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
