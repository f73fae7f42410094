import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import onnxProto from 'onnx-proto';
import type { InferenceSession, Tensor } from 'onnxruntime-node';

const { onnx } = onnxProto;

/** What a value was when the model ran. */
export interface ActualType {
  /** onnxruntime's name of the element type. */
  readonly type: string;
  readonly dims: readonly number[];
}

/** A model run with all its inner values given out. */
export interface RunAllOptions {
  readonly path: string;
  readonly external: readonly string[];
  /** Names of the values that are wanted. */
  readonly values: readonly string[];
  readonly feeds: Readonly<Record<string, { readonly type: string; readonly dims: readonly number[] }>>;
}

/** Runs a model in onnxruntime, optimizations off, on seeded numbers, and tells the types of all values. */
export async function runAllValues(
  { InferenceSession, Tensor }: typeof import('onnxruntime-node'),
  { path, external, values, feeds }: RunAllOptions,
): Promise<ReadonlyMap<string, ActualType>> {
  // A second occurrence of the graph's field is merged with the first one, so that outputs are added at the end.
  const outputs = onnx.ModelProto.encode({ graph: { output: values.map((name) => ({ name })) } }).finish();
  const session: InferenceSession = await InferenceSession.create(
    Buffer.concat([readFileSync(path), outputs]),
    {
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 2,
      logSeverityLevel: 4,
      externalData: external.map((name) => ({ path: name, data: readFileSync(join(dirname(path), name)) })),
    },
  );
  try {
    const tensors: Record<string, Tensor> = {};
    for (const [name, { type, dims }] of Object.entries(feeds)) {
      tensors[name] = new Tensor(type as 'float32', numbers(type, dims) as Float32Array, dims);
    }
    const results = await session.run(tensors);
    return new Map(Object.entries(results).map(([name, { type, dims }]) => [name, { type, dims }]));
  } finally {
    await session.release();
  }
}

function numbers(type: string, dims: readonly number[]): unknown {
  const count = dims.reduce((product, dim) => product * dim, 1);
  let state = 1;
  const next = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  if (type === 'int64') return BigInt64Array.from({ length: count }, () => 16000n);
  if (type === 'float16')
    return Uint16Array.from({ length: count }, () => 0x3800 + Math.floor(next() * 0x400));
  if (type === 'uint8') return Uint8Array.from({ length: count }, () => next() * 256);
  if (type === 'int32') return Int32Array.from({ length: count }, () => next() * 4);
  return Float32Array.from({ length: count }, next);
}
