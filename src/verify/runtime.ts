/**
 * What the verification asks of a runtime that executes models. No runtime is imported here: onnxruntime-node and
 * onnxruntime-web each have an adapter at the edge, and a test can pass its own.
 */
import { SeInjectError } from '../errors.ts';

/** The array that carries each element type. Float16 is its raw bits; bool is 0 or 1 in bytes. */
export interface RuntimeArrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly float16: Uint16Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly uint32: Uint32Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
  readonly string: readonly string[];
}

/**
 * An element type that can go into a model and come out of one, as onnxruntime's JavaScript API names it.
 *
 * bfloat16, the float8 types, the 4-bit integers and complex numbers cannot: read such a value out behind a Cast.
 */
export type RuntimeDataType = keyof RuntimeArrays;

/**
 * A tensor outside of the runtime: plain data, which survives a structured clone.
 *
 * @example
 * ```ts
 * const x: RuntimeTensor = { dataType: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 3) };
 * if (x.dataType === 'float32') x.data.at(-1); // → 3
 * ```
 */
export type RuntimeTensor = {
  readonly [T in RuntimeDataType]: {
    readonly dataType: T;
    /** Sizes, outermost first; empty for a scalar. */
    readonly dims: readonly number[];
    /** The elements in row-major order, as many as the product of `dims`. */
    readonly data: RuntimeArrays[T];
  };
}[RuntimeDataType];

/** Tensors by value name. A map, because names come from the model and may be `__proto__`. */
export type RuntimeTensors = ReadonlyMap<string, RuntimeTensor>;

/** An input or output as the loaded model declares it. */
export interface RuntimeValue {
  readonly name: string;
  /** Undefined for what cannot be passed in or read out: a sequence, an optional, a 4-bit integer. */
  readonly dataType: RuntimeDataType | undefined;
  /**
   * Sizes where they are fixed, else the symbol's name (empty where it has none). Undefined for a scalar and for an
   * undeclared shape alike: onnxruntime does not tell them apart.
   */
  readonly shape: readonly (number | string)[] | undefined;
}

/** Where the tensors of a model given as bytes lie that it keeps outside of itself. */
export type ExternalData =
  /** An absolute folder that their locations are relative to: the folder of the original, for a model patched in memory. */
  | { readonly folder: string }
  /** The files themselves, `path` being the location that the model writes. */
  | { readonly files: readonly { readonly path: string; readonly data: Uint8Array | Blob }[] };

/** A model to load: a file, whose external data lies beside it, or bytes. */
export type ModelSource =
  | { readonly path: string }
  | { readonly bytes: Uint8Array; readonly externalData?: ExternalData | undefined };

/**
 * How far the graph is rewritten before it runs.
 *
 * With `disabled` the bits of a float32 output do not depend on which other values the model declares as outputs
 * (measured over eleven networks with every value declared, on the CPU, and five on WebGPU). With the others they do,
 * since a value that is read out cannot be fused away: read taps only with `disabled`.
 *
 * Float16 on onnxruntime's CPU provider is different at every level: it is computed in float32, rounded to float16 only
 * where a value leaves the region (an output, a node that has a float16 kernel). So there the declared outputs change the
 * bits, no overflow inside shows, and two models can be compared only with the same outputs declared.
 */
export type GraphOptimization = 'disabled' | 'basic' | 'extended' | 'all';

/** How a model is loaded. */
export interface SessionOptions {
  /** The execution provider by its short name: `cpu`, `webgpu`, `cuda`, `wasm` and so on. */
  readonly provider: string;
  readonly graphOptimization: GraphOptimization;
  /** Whether {@link Session.close} tells which provider ran each node. Off unless asked for. */
  readonly profile?: boolean | undefined;
}

/** A node that ran. */
export interface ProfiledNode {
  /**
   * The name that the runtime gave it: the node's own, or `<opType>_<index>` where it has none. A runtime that rewrites
   * the layout adds `_token_<n>`; `providerOf` sees through that.
   */
  readonly name: string;
  readonly opType: string;
  /** The provider by the short name that {@link SessionOptions} uses, or as the runtime writes it where it has none. */
  readonly provider: string;
}

/** Which provider ran what, over all runs of a session. */
export interface SessionProfile {
  /** Each node that ran at least once, nodes that the runtime added (copies, transposes) included. */
  readonly nodes: readonly ProfiledNode[];
}

