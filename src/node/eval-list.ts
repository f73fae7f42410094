import { createReadStream } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import {
  type ClassList,
  type DataFault,
  type Dataset,
  invalidData,
  type Sample,
  sortedClasses,
} from '../evaluate/index.ts';
import { formatName } from '../onnx/format-name.ts';
import type { ImageDecoder } from './eval-images.ts';
import { quotePath } from './io-error.ts';

/** How a list of images is read. */
export interface ListOptions {
  readonly classes: ClassList | undefined;
  readonly decoder: ImageDecoder;
}

/** One line of a list. */
interface Row {
  /** For people: `list.csv:3`. */
  readonly name: string;
  readonly path: string | undefined;
  readonly label: string | number | undefined;
}

const PATH_KEYS = ['path', 'file', 'filename', 'file_name', 'image', 'image_path', 'filepath'];
const LABEL_KEYS = ['label', 'class', 'target', 'category', 'label_id', 'class_id', 'y'];

/**
 * A list of paths and labels, relative to the list: CSV with or without a header (commas, semicolons or tabs), JSON lines,
 * or `path label` with a blank between. Labels are indices or names of classes; names without a file of classes are sorted.
 *
 * Throws `evaluate/invalid-data` where the list has no columns of paths.
 */
export async function listDataset(path: string, options: ListOptions): Promise<Dataset> {
  const read = await rowReader(path);
  const { size, words } = await survey(read);
  const classes = options.classes ?? (words.size > 0 ? sortedClasses(words) : undefined);
  const folder = dirname(path);
  return { format: 'list', path, classNames: classes?.names, size, notes: [], walk };

  async function* walk(): AsyncGenerator<Sample | DataFault> {
    for await (const row of read()) yield toSample(row);
  }

  function toSample(row: Row): Sample | DataFault {
    if (row.path === undefined || row.path === '')
      return { kind: 'bad-row', name: row.name, detail: 'it has no path' };
    const file = isAbsolute(row.path) ? row.path : join(folder, row.path);
    const load = (geometry: Parameters<Sample['load']>[0]) => options.decoder.decode(file, geometry);
    const label = labelOf(row.label, classes);
    if (label !== undefined) return { name: row.path, label, load };
    const shown = formatName(String(row.label));
    return {
      kind: 'unknown-label',
      name: row.name,
      detail: `label "${shown}" is no index and no class: check --classes`,
    };
  }
}

/** The index of a label, null where there is none, undefined where it means nothing. */
function labelOf(label: Row['label'], classes: ClassList | undefined): number | null | undefined {
  if (label === undefined || label === '') return null;
  const named = classes?.indexOf.get(String(label));
  if (named !== undefined) return named;
  return isIndex(label) ? Number(label) : undefined;
}

function isIndex(label: string | number): boolean {
  return /^-?\d+$/.test(String(label));
}

/** Counts the rows, and collects the labels where they are names. */
async function survey(
  read: () => AsyncGenerator<Row>,
): Promise<{ size: number; words: ReadonlySet<string> }> {
  const words = new Set<string>();
  let [size, areIndices] = [0, true];
  for await (const { label } of read()) {
    size += 1;
    if (label === undefined || label === '') continue;
    if (!isIndex(label)) areIndices = false;
    // Only as many as any network has classes: a column of other words is found out when it is looked up.
    if (words.size < 100_000) words.add(String(label));
  }
  return { size, words: areIndices ? new Set() : words };
}

async function rowReader(path: string): Promise<() => AsyncGenerator<Row>> {
  const first = await firstLine(path);
  if (first.startsWith('{')) return () => jsonRows(path);
  const delimiter = [',', '\t', ';'].find((one) => first.includes(one));
  if (delimiter === undefined && /\S\s+-?\d+$/.test(first)) return () => blankRows(path);
  const header = first.split(delimiter ?? ',').map((word) => word.trim().replace(/^"|"$/g, '').toLowerCase());
  const at = (keys: readonly string[]): number => header.findIndex((word) => keys.includes(word));
  const [pathAt, labelAt] = [at(PATH_KEYS), at(LABEL_KEYS)];
  const hasHeader = pathAt >= 0 || labelAt >= 0;
  if (hasHeader && pathAt < 0)
    throw invalidData(`${quotePath(path)} has no column of paths: name one of its columns "path"`, path);
  const columns = hasHeader ? { path: pathAt, label: labelAt } : { path: 0, label: 1 };
  return () => csvRows(path, delimiter ?? ',', columns, hasHeader);
}

async function* csvRows(
  path: string,
  delimiter: string,
  columns: { readonly path: number; readonly label: number },
  hasHeader: boolean,
): AsyncGenerator<Row> {
  const file = createReadStream(path);
  const parser = parse({
    delimiter,
    bom: true,
    trim: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  file.once('error', (error) => parser.destroy(error));
  let line = 0;
  try {
    for await (const cells of file.pipe(parser) as AsyncIterable<readonly string[]>) {
      line += 1;
      if (line === 1 && hasHeader) continue;
      yield { name: `${path}:${line}`, path: cells[columns.path], label: cells[columns.label] };
    }
  } catch (cause) {
    throw invalidData(
      `${quotePath(path)} cannot be read as CSV: ${cause instanceof Error ? cause.message : String(cause)}`,
      path,
      cause,
    );
  } finally {
    file.destroy();
    parser.destroy();
  }
}

async function* jsonRows(path: string): AsyncGenerator<Row> {
  for await (const { text, line } of linesOf(path)) {
    const name = `${path}:${line}`;
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    const row = typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
    const value = (keys: readonly string[]): unknown =>
      row[keys.find((key) => Object.hasOwn(row, key)) ?? ''];
    const [file, label] = [value(PATH_KEYS), value(LABEL_KEYS)];
    yield {
      name,
      path: typeof file === 'string' ? file : undefined,
      label: typeof label === 'string' || typeof label === 'number' ? label : undefined,
    };
  }
}

/** `path label`: the label is what follows the last blank. */
async function* blankRows(path: string): AsyncGenerator<Row> {
  for await (const { text, line } of linesOf(path)) {
    const [, file, label] = /^(.*\S)\s+(\S+)$/.exec(text.trim()) ?? [];
    yield { name: `${path}:${line}`, path: file, label };
  }
}

async function* linesOf(path: string): AsyncGenerator<{ readonly text: string; readonly line: number }> {
  const file = createReadStream(path, 'utf8');
  const lines = createInterface({ input: file, crlfDelay: Number.POSITIVE_INFINITY });
  let line = 0;
  try {
    for await (const text of lines) {
      line += 1;
      if (text.trim() !== '') yield { text: line === 1 ? text.replace(/^\uFEFF/, '') : text, line };
    }
  } finally {
    lines.close();
    file.destroy();
  }
}

async function firstLine(path: string): Promise<string> {
  for await (const { text } of linesOf(path)) return text.trim();
  throw invalidData(`${quotePath(path)} is empty: write a path and a label on each line`, path);
}
