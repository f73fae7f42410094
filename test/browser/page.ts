/** What a test can call in the page: see harness.ts. */
import { isSeInjectError } from '../../src/errors.ts';
import type { ProviderProbe } from '../../src/verify/probe.ts';
import type {
  RuntimeTensor,
  RuntimeValue,
  SessionOptions,
  SessionProfile,
} from '../../src/verify/runtime.ts';
import { openOnnxRuntimeWeb, probeWebProvider, type WebRuntime } from '../../src/web/index.ts';

/** A model that the test serves, and its data files. */
export interface ServedModel {
  readonly url: string;
  readonly externalData?: readonly { readonly path: string; readonly url: string }[];
}

/** What was opened, and whether the page's console is its own again. */
export interface OpenResult {
  readonly name: string;
  readonly version: string;
  readonly providers: readonly string[];
  readonly consoleKept: boolean;
}

/** A model to load and to run once. */
export interface RunRequest {
  readonly model: ServedModel;
  readonly options: SessionOptions;
  readonly feeds: Readonly<Record<string, RuntimeTensor>>;
  readonly fetches?: readonly string[];
  /** Whether data files reach the runtime as bytes; else as Blobs. */
  readonly asBytes?: boolean;
}

/** What came of it. */
export interface RunResult {
  readonly inputs: readonly RuntimeValue[];
  readonly outputs: readonly RuntimeValue[];
  readonly results: Readonly<Record<string, RuntimeTensor>>;
  readonly profile: SessionProfile | undefined;
}

const api = {
  /** Opens the runtime, from another place than {@link openRuntime} does where one is named. */
  async open(wasmPaths?: string): Promise<OpenResult> {
    const { log, error } = console;
    const { name, version, providers } = await (wasmPaths === undefined
      ? openRuntime()
      : openOnnxRuntimeWeb({ wasmPaths }));
    return { name, version, providers, consoleKept: console.log === log && console.error === error };
  },

  /** Uses onnxruntime-web as a page does that knows nothing of ours. */
  async useElsewhere(model: ServedModel): Promise<void> {
    const ort = await import('onnxruntime-web/webgpu');
    ort.env.wasm.wasmPaths = new URL('/ort/', location.href).href;
    const session = await ort.InferenceSession.create(await fetchBytes(model.url), {
      executionProviders: ['wasm'],
      enableProfiling: true,
    });
    session.endProfiling();
    await session.release();
  },

  async probe(provider: string): Promise<ProviderProbe> {
    return probeWebProvider(await openRuntime(), provider);
  },

  /** Loads models and runs them, all at the same time. */
  runAll(requests: readonly RunRequest[]): Promise<RunResult[]> {
    return Promise.all(requests.map((request) => api.run(request)));
  },

  async run(request: RunRequest): Promise<RunResult> {
    const { model, options, feeds, fetches, asBytes = false } = request;
    const runtime = await openRuntime();
    const files = (model.externalData ?? []).map(async ({ path, url }) => {
      const blob = await (await fetched(url)).blob();
      return { path, data: asBytes ? new Uint8Array(await blob.arrayBuffer()) : blob };
    });
    const session = await runtime.createSession(
      {
        bytes: await fetchBytes(model.url),
        externalData: model.externalData && { files: await Promise.all(files) },
      },
      options,
    );
    let profile: SessionProfile | undefined;
    let results: ReadonlyMap<string, RuntimeTensor>;
    try {
      results = await session.run(new Map(Object.entries(feeds)), fetches);
    } finally {
      profile = await session.close();
    }
    return {
      inputs: session.inputs,
      outputs: session.outputs,
      results: Object.fromEntries(results),
      profile,
    };
  },
};

/** The functions of the page. */
export type PageApi = typeof api;

/** How a call ended, as plain data. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly error: {
        readonly code?: string;
        readonly message: string;
        readonly details?: Readonly<Record<string, unknown>>;
      };
    };

/** What the page adds to its globals. */
export interface PageGlobal {
  callApi(name: string, args: readonly unknown[]): Promise<Outcome>;
}

const functions = new Map<string, (...args: never[]) => Promise<unknown>>(Object.entries(api));

Object.assign(globalThis, {
  async callApi(name, args) {
    try {
      const call = functions.get(name);
      if (call === undefined) throw new Error(`the page has no function "${name}"`);
      return { ok: true, value: await call(...(args as never[])) };
    } catch (error) {
      if (isSeInjectError(error)) {
        const { code, message, details } = error;
        return { ok: false, error: { code, message, details } };
      }
      return { ok: false, error: { message: error instanceof Error ? `${error.stack}` : String(error) } };
    }
  },
} satisfies PageGlobal);

function openRuntime(): Promise<WebRuntime> {
  return openOnnxRuntimeWeb({ wasmPaths: '/ort/' });
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetched(url)).arrayBuffer());
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`"${url}" is not served (${response.status})`);
  return response;
}
