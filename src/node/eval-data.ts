import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  arrayDataset,
  type ClassList,
  cifarDataset,
  cifarKind,
  type DataFormat,
  type Dataset,
  idxRows,
  invalidData,
  isIdx,
  npyRows,
  parseClasses,
  type Resizer,
  type RowSource,
  readHead,
} from '../evaluate/index.ts';
import { isNpy } from '../onnx/npy.ts';
import { isZip } from '../onnx/npz.ts';
import { listNpz } from '../onnx/npz-stream.ts';
import { folderDataset, subfolders } from './eval-folder.ts';
import { type ImageDecoder, openDecoder } from './eval-images.ts';
import { listDataset } from './eval-list.ts';
import { type FileStream, fileStream, npzEntry } from './eval-streams.ts';
import { ioError, quotePath } from './io-error.ts';

/** What is said of the data besides their path. */
export interface DataOptions {
  /** What the data are, where it is not to be told from them. */
  readonly format?: DataFormat | undefined;
  /** A file of labels beside the images: .npy or IDX. */
  readonly labels?: string | undefined;
  /** A file with the model's classes, one a line. */
  readonly classes?: string | undefined;
  /** Which part of data in two parts: test, unless said otherwise. */
  readonly split?: 'train' | 'test' | undefined;
  /** Whether the classes of a folder take turns. */
  readonly interleave?: boolean | undefined;
}

/** Data that were opened, and what changes the size of their pictures. */
export interface OpenData {
  readonly dataset: Dataset;
  readonly resize: Resizer;
}

/**
 * Opens labelled data on disk and tells what they are from their content: a folder of images with a folder for each
 * class, a CSV or JSON-lines list of paths, .npz and .npy arrays, IDX files (MNIST), gzipped ones too, CIFAR's binary files.
 *
 * Throws `evaluate/invalid-data` where that cannot be told, `evaluate/decoder-missing` for images without sharp, and
 * `node/not-found` and the like.
 *
 * @example
 * ```ts
 * const { dataset } = await openData('t10k-images-idx3-ubyte');
 * dataset.size; // → 10000
 * ```
 */
export async function openData(path: string, options: DataOptions = {}): Promise<OpenData> {
  const stats = await stat(path).catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  const classes = options.classes === undefined ? undefined : await readClasses(options.classes);
  const dataset = stats.isDirectory()
    ? await openFolder(path, options, classes)
    : await openDataFile(path, options, classes);
  let decoder: Promise<ImageDecoder> | undefined;
  return {
    dataset,
    // Only for arrays that have another size than the model: most never need a library for it.
    async resize(...wanted) {
      decoder ??= openDecoder();
      return (await decoder).resize(...wanted);
    },
  };
}

async function readClasses(path: string): Promise<ClassList> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw ioError(error, 'read', path);
  });
  return parseClasses(text, path);
}

async function openFolder(
  path: string,
  options: DataOptions,
  classes: ClassList | undefined,
): Promise<Dataset> {
  const { format, split = 'test', interleave = false } = options;
  const names = await readdir(path);
  const isTest = split === 'test';
  const idx = names.find((name) => (isTest ? /^(t10k|test)-images/ : /^train-images/).test(name));
  if (idx !== undefined && (format ?? 'idx') === 'idx')
    return withNote(await openDataFile(join(path, idx), options, classes), `of the folder, ${idx} was taken`);
  const pattern = isTest ? /^test(_batch)?\.bin$/ : /^(data_batch_\d+|train)\.bin$/;
  const batches = names.filter((name) => pattern.test(name)).sort();
  if (batches.length > 0 && (format ?? 'cifar10').startsWith('cifar'))
    return openCifar(
      path,
      await Promise.all(batches.map((name) => fileStream(join(path, name)))),
      format,
      classes,
    );
  if (format !== undefined && format !== 'images')
    throw invalidData(`${quotePath(path)} is a folder without ${format} data for --split ${split}`, path);
  const root = await imageRoot(path, split);
  const decoder = await openDecoder();
  return folderDataset(root, { classes, interleave, decoder });
}

/** The folder with the class folders, where train and test lie side by side. */
async function imageRoot(path: string, split: 'train' | 'test'): Promise<string> {
  const folders = await subfolders(path);
  const parts = new Set(['train', 'val', 'valid', 'validation', 'test']);
  if (folders.length === 0 || !folders.every((name) => parts.has(name))) return path;
  const wanted = split === 'train' ? ['train'] : ['val', 'valid', 'validation', 'test'];
  for (const name of wanted) {
    // ImageNet's own test part has no labels, and no folders.
    if (folders.includes(name) && (await subfolders(join(path, name))).length > 0) return join(path, name);
  }
  throw invalidData(
    `${quotePath(path)} has ${folders.join(', ')}, and none of them fits --split ${split}`,
    path,
  );
}

