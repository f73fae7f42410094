import proto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { encodeMetadata } from '../../src/onnx/encode.ts';
import { type InjectOptions, openModel, RECORD_KEY, readRecords, rewrite } from '../../src/splice/index.ts';
import { type ModelPair, type VerifyOptions, type VerifyReport, verify } from '../../src/verify/index.ts';
import type { Runtime } from '../../src/verify/runtime.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { concatBytes } from '../../src/wire/bytes.ts';
import { patchBytes, patchedBytes } from '../../src/wire/patch.ts';
import { fieldsOf, parseModel } from './protobuf-tree.ts';

/** The message class, for planting faults: a test may write back what the product must not. */
export type Graph = InstanceType<typeof proto.onnx.GraphProto>;

let runtime: Promise<Runtime> | undefined;

/** Verifies two models that are in memory, in this process. */
export async function verifyBytes(
  before: Uint8Array,
  after: Uint8Array,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  runtime ??= openOnnxRuntime();
  return verify(await runtime, await pairOf(before, after), options);
}

/** Two models that are in memory, for a verification. */
export async function pairOf(before: Uint8Array, after: Uint8Array): Promise<ModelPair> {
  return {
    before: await openModel(memorySource(before)),
    after: await openModel(memorySource(after)),
    beforeSource: { bytes: before },
    afterSource: { bytes: after },
  };
}

/** Injects into a model in memory. */
export async function injectBytes(before: Uint8Array, options: InjectOptions = {}): Promise<Uint8Array> {
  const { patch } = await rewrite(memorySource(before), options);
  return patchedBytes(patch);
}

/** Field number of `ModelProto.graph`. */
const GRAPH = 7;

/** Changes the graph of a model in memory by way of its decoded messages; what is around the graph stays as it is. */
export function plant(bytes: Uint8Array, change: (graph: Graph) => void): Uint8Array {
  const [field] = fieldsOf(parseModel(bytes), GRAPH);
  if (field === undefined) throw new Error('the model has no graph');
  const graph = proto.onnx.GraphProto.decode(field.content.slice());
  change(graph);
  const writer = protobuf.Writer.create()
    .uint32((GRAPH << 3) | 2)
    .bytes(proto.onnx.GraphProto.encode(graph).finish());
  return concatBytes([
    bytes.subarray(0, field.start),
    writer.finish(),
    bytes.subarray(field.start + field.raw.length),
  ]);
}

/** The records of a model as JSON that a test may write anything into. */
export type LooseRecord = Record<string, unknown> & {
  sites: (Record<string, unknown> & {
    site: Record<string, unknown>;
    options: Record<string, unknown>;
    names: Record<string, string>;
    redirected: Record<string, unknown>[];
  })[];
};

/** Changes what the last record of a model in memory says; all else stays as it is. */
export async function plantRecord(
  bytes: Uint8Array,
  change: (record: LooseRecord) => void,
): Promise<Uint8Array> {
  const { file } = await openModel(memorySource(bytes));
  const { records, entry } = readRecords(file);
  if (entry === undefined) throw new Error('the model has no record');
  const changed = structuredClone(records) as unknown as LooseRecord[];
  const last = changed.at(-1);
  if (last !== undefined) change(last);
  const { parent: within, start: offset, end } = entry.span;
  const insert = encodeMetadata(RECORD_KEY, JSON.stringify(changed));
  return patchedBytes(patchBytes(file.source, [{ within, offset, remove: end - offset, insert }]));
}
