import { invalidData } from './faults.ts';

/** The classes of a model, in its order, and how the data may name them. */
export interface ClassList {
  /** Names by index. */
  readonly names: readonly string[];
  /** Index of each name, WNID or other word that stands for a class. */
  readonly indexOf: ReadonlyMap<string, number>;
}

/** ImageNet's names of classes: `n01440764`. */
const WNID = /^n\d{8}$/;

/**
 * Reads a file of classes: one a line, in the order of the model's outputs. A line may begin with a WNID, as in
 * `n01440764 tench, Tinca tinca`; then the data may use either. Keras' `imagenet_class_index.json` is read as well.
 *
 * Throws `evaluate/invalid-data` for a file without classes, or with one twice.
 *
 * @example
 * ```ts
 * parseClasses('n01440764 tench\nn01443537 goldfish\n', 'classes.txt').indexOf.get('n01443537'); // → 1
 * ```
 */
export function parseClasses(text: string, path: string): ClassList {
  const lines = text.trimStart().startsWith('{') ? fromJson(text, path) : fromLines(text);
  if (lines.length === 0) throw invalidData(`"${path}" names no class: write one on each line`, path);
  const indexOf = new Map<string, number>();
  const names = lines.map((line, index) => {
    const [first = '', rest] = splitOnce(line);
    const isWnid = WNID.test(first) && rest !== '';
    const keys = isWnid ? [first] : [line];
    for (const key of keys) {
      if (indexOf.has(key)) throw invalidData(`"${path}" names class "${key}" twice`, path);
      indexOf.set(key, index);
    }
    return isWnid ? rest : line;
  });
  // Two WNIDs may share a word (ImageNet has two cranes and two maillots): the WNID decides, the word stands for neither.
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === names.lastIndexOf(name) && !indexOf.has(name)) indexOf.set(name, index);
  }
  return { names, indexOf };
}

/** The classes of data that name them and nothing else: sorted, as torchvision sorts folders. */
export function sortedClasses(words: Iterable<string>): ClassList {
  const names = [...new Set(words)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return { names, indexOf: new Map(names.map((name, index) => [name, index])) };
}

function fromLines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** `{"0": ["n01440764", "tench"], ...}` or `{"0": "tench", ...}`. */
function fromJson(text: string, path: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalidData(`"${path}" begins like JSON and is none: write one class on each line`, path, cause);
  }
  const entries = Object.entries(parsed as Record<string, unknown>);
  return entries.map((_, index) => {
    const value = (parsed as Record<string, unknown>)[String(index)];
    const words = Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : [];
    if (words.length === 0) throw invalidData(`"${path}" has no class ${index} of ${entries.length}`, path);
    return words.join(' ');
  });
}

function splitOnce(line: string): readonly [string, string] {
  const space = line.search(/\s/);
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space).trim()];
}
