import proto from 'onnx-proto';
import protobuf from 'protobufjs/minimal.js';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { type InjectOptions, openModel, rewrite } from '../../src/splice/index.ts';
import { type VerifyOptions, type VerifyReport, verify } from '../../src/verify/index.ts';
import type { Runtime } from '../../src/verify/runtime.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { concatBytes } from '../../src/wire/bytes.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
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
  const pair = {
    before: await openModel(memorySource(before)),
    after: await openModel(memorySource(after)),
    beforeSource: { bytes: before },
    afterSource: { bytes: after },
  };
  return verify(await runtime, pair, options);
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
