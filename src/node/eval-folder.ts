import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
import { ioError, quotePath } from './io-error.ts';

/** Endings of images: those that torchvision takes, and what sharp decodes besides. */
const IMAGE = /\.(jpe?g|png|ppm|pgm|bmp|tiff?|webp|gif|avif)$/i;

/** How a folder of images is read. */
export interface FolderOptions {
  /** The model's classes; without them, the sorted names of the folders are the classes. */
  readonly classes: ClassList | undefined;
  /** Whether the classes take turns, so that the first samples are of all of them. */
  readonly interleave: boolean;
  readonly decoder: ImageDecoder;
}

/** A folder of images as it was found. */
interface ClassFolder {
  readonly name: string;
  /** Null where the model's classes do not have it. */
  readonly label: number | null;
  readonly count: number;
}

/**
 * A folder of images with a folder for each class, as ImageNet and torchvision lay it out.
 *
 * Names of files are listed class by class as they are needed. Throws `evaluate/invalid-data` for a folder without class
 * folders.
 */
export async function folderDataset(path: string, options: FolderOptions): Promise<Dataset> {
  const { interleave, decoder } = options;
  const names = (await subfolders(path)).sort(byCodeUnits);
  if (names.length === 0)
    throw invalidData(
      `${quotePath(path)} has no folders: give one with a folder of images for each class`,
      path,
    );
  const classes = options.classes ?? sortedClasses(names);
  const folders: ClassFolder[] = [];
  const passedOver: string[] = [];
  for (const name of names) {
    const { images, others } = await list(join(path, name));
    passedOver.push(...others.slice(0, 3 - passedOver.length));
    folders.push({ name, label: classes.indexOf.get(name) ?? null, count: images.length });
  }
  const size = folders.reduce((sum, { count, label }) => sum + (label === null ? 0 : count), 0);
  const notes = [
    ...(interleave ? ['with a limit, the classes take turns'] : []),
    ...(passedOver.length > 0
      ? [`files that are no images were passed over, such as ${passedOver.map(quotePath).join(', ')}`]
      : []),
    ...numberNote(names, options.classes),
  ];
  return { format: 'images', path, classNames: classes.names, size, notes, walk };

  async function* walk(): AsyncGenerator<Sample | DataFault> {
    for (const folder of folders) {
      const fault = folderFault(folder);
      if (fault !== undefined) yield fault;
    }
    const usable = folders.filter(({ label, count }) => label !== null && count > 0);
    if (interleave) yield* inTurns(usable);
    else for (const folder of usable) for (const file of await images(folder)) yield sample(folder, file);
  }

  async function* inTurns(usable: readonly ClassFolder[]): AsyncGenerator<Sample> {
    const files = new Map<ClassFolder, readonly string[]>();
    const longest = Math.max(0, ...usable.map(({ count }) => count));
    for (let turn = 0; turn < longest; turn += 1) {
      for (const folder of usable) {
        if (turn >= folder.count) continue;
        const listed = files.get(folder) ?? (await images(folder));
        files.set(folder, listed);
        const file = listed[turn];
        if (file !== undefined) yield sample(folder, file);
      }
    }
  }

  async function images({ name }: ClassFolder): Promise<readonly string[]> {
    return (await list(join(path, name))).images;
  }

  function sample({ name, label }: ClassFolder, file: string): Sample {
    return {
      name: join(name, file),
      label,
      load: (geometry) => decoder.decode(join(path, name, file), geometry),
    };
  }
}

/** The names of folders in a folder, those that begin with a dot left out. */
export async function subfolders(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(path)) if (await isFolder(path, entry)) found.push(entry.name);
  return found;
}

/** Images under a folder at any depth, by their paths in it, sorted; other files beside. */
async function list(
  path: string,
): Promise<{ readonly images: readonly string[]; readonly others: readonly string[] }> {
  const images: string[] = [];
  const others: string[] = [];
  for (const entry of await entriesOf(path)) {
    if (await isFolder(path, entry)) {
      const below = await list(join(path, entry.name));
      images.push(...below.images.map((file) => join(entry.name, file)));
      others.push(...below.others);
    } else if (IMAGE.test(entry.name)) images.push(entry.name);
    else others.push(join(path, entry.name));
  }
  return { images: images.sort(byCodeUnits), others };
}

async function entriesOf(path: string): Promise<readonly Dirent[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  return entries.filter(({ name }) => !name.startsWith('.'));
}

async function isFolder(path: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(join(path, entry.name)).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

function folderFault({ name, label, count }: ClassFolder): DataFault | undefined {
  if (label === null) {
    const detail = `its folder is none of the classes, so its ${count} images were left out: check --classes`;
    return { kind: 'unknown-label', name: formatName(name), detail, count };
  }
  if (count > 0) return undefined;
  return { kind: 'empty-class', name: formatName(name), detail: 'its folder has no images' };
}

/** Numbers sort as text: 10 before 2, which is what torchvision does and seldom what is meant. */
function numberNote(names: readonly string[], classes: ClassList | undefined): string[] {
  const numbers = names.filter((name) => /^\d+$/.test(name));
  const sameLength = new Set(numbers.map(({ length }) => length)).size === 1;
  if (classes !== undefined || numbers.length < names.length || sameLength) return [];
  return [
    'the class folders are numbers and were sorted as text (10 before 2), as torchvision does: give --classes if the model was trained otherwise',
  ];
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
