/** Whether a provider works, found out by using it. */
import { isSeInjectError } from '../errors.ts';
import { countByProvider, type Runtime, type RuntimeAdapter, type RuntimeTensor } from './runtime.ts';
import { runProfiled } from './sessions.ts';

/** Whether a provider works on this machine, found out by using it. */
export interface ProviderProbe {
  readonly provider: string;
  readonly status: 'available' | 'unavailable' | 'crashed' | 'timeout';
  /** Why not, in a sentence; empty where it is available. */
  readonly detail: string;
  /** The adapter that it computes on. Null where it has none or does not tell: onnxruntime-node never does by itself. */
  readonly adapter: RuntimeAdapter | null;
  /** How it computes float16; `none` too where it is not available. */
  readonly float16: Float16Support;
}

/** What the use of a provider shows. */
export interface ProbeFacts {
  readonly version: string;
  /** How many of the model's nodes (there is one) the provider ran itself. */
  readonly ownNodes: number;
  readonly float16: Float16Support;
}

/** How a provider computes float16: as it is, in float32 between casts that the runtime inserts, or not at all. */
export type Float16Support = 'native' | 'widened' | 'none';

/** 1 and -2 as float16 bits, and their doubles. */
const HALF_IN = Uint16Array.of(0x3c00, 0xc000);
const HALF_OUT = Uint16Array.of(0x4000, 0xc400);

/**
 * Loads and runs a model of one node on a provider, in float32 and in float16.
 *
 * @throws SeInjectError where that fails in float32.
 */
export async function probeFacts(runtime: Runtime, provider: string): Promise<ProbeFacts> {
  const single = await double(runtime, provider, 1, {
    dataType: 'float32',
    dims: [2],
    data: Float32Array.of(1, -2),
  });
  let float16: Float16Support = 'none';
  try {
    const half = await double(runtime, provider, 10, { dataType: 'float16', dims: [2], data: HALF_IN });
    if (half.ownNodes > 0 && String(half.output) === String(HALF_OUT)) {
      float16 = half.hasCasts ? 'widened' : 'native';
    }
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
  }
  return { version: runtime.version, ownNodes: single.ownNodes, float16 };
}

/** Computes `x + x`. */
async function double(
  runtime: Runtime,
  provider: string,
  dataType: number,
  x: RuntimeTensor,
): Promise<{ ownNodes: number; hasCasts: boolean; output: RuntimeTensor['data'] | undefined }> {
  const session = await runtime.createSession(
    { bytes: addModel(dataType) },
    { provider, graphOptimization: 'disabled', profile: true },
  );
  const { outputs, profile } = await runProfiled(session, new Map([['x', x]]));
  return {
    ownNodes: profile === undefined ? 0 : (countByProvider(profile).get(provider) ?? 0),
    hasCasts: profile?.nodes.some((node) => node.opType === 'Cast') ?? false,
    output: outputs.get('y')?.data,
  };
}

/**
 * An ONNX model of opset 13 that adds `x`, two elements of the given type, to itself. Every length in it is below 128, so
 * that each is one byte and the wire format needs no more than concatenation.
 */
export function addModel(dataType: number): Uint8Array {
  const message = (field: number, ...parts: readonly (readonly number[])[]): number[] => {
    const body = parts.flat();
    return [(field << 3) | 2, body.length, ...body];
  };
  const text = (field: number, value: string): number[] =>
    message(field, [...new TextEncoder().encode(value)]);
  const varint = (field: number, value: number): number[] => [field << 3, value];
  const tensorType = message(1, varint(1, dataType), message(2, message(1, varint(1, 2))));
  const value = (name: string): number[] => [...text(1, name), ...message(2, tensorType)];
  const node = [...text(1, 'x'), ...text(1, 'x'), ...text(2, 'y'), ...text(3, 'add'), ...text(4, 'Add')];
  const graph = message(
    7,
    message(1, node),
    text(2, 'probe'),
    message(11, value('x')),
    message(12, value('y')),
  );
  const irVersion = varint(1, 7);
  const opset = message(8, text(1, ''), varint(2, 13));
  return Uint8Array.from([...irVersion, ...graph, ...opset]);
}