/** A loaded model. */
export interface Session {
  /** The inputs that have to be fed: a graph input that an initializer gives a default is not among them. */
  readonly inputs: readonly RuntimeValue[];
  readonly outputs: readonly RuntimeValue[];
  /**
   * Runs the model.
   *
   * @param feeds - All inputs.
   * @param fetches - The outputs to read; by default all that can be read.
   * @throws SeInjectError `verify/invalid-input` where feeds or fetches do not fit, before anything runs;
   * `verify/provider-unavailable` where the device lacks what a node needs; `verify/run-failed` for the rest, with a
   * `details.lost` where no model is to blame (its memory, its thread, its profile were lost).
   */
  run(feeds: RuntimeTensors, fetches?: readonly string[]): Promise<RuntimeTensors>;
  /** Releases the model; the profile, where it was asked for. A second call does nothing. */
  close(): Promise<SessionProfile | undefined>;
}

/** Closes a session that nobody wants to hear from any more: what it gave is known, or another error is on its way. */
export async function letGo(session: Session): Promise<void> {
  await session.close().catch(() => {});
}

/** Why a runtime refused a model: the `reason` in the details of `verify/model-rejected`. */
export type RejectionReason =
  /** A custom operator, or a domain, operator set or IR version that the runtime does not know. */
  | 'unknown-operator'
  /** A known operator without an implementation for these types. */
  | 'no-kernel'
  /** A type of input or output that the runtime's JavaScript API has no array for. */
  | 'unsupported-type'
  /** Tensor data in another file that is missing, too short, or outside of the model's folder. */
  | 'external-data'
  /** Not ONNX, or a graph that breaks its rules. */
  | 'invalid-model'
  /** None of these; the message has the runtime's words. */
  | 'unknown';

/** Something that executes models. */
export interface Runtime {
  /** The package: `onnxruntime-node`, `onnxruntime-web`. */
  readonly name: string;
  readonly version: string;
  /** The providers that this build knows, `cpu` or `wasm` first. Whether one works is found out by using it. */
  readonly providers: readonly string[];
  /** Set where models load and run on another thread than the caller's: several may be asked for ahead of their time. */
  readonly overlaps?: true;
  /**
   * Loads a model.
   *
   * @throws SeInjectError `verify/provider-unavailable` where the provider, its library or a device is missing;
   * `verify/model-rejected`, with a `RejectionReason` as `details.reason`, where the model is at fault.
   *
   * @example
   * ```ts
   * const session = await runtime.createSession(
   *   { path: 'model.onnx' },
   *   { provider: 'webgpu', graphOptimization: 'disabled', profile: true },
   * );
   * const outputs = await session.run(new Map([['x', x]]));
   * const profile = await session.close();
   * ```
   */
  createSession(source: ModelSource, options: SessionOptions): Promise<Session>;
}

/** The graphics adapter behind a provider. */
export interface RuntimeAdapter {
  /** `nvidia`, `google` and so on; empty where unknown. */
  readonly vendor: string;
  /** `swiftshader`, `ampere` and so on; empty where unknown. */
  readonly architecture: string;
  /** The adapter's own name; empty where unknown. */
  readonly description: string;
  /** Whether it computes in software. */
  readonly fallback: boolean;
}

/** The array class of each element type, by its tag: `instanceof` would refuse an array of another realm. */
const ARRAY_TAGS: Readonly<Record<RuntimeDataType, string>> = {
  float32: 'Float32Array',
  float64: 'Float64Array',
  float16: 'Uint16Array',
  int8: 'Int8Array',
  int16: 'Int16Array',
  int32: 'Int32Array',
  int64: 'BigInt64Array',
  uint8: 'Uint8Array',
  uint16: 'Uint16Array',
  uint32: 'Uint32Array',
  uint64: 'BigUint64Array',
  bool: 'Uint8Array',
  string: 'Array',
};

/** Tells whether a runtime's name of an element type is one that tensors can have. */
export function isRuntimeDataType(name: string): name is RuntimeDataType {
  return Object.hasOwn(ARRAY_TAGS, name);
}

/**
 * Checks feeds against what a model declares, so that none reaches native code that does not fit: on a GPU a wrong size is
 * read past its end and not noticed.
 *
 * Fixed sizes are compared; a symbolic one takes any size, and whether the model can compute with it only the CPU
 * provider says reliably. WebGPU convolves 5 channels with weights for 3 and returns numbers, so run the CPU first.
 *
 * @throws SeInjectError `verify/invalid-input`.
 *
 * @example
 * ```ts
 * checkFeeds([{ name: 'x', dataType: 'float32', shape: ['N', 3] }], new Map());
 * // → throws: input "x" is not fed: give a float32 tensor of shape [N, 3]
 * ```
 */
