/** What a test can call in the page: see harness.ts. */
import { type BlockDefinition, defineBlock } from '../../src/blocks/block.ts';
import { se } from '../../src/blocks/se.ts';
import { isSeInjectError } from '../../src/errors.ts';
import { openModel, rewrite } from '../../src/splice/index.ts';
import { type VerifyReport, verify } from '../../src/verify/index.ts';
import type { ProviderProbe } from '../../src/verify/probe.ts';
import type {
  RuntimeTensor,
  RuntimeValue,
  SessionOptions,
  SessionProfile,
} from '../../src/verify/runtime.ts';
import {
  type OrtWebModule,
  openOnnxRuntimeWeb,
  probeWebProvider,
  type WebRuntime,
} from '../../src/web/index.ts';
import { blobSource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';

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

/** A model before and after, to verify. */
export interface VerifyRequest {
  readonly before: ServedModel;
  /** What to compare it with; else what injecting into it in the page, with these options, makes. */
  readonly after?: ServedModel | undefined;
  readonly inject?: { readonly init: string; readonly wrong?: boolean } | undefined;
  /** Execution providers to ask, by default all. */
  readonly providers?: readonly string[] | undefined;
}

const api = {
  /** Injects into a model and gives SHA-256 of the result, in hex. */
  async injectDigest(
    model: ServedModel,
    options: { block: string; init: string; seed: number },
  ): Promise<string> {
    const blob = new Blob([(await fetchBytes(model.url)).slice()]);
    const { patch } = await rewrite(blobSource(blob), options);
    const digest = await crypto.subtle.digest('SHA-256', (await patchedBytes(patch)).slice());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  },

  async hasAdapter(): Promise<boolean> {
    return (await navigator.gpu?.requestAdapter()) != null;
  },

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

  /** {@link run}, in a worker that is ended after it. */
  async runInWorker(request: RunRequest): Promise<RunResult> {
    const worker = new Worker(import.meta.url, { type: 'module' });
    try {
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<Outcome>) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`in the worker: ${message}`));
        worker.postMessage(request);
      });
      if (!outcome.ok) throw new Error(`in the worker: ${outcome.error.message}`);
      return outcome.value as RunResult;
    } finally {
      worker.terminate();
    }
  },

  async run(request: RunRequest): Promise<RunResult> {
    const { model, options, feeds, fetches, asBytes = false } = request;
    const runtime = await openRuntime();
    const files = await dataFiles(model, asBytes);
    const session = await runtime.createSession(
      {
        bytes: await fetchBytes(model.url),
        externalData: files && { files },
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

  /** Runs whole verifications, one after another, on models that a test or the page has rewritten. */
  async verify(requests: readonly VerifyRequest[]): Promise<VerifyReport[]> {
    const reports: VerifyReport[] = [];
    for (const request of requests) reports.push(await verifyOne(await openRuntime(), request));
    return reports;
  },
};

/** An SE block that pools by the maximum: what it declares is not what it does. */
const WRONG_SE: BlockDefinition = defineBlock({
  ...se,
  build: (site, options) =>
    se
      .build(site, options)
      .map((node) => (node.opType === 'GlobalAveragePool' ? { ...node, opType: 'GlobalMaxPool' } : node)),
});

/** Workers have no import map. */
function loadByUrl(): Promise<OrtWebModule> {
  const url = '/ort/ort.webgpu.bundle.min.mjs';
  return import(/* @vite-ignore */ url) as Promise<OrtWebModule>;
}

async function verifyOne(runtime: WebRuntime, request: VerifyRequest): Promise<VerifyReport> {
  const before = await (await fetched(request.before.url)).blob();
  const { init, wrong = false } = request.inject ?? {};
  const block = wrong ? { block: WRONG_SE } : {};
  const rewritten = async (): Promise<Blob> => {
    const { patch } = await rewrite(blobSource(before), {
      ...block,
      ...(init === undefined ? {} : { init }),
    });
    return new Blob([(await patchedBytes(patch)) as BlobPart]);
  };
  const after = await (request.after === undefined ? rewritten() : (await fetched(request.after.url)).blob());
  const probes: ProviderProbe[] = [];
  for (const name of request.providers ?? runtime.providers)
    probes.push(await probeWebProvider(runtime, name));
  const files = await dataFiles(request.before, false);
  const externalData = files && { files };
  return verify(
    runtime,
    {
      before: await openModel(blobSource(before)),
      after: await openModel(blobSource(after)),
      beforeSource: { bytes: await bytesOf(before), externalData },
      afterSource: { bytes: await bytesOf(after), externalData },
    },
    {
      providers: probes.map(({ provider, adapter }) => ({ name: provider, adapter })),
      blocks: wrong ? [WRONG_SE] : [],
    },
  );
}

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

async function callApi(name: string, args: readonly unknown[]): Promise<Outcome> {
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
}

/** The same script is the page's and its worker's. */
const IS_WORKER = typeof document === 'undefined';

if (IS_WORKER) {
  addEventListener('message', async ({ data }: MessageEvent<RunRequest>) => {
    postMessage(await callApi('run', [data]));
  });
} else {
  Object.assign(globalThis, { callApi } satisfies PageGlobal);
}

function openRuntime(): Promise<WebRuntime> {
  return openOnnxRuntimeWeb({ wasmPaths: '/ort/', load: IS_WORKER ? loadByUrl : undefined });
}

/** The data files of a model, where it has any. */
async function dataFiles(
  { externalData }: ServedModel,
  asBytes: boolean,
): Promise<{ path: string; data: Uint8Array | Blob }[] | undefined> {
  const files = externalData?.map(async ({ path, url }) => {
    const blob = await (await fetched(url)).blob();
    return { path, data: asBytes ? await bytesOf(blob) : blob };
  });
  return files && Promise.all(files);
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetched(url)).arrayBuffer());
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`"${url}" is not served (${response.status})`);
  return response;
}
