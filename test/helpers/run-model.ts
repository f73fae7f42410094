import { InferenceSession, Tensor } from 'onnxruntime-node';
import { DataType } from '../../src/onnx/data-type.ts';
import { fromFloat16, toFloat16 } from '../../src/onnx/half.ts';
import { openModel } from '../../src/splice/model.ts';
import { memorySource } from '../../src/wire/byte-source.ts';

/** What a model gave, by output, as the bytes that onnxruntime returned. */
export type RunOutputs = Readonly<Record<string, Uint8Array>>;

/**
 * Runs a model on onnxruntime's CPU, graph optimizations off, on fixed numbers that differ from element to element.
 * Symbolic sizes are 2 where no others are given. The session is closed again.
 */
export async function runModel(
  bytes: Uint8Array,
  sizes: ReadonlyMap<string, readonly number[]> = new Map(),
): Promise<RunOutputs> {
  const { view } = await openModel(memorySource(bytes));
  const session = await openSession(bytes);
  try {
    const feeds: Record<string, Tensor> = {};
    for (const [name, { type }] of view.inputs) {
      if (view.initializers.has(name)) continue;
      const dims = sizes.get(name) ?? (type.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : 2));
      feeds[name] = feed(type.elemType, dims);
    }
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => {
        if (!ArrayBuffer.isView(data)) throw new Error(`output "${name}" is no array`);
        return [name, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()];
      }),
    );
  } finally {
    await session.release();
  }
}

/** Loads a model on the CPU, graph optimizations off. */
export async function openSession(bytes: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
}

/** Numbers around zero of a sine that never repeats. */
export function waveNumbers(count: number, phase = 0): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => Math.sin(index * 0.7 + phase) * 1.5 + 0.25);
}

function feed(dataType: number, dims: readonly number[]): Tensor {
  const values = waveNumbers(dims.reduce((product, dim) => product * dim, 1));
  switch (dataType) {
    case DataType.FLOAT:
      return new Tensor('float32', Float32Array.from(values), dims);
    case DataType.DOUBLE:
      return new Tensor('float64', values, dims);
    case DataType.FLOAT16:
      return new Tensor('float16', Uint16Array.from(values, toFloat16), dims);
    case DataType.BOOL:
      return new Tensor(
        'bool',
        Uint8Array.from(values, () => 1),
        dims,
      );
    default:
      throw new Error(`no numbers for data type ${dataType}`);
  }
}

/** The numbers of float16 bits. */
export function halves(bits: Uint16Array): Float64Array {
  return Float64Array.from(bits, fromFloat16);
}
