import type * as Ort from 'onnxruntime-web/webgpu';
import { SeInjectError } from '../errors.ts';
import { sessionError } from '../verify/ort-errors.ts';
import { parseProfile } from '../verify/ort-profile.ts';
import { type OrtCalls, ortSession } from '../verify/ort-session.ts';
import { addModel } from '../verify/probe.ts';
import type { ModelSource, Runtime, RuntimeAdapter, Session, SessionOptions } from '../verify/runtime.ts';
import { OrtOutput } from './ort-output.ts';

/** The part of onnxruntime-web that is used. */
export type OrtWebModule = Pick<typeof Ort, 'InferenceSession' | 'Tensor' | 'env'>;

/** How onnxruntime-web is opened. */
export interface OrtWebOptions {
  /**
   * The URL of its `ort-wasm-simd-threaded.asyncify.wasm` (27 MB), which bundlers give as that of an asset; or of the
   * folder, ending in `/`, that holds it and the `.mjs` of the same name. By default beside the script that holds
   * onnxruntime-web.
   */
  readonly wasmPaths?: string | undefined;
  /** Imports the package; by default `onnxruntime-web/webgpu`. */
  readonly load?: (() => Promise<OrtWebModule>) | undefined;
}

/** onnxruntime-web as a runtime. */
export interface WebRuntime extends Runtime {
  /**
   * The adapter that `webgpu` computes on. Null until a session of that provider was made; see `probeWebProvider`.
   */
  adapter(): Promise<RuntimeAdapter | null>;
}

/** onnxruntime's severity `error`: the exceptions say the rest, and warnings are about speed. */
const LOG_ERRORS = 3;

/** What was opened, by onnxruntime-web's own class: it starts once in a page, and all that use it take turns. */
const opened = new WeakMap<object, Promise<WebRuntime>>();

/**
 * Opens onnxruntime-web with its native WebGPU provider, in a page or in a worker; `wasm` is its CPU.
 *
 * Open it before anything else in the page uses the same copy of onnxruntime-web: what it prints, and with it the
 * profile, is out of reach once it has started. A second call gives the runtime of the first, its options unread.
 *
 * Running a model blocks the thread and cannot be interrupted, and native code that crashes takes the runtime with it
 * until the page is loaded again: prefer a worker, which can be ended. Workers have no import map, so without a bundler
 * give `load` there.
 *
 * @throws SeInjectError `verify/runtime-missing` where the package or its `.wasm` file cannot be loaded, or where it was
 * in use already.
 *
 * @example
 * ```ts
 * const runtime = await openOnnxRuntimeWeb({ wasmPaths: '/assets/ort/' });
 * runtime.providers; // → ['wasm', 'webgpu']
 * ```
 */
export async function openOnnxRuntimeWeb(options: OrtWebOptions = {}): Promise<WebRuntime> {
  const { load = () => import('onnxruntime-web/webgpu'), wasmPaths } = options;
  let ort: OrtWebModule;
  try {
    ort = await load();
  } catch (cause) {
    throw new SeInjectError(
      'verify/runtime-missing',
      'onnxruntime-web cannot be loaded, so models cannot be run: npm install onnxruntime-web',
      { cause },
    );
  }
  const known = opened.get(ort.InferenceSession);
  if (known !== undefined) return known;
  const starting = start(ort, wasmPaths);
  opened.set(ort.InferenceSession, starting);
  return starting;
}

async function start(ort: OrtWebModule, wasmPaths: OrtWebOptions['wasmPaths']): Promise<WebRuntime> {
  const { env } = ort;
  // The environment's own level, which is fixed when the first session is made; sessions have theirs besides.
  env.logLevel = 'error';
  // With the proxy, models run in a worker of onnxruntime's: without WebGPU, and printing to that worker's console.
  env.wasm.proxy = false;
  // Threads share memory, which takes a page that is isolated from other origins; then onnxruntime chooses how many.
  if (!globalThis.crossOriginIsolated) env.wasm.numThreads = 1;
  const output = new OrtOutput();
  let profile: readonly string[];
  try {
    if (wasmPaths !== undefined) {
      // With the file alone, the script that drives it stays the one of the same build. The URL is made absolute, since
      // onnxruntime would resolve it against its own script.
      const url = new URL(wasmPaths, globalThis.location?.href).href;
      env.wasm.wasmPaths = url.endsWith('/') ? url : { wasm: url };
    }
    // The module starts with the first session.
    const session = await output.startWith(() =>
      ort.InferenceSession.create(addModel(1), {
        executionProviders: ['wasm'],
        logSeverityLevel: LOG_ERRORS,
        enableProfiling: true,
      }),
    );
    profile = (await output.listen(() => session.endProfiling())).printed.out;
    await session.release();
  } catch (cause) {
    throw new SeInjectError(
      'verify/runtime-missing',
      `onnxruntime-web cannot be started (${cause instanceof Error ? cause.message : String(cause)}): ` +
        'say where its .wasm file lies, and load the page again',
      { cause },
    );
  }
  if (profile.length === 0) {
    throw new SeInjectError(
      'verify/runtime-missing',
      'onnxruntime-web was in use before, so that its profile cannot be read: open it first',
    );
  }
  return {
    name: 'onnxruntime-web',
    version: env.versions.web ?? env.versions.common,
    providers: ['wasm', 'webgpu'],
    createSession: (source, options) => createSession(ort, output, source, options),
    adapter: () => adapterOf(ort),
  };
}