export function checkFeeds(inputs: readonly RuntimeValue[], feeds: RuntimeTensors): void {
  const known = new Set(inputs.map((input) => input.name));
  for (const name of feeds.keys()) {
    if (!known.has(name)) {
      throw invalidInput(name, `"${name}" is no input of the model: it has ${quoteAll([...known])}`);
    }
  }
  for (const input of inputs) {
    const { name, dataType, shape } = input;
    if (dataType === undefined) {
      throw invalidInput(
        name,
        `input "${name}" is of a type that cannot be fed: only tensors of whole bytes can`,
      );
    }
    const tensor = feeds.get(name);
    const wanted = `a ${dataType} tensor${shape === undefined ? '' : ` of shape [${shape.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`}`;
    if (tensor === undefined) throw invalidInput(name, `input "${name}" is not fed: give ${wanted}`);
    if (tensor.dataType !== dataType) {
      throw invalidInput(name, `input "${name}" is fed ${tensor.dataType} values: give ${wanted}`);
    }
    const fault = tensorFault(tensor);
    if (fault !== undefined) throw invalidInput(name, `input "${name}" is fed ${fault}: give ${wanted}`);
    if (shape !== undefined && !fits(tensor.dims, shape)) {
      throw invalidInput(name, `input "${name}" is fed shape [${tensor.dims.join(', ')}]: give ${wanted}`);
    }
  }
}

/**
 * The outputs to read: those asked for, by default all that can be read.
 *
 * @throws SeInjectError `verify/invalid-input` where one is unknown or cannot be read, or where none is left.
 */
export function resolveFetches(
  outputs: readonly RuntimeValue[],
  fetches: readonly string[] | undefined,
): readonly string[] {
  const readable = outputs.filter((output) => output.dataType !== undefined).map((output) => output.name);
  const names = fetches ?? readable;
  if (names.length === 0) {
    throw new SeInjectError(
      'verify/invalid-input',
      'no output to read: the model has none that is a tensor of whole bytes',
    );
  }
  for (const name of names) {
    if (readable.includes(name)) continue;
    const fact = outputs.some((output) => output.name === name)
      ? `output "${name}" is of a type that cannot be read`
      : `"${name}" is no output of the model`;
    throw invalidInput(name, `${fact}: choose from ${quoteAll(readable)}`);
  }
  return names;
}

/**
 * The provider that ran a node, by the node's name in the model. Undefined where no node of that name ran, because it
 * was fused away, folded or compiled into a larger one, and where nodes of that name, in subgraphs, ran on several.
 *
 * @example
 * ```ts
 * const nodes = [{ name: 'conv_token_3', opType: 'Conv', provider: 'webgpu' }];
 * providerOf({ nodes }, 'conv'); // → 'webgpu'
 * ```
 */
export function providerOf(profile: SessionProfile, nodeName: string): string | undefined {
  const own = profile.nodes.filter((node) => node.name === nodeName);
  const renamed = `${nodeName}_token_`;
  const nodes =
    own.length > 0
      ? own
      : profile.nodes.filter(
          (node) => node.name.startsWith(renamed) && /^\d+$/.test(node.name.slice(renamed.length)),
        );
  const providers = new Set(nodes.map((node) => node.provider));
  return providers.size === 1 ? nodes[0]?.provider : undefined;
}

/** How many nodes each provider ran, copies between devices not counted. */
export function countByProvider(profile: SessionProfile): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { opType, provider } of profile.nodes) {
    if (opType === 'MemcpyToHost' || opType === 'MemcpyFromHost') continue;
    counts.set(provider, (counts.get(provider) ?? 0) + 1);
  }
  return counts;
}

function fits(dims: readonly number[], shape: readonly (number | string)[]): boolean {
  return dims.length === shape.length && shape.every((dim, i) => typeof dim === 'string' || dim === dims[i]);
}

/** What is wrong with a tensor in itself, if anything. The types rule it out; a caller in plain JavaScript may not. */
function tensorFault(tensor: RuntimeTensor): string | undefined {
  const { dims, data, dataType } = tensor;
  const bad = dims.find((dim) => !Number.isSafeInteger(dim) || dim < 0);
  if (bad !== undefined) return `a size of ${bad}`;
  const tag = Object.prototype.toString.call(data).slice('[object '.length, -1);
  if (tag !== ARRAY_TAGS[dataType]) return `data that is no ${ARRAY_TAGS[dataType]}`;
  const size = dims.reduce((product, dim) => product * dim, 1);
  return size === data.length ? undefined : `${data.length} values for shape [${dims.join(', ')}]`;
}

function invalidInput(name: string, message: string): SeInjectError {
  return new SeInjectError('verify/invalid-input', message, { details: { name } });
}

/** How many names a message lists. */
const LISTED = 6;

function quoteAll(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return (
    names
      .slice(0, LISTED)
      .map((name) => `"${name}"`)
      .join(', ') + more
  );
}