async function openDataFile(
  path: string,
  options: DataOptions,
  classes: ClassList | undefined,
): Promise<Dataset> {
  const file = await fileStream(path);
  const head = await readHead(file, 2 ** 16);
  const format = options.format ?? recognise(head, file.size);
  const classNames = classes?.names;
  switch (format) {
    case 'npy': {
      const labels = await labelRows(options.labels ?? (await besideNpy(path)));
      return arrayDataset({ format, path, images: await npyRows(file), labels, classNames });
    }
    case 'npz':
      return openNpz(file, options, classNames);
    case 'idx': {
      const images = await idxRows(file);
      const labels = await labelRows(options.labels ?? (await besideIdx(path)));
      return arrayDataset({ format, path, images, labels, classNames });
    }
    case 'cifar10':
    case 'cifar100':
      return openCifar(path, [file], format, classes);
    case 'list':
      return listDataset(path, { classes, decoder: await openDecoder() });
    case 'images':
      throw invalidData(
        `${quotePath(path)} is a file: give the folder that holds a folder for each class`,
        path,
      );
    case undefined:
      throw invalidData(
        `${quotePath(path)} is no data that is known: give a folder of images, a CSV or JSON-lines list, .npz, .npy, IDX or CIFAR binary files, and --data-format to insist`,
        path,
      );
  }
}

function recognise(head: Uint8Array, size: number): DataFormat | undefined {
  if (isNpy(head)) return 'npy';
  if (isZip(head)) return 'npz';
  if (isIdx(head)) return 'idx';
  const cifar = cifarKind(head, size);
  if (cifar !== undefined) return cifar;
  // Text has no zeros and no other controls.
  const isText =
    head.length > 0 && !head.subarray(0, 4096).some((byte) => byte < 9 || (byte > 13 && byte < 32));
  return isText ? 'list' : undefined;
}

/** Names that arrays of images and of labels go by, those of a part behind the plain ones. */
const IMAGE_NAMES = ['x', 'images', 'data', 'inputs', 'input', 'features'];
const LABEL_NAMES = ['y', 'labels', 'label', 'targets', 'target'];

async function openNpz(
  file: FileStream,
  { split = 'test', labels }: DataOptions,
  classNames: readonly string[] | undefined,
): Promise<Dataset> {
  const names = await listNpz(file.open());
  const find = (words: readonly string[]): string | undefined => {
    const wanted = words.flatMap((word) => [`${word}_${split}`, `${split}_${word}`, word]);
    return wanted.find((name) => names.includes(name));
  };
  const shown = names.map((name) => `"${name}"`).join(', ') || 'none';
  const imageName = find(IMAGE_NAMES) ?? (names.length === 1 ? names[0] : undefined);
  if (imageName === undefined)
    throw invalidData(
      `${quotePath(file.path)} has the arrays ${shown}: name the samples "x" and their labels "y"`,
      file.path,
    );
  const labelName = find(LABEL_NAMES);
  const labelSource =
    labels !== undefined
      ? await labelRows(labels)
      : labelName === undefined
        ? undefined
        : await npyRows(npzEntry(file, labelName));
  const images = await npyRows(npzEntry(file, imageName));
  const notes =
    names.length > 2 ? [`of the arrays ${shown}, "${imageName}" and "${labelName ?? ''}" were taken`] : [];
  return arrayDataset({ format: 'npz', path: file.path, images, labels: labelSource, classNames, notes });
}

async function openCifar(
  path: string,
  files: readonly FileStream[],
  format: DataFormat | undefined,
  classes: ClassList | undefined,
): Promise<Dataset> {
  const [first] = files;
  if (first === undefined) throw invalidData(`${quotePath(path)} has no CIFAR files`, path);
  const told = cifarKind(await readHead(first, 2 ** 16), first.size);
  const kind = format === 'cifar10' || format === 'cifar100' ? format : told;
  if (kind === undefined)
    throw invalidData(
      `${quotePath(first.path)} is no binary file of CIFAR: its size or its labels do not fit`,
      path,
    );
  const beside = kind === 'cifar10' ? 'batches.meta.txt' : 'fine_label_names.txt';
  const text = await readFile(join(dirname(first.path), beside), 'utf8').catch(() => undefined);
  const names = classes ?? (text === undefined ? undefined : parseClasses(text, beside));
  return cifarDataset(kind, path, files, names?.names);
}

/** Labels in a file of their own, .npy or IDX. */
async function labelRows(path: string | undefined): Promise<RowSource | undefined> {
  if (path === undefined) return undefined;
  const file = await fileStream(path);
  const head = await readHead(file, 8);
  if (isNpy(head)) return npyRows(file);
  if (isIdx(head)) return idxRows(file);
  throw invalidData(`${quotePath(path)} holds no labels: give an .npy or IDX file`, path);
}

/** `t10k-images-idx3-ubyte.gz` has its labels in `t10k-labels-idx1-ubyte.gz`; one of the two may be unpacked. */
function besideIdx(path: string): Promise<string | undefined> {
  const name = basename(path).replace('images', 'labels').replace('idx3', 'idx1');
  const other = name.endsWith('.gz') ? name.slice(0, -3) : `${name}.gz`;
  return firstBeside(path, [name, other]);
}

/** `x.npy` has its labels in `y.npy`, `test_images.npy` in `test_labels.npy`. */
function besideNpy(path: string): Promise<string | undefined> {
  const name = basename(path);
  return firstBeside(path, [
    name.replace(/images/i, 'labels'),
    name.replace(/data/i, 'labels'),
    name.replace(/(^|_)[xX](?=[_.])/, '$1y'),
    name.replace(/(^|_)X(?=[_.])/, '$1Y'),
  ]);
}

async function firstBeside(path: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const other = join(dirname(path), name);
    if (
      name !== basename(path) &&
      (await stat(other).then(
        (found) => found.isFile(),
        () => false,
      ))
    )
      return other;
  }
  return undefined;
}

function withNote(dataset: Dataset, note: string): Dataset {
  return { ...dataset, notes: [...dataset.notes, note] };
}