async function createSession(
  ort: OrtWebModule,
  output: OrtOutput,
  source: ModelSource,
  options: SessionOptions,
): Promise<Session> {
  const { provider, graphOptimization, profile = false } = options;
  const bytes = bytesOf(source);
  const ortOptions: Ort.InferenceSession.SessionOptions = {
    // A list of one. onnxruntime adds the CPU at its end unasked, for the nodes that the provider cannot run and
    // without a word: only the profile tells.
    executionProviders: [provider],
    graphOptimizationLevel: graphOptimization,
    logSeverityLevel: LOG_ERRORS,
    enableProfiling: profile,
    ...externalData(source),
  };
  try {
    const { result } = await output.listen(() => ort.InferenceSession.create(bytes, ortOptions));
    return ortSession(result, provider, webCalls(ort, output, result, profile));
  } catch (cause) {
    throw sessionError(cause, provider, 'the model');
  }
}

function bytesOf(source: ModelSource): Uint8Array {
  if ('bytes' in source) return source.bytes;
  throw new SeInjectError(
    'verify/invalid-input',
    `"${source.path}" is a path, and a browser has no files: give the bytes of the model`,
    { details: { path: source.path } },
  );
}

/** Blobs are read when the session is made, whole: this build of onnxruntime cannot wait inside of its native code. */
function externalData(source: ModelSource): Ort.InferenceSession.SessionOptions {
  const external = 'bytes' in source ? source.externalData : undefined;
  if (external === undefined) return {};
  if ('folder' in external) {
    throw new SeInjectError(
      'verify/invalid-input',
      `"${external.folder}" is a folder, and a browser has none: give the data files themselves`,
      { details: { path: external.folder } },
    );
  }
  return { externalData: external.files };
}

/**
 * What the log says of an error on the device, outside of any call: "[E:onnxruntime:Default, webgpu_context.cc:171
 * operator()] WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY". The commands behind it
 * are dropped and the run may end well, with what happened to be in memory.
 */
const DEVICE_ERROR = /^.*?(?=WebGPU device error)/;

/** What is asked of a session, one call after the other, and what is printed meanwhile. */
function webCalls(
  ort: OrtWebModule,
  output: OrtOutput,
  session: Ort.InferenceSession,
  profile: boolean,
): OrtCalls<Ort.Tensor> {
  return {
    // Where Float16Array exists, the constructor takes the bits of a Uint16Array as well.
    toTensor: ({ dataType, data, dims }) =>
      new ort.Tensor(dataType as Ort.Tensor.Type, data as Ort.Tensor.DataType, dims),
    async run(feeds, fetches) {
      const { result, printed } = await output.listen(() => session.run(feeds, fetches));
      const error = printed.err.find((line) => DEVICE_ERROR.test(line));
      if (error !== undefined) throw new Error(error.replace(DEVICE_ERROR, ''));
      return result;
    },
    async close() {
      // The profile is meant for a file, and since a page has none it goes to the console, line by line (measured, 1.30),
      // with the events that onnxruntime-node writes; a session that is released without endProfiling writes it too. The
      // verbose log's "Node placements" would say where nodes are placed, not that they ran, and it names them only where
      // two providers share them: of a model that is all on one it says "All nodes placed on [WebGpuExecutionProvider].
      // Number of nodes: 4". It also brings the text of every shader.
      const { printed } = await output.listen(async () => {
        if (profile) session.endProfiling();
        await session.release();
      });
      return profile ? parseProfile(printed.out.join('\n'), 'wasm') : undefined;
    },
  };
}

/** Adapters that compute in software, by what their description holds. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;

/**
 * Reads the adapter from the device that onnxruntime made with its first WebGPU session. `env.webgpu.adapter` stays
 * undefined in this build (1.30), and what `navigator.gpu.requestAdapter()` gives need not be the one in use.
 *
 * Chromium on SwiftShader reports vendor `google`, architecture `swiftshader`, an empty description and
 * `isFallbackAdapter` true.
 */
async function adapterOf(ort: OrtWebModule): Promise<RuntimeAdapter | null> {
  const device = (await ort.env.webgpu.device) as GPUDevice | undefined;
  if (device === undefined) return null;
  const { vendor, architecture, description, isFallbackAdapter } = device.adapterInfo;
  // Older browsers have no isFallbackAdapter here.
  const fallback = isFallbackAdapter === true || SOFTWARE.test(`${architecture} ${description}`);
  return { vendor, architecture, description, fallback };
}
