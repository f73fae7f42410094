/** Where two files that should be the same differ, and what lies there. */
import { allTensors } from '../onnx/all-tensors.ts';
import { checkExternalPath, type DataFolder, externalRange } from '../onnx/external-data.ts';
import { formatName } from '../onnx/format-name.ts';
import type { FieldSpan, ModelFile, NodeProto } from '../onnx/model-file.ts';
import type { ByteSource } from '../wire/byte-source.ts';
import { equalBytes } from '../wire/bytes.ts';

/** Bytes that are compared at a time: two such parts stay in the cache, and what else is to be done gets its turn. */
const CHUNK = 256 * 1024;

/** A stretch of a file. */
interface Stretch {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Where a model's file first differs from another, and in what: `at byte 17, in initializer "w"`; nothing where it does not. */
export async function fileDifference(before: ModelFile, after: ModelFile): Promise<string | undefined> {
  const at = await firstDifference(wholeOf(before.source), wholeOf(after.source));
  if (at === undefined) return undefined;
  const place = (await differentPart(before, after)) ?? differentFact(before, after);
  return `at byte ${at}, ${place ?? 'outside of its nodes, tensors and values'}`;
}

/**
 * The first tensor of a model whose data beside the file are not the same in two folders, in words; nothing where all
 * are.
 *
 * Throws the `onnx/external-data-...` errors.
 */
export async function dataDifference(
  model: ModelFile,
  before: DataFolder,
  after: DataFolder,
): Promise<string | undefined> {
  const seen = new Set<string>();
  for (const tensor of allTensors(model)) {
    const { data } = tensor;
    if (data.location !== 'external') continue;
    const key = JSON.stringify([data.path, data.offset, data.length, tensor.dims, tensor.dataType]);
    if (seen.has(key)) continue;
    seen.add(key);
    checkExternalPath(data.path, tensor.name);
    const stretch = async (folder: DataFolder): Promise<Stretch> => {
      const source = await folder.open(data.path);
      return { source, ...externalRange(tensor, data, source.size) };
    };
    const [left, right] = [await stretch(before), await stretch(after)];
    const at = await firstDifference(left, right);
    if (at === undefined) continue;
    return `the data of tensor "${formatName(tensor.name)}" in "${formatName(data.path)}" differ from the original’s at byte ${left.offset + at}`;
  }
  return undefined;
}

/** The first byte in which two stretches differ, counted from their starts, or nothing. */
async function firstDifference(a: Stretch, b: Stretch): Promise<number | undefined> {
  const size = Math.min(a.length, b.length);
  const [readA, readB] = [partReader(a.source), partReader(b.source)];
  for (let at = 0; at < size; at += CHUNK) {
    const length = Math.min(CHUNK, size - at);
    const [left, right] = await Promise.all([readA(a.offset + at, length), readB(b.offset + at, length)]);
    if (!equalBytes(left, right)) return at + left.findIndex((byte, index) => byte !== right[index]);
  }
  return a.length === b.length ? undefined : size;
}

function wholeOf(source: ByteSource): Stretch {
  return { source, offset: 0, length: source.size };
}

/** Reads parts of a file one after the other, into the same memory where it is not in memory already. */
function partReader(source: ByteSource): (offset: number, length: number) => Promise<Uint8Array> {
  if (source.fill === undefined) return (offset, length) => source.read(offset, length);
  const memory = new Uint8Array(CHUNK);
  return async (offset, length) => {
    const part = memory.subarray(0, length);
    await source.fill?.(part, offset);
    return part;
  };
}

/** A message of a model, by a name that people know it by. */
interface Part {
  readonly label: string;
  readonly span: FieldSpan;
}

/** The first message, in the order of the file, that is another one, is missing or was not there. */
async function differentPart(before: ModelFile, after: ModelFile): Promise<string | undefined> {
  const [left, right] = [partsOf(before), partsOf(after)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [a, b] = [left[index], right[index]];
    if (a !== undefined && b !== undefined) {
      const at = await firstDifference(stretchOf(before, a), stretchOf(after, b));
      if (at === undefined) continue;
    }
    const isNew = b !== undefined && !left.some(({ label }) => label === b.label);
    const isGone = a !== undefined && !right.some(({ label }) => label === a.label);
    if (isNew && (a === undefined || !isGone)) return `where it has ${b.label} more`;
    if (isGone && (b === undefined || !isNew)) return `where ${a.label} is missing`;
    return `in ${(a ?? b)?.label}`;
  }
  return undefined;
}

function stretchOf({ source }: ModelFile, { span: { start, end } }: Part): Stretch {
  return { source, offset: start, length: end - start };
}

function partsOf({ graph, functions, metadataProps }: ModelFile): Part[] {
  const named = (
    what: string,
    items: readonly { readonly name: string; readonly span: FieldSpan }[],
  ): Part[] => items.map(({ name, span }) => ({ label: `${what} "${formatName(name)}"`, span }));
  const nodes = (list: readonly NodeProto[], of: string): Part[] =>
    list.map(({ opType, name, output, span }) => ({
      label: `the ${formatName(opType)} node "${formatName(name || (output[0] ?? ''))}"${of}`,
      span,
    }));
  return [
    ...nodes(graph.node, ''),
    ...functions.flatMap(({ node, name }) => nodes(node, ` of function "${formatName(name)}"`)),
    ...named('initializer', graph.initializer),
    ...named('sparse initializer', graph.sparseInitializer),
    ...named('graph input', graph.input),
    ...named('graph output', graph.output),
    ...named('the type of value', graph.valueInfo),
    ...metadataProps.map(({ key, span }) => ({ label: `metadata "${formatName(key)}"`, span })),
  ].sort((a, b) => a.span.start - b.span.start);
}

/** What a model says of itself outside of these messages. */
function differentFact(before: ModelFile, after: ModelFile): string | undefined {
  const factsOf = ({ irVersion, opsetImport, producerName, producerVersion, graph }: ModelFile) => ({
    'its IR version': irVersion,
    'its operator sets': JSON.stringify(opsetImport),
    'its producer': JSON.stringify([producerName, producerVersion]),
    'the name of its graph': graph.name,
  });
  const facts: Readonly<Record<string, number | string>> = factsOf(after);
  const different = Object.entries(factsOf(before)).find(([name, fact]) => facts[name] !== fact);
  return different === undefined ? undefined : `in ${different[0]}`;
}
