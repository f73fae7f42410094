import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { SeInjectError } from '../errors.ts';
import { sessionError } from '../verify/ort-errors.ts';
import { parseProfile } from '../verify/ort-profile.ts';
import { ortSession } from '../verify/ort-session.ts';
import type { ModelSource, Runtime, Session, SessionOptions, SessionProfile } from '../verify/runtime.ts';

/** The part of onnxruntime-node that is used. */
export type OrtModule = Pick<typeof Ort, 'InferenceSession' | 'Tensor' | 'env' | 'listSupportedBackends'>;

/** onnxruntime's severity `error`: the exceptions say the rest, and warnings are about speed. */
const LOG_ERRORS = 3;

/**
 * Opens onnxruntime-node, in this process.
 *
 * Loading and running block the event loop (the promises are for show), and some models end the process: use it in a
 * child, with `runIsolated`. It is imported only here and only when called, since it is an optional dependency.
 *
 * @param load - Imports the package; tests pass their own.
 * @param options - `spinning: false` keeps threads that wait for work from turning in place: what else runs needs the
 * processor, and the same numbers come out.
 * @throws SeInjectError `verify/runtime-missing` where the package or its native library cannot be loaded.
 *
 * @example
 * ```ts
 * const runtime = await openOnnxRuntime();
 * runtime.providers; // → ['cpu', 'webgpu', 'cuda', 'tensorrt']
 * ```
 */
export async function openOnnxRuntime(
  load: () => Promise<OrtModule> = () => import('onnxruntime-node'),
  { spinning = true }: { readonly spinning?: boolean } = {},
): Promise<Runtime> {
  let ort: OrtModule;
  try {
    ort = await load();
  } catch (cause) {
    throw new SeInjectError(
      'verify/runtime-missing',
      'onnxruntime-node cannot be loaded, so models cannot be run: npm install onnxruntime-node ' +
        '(offline, set ONNXRUNTIME_NODE_INSTALL=skip so that it does not fetch CUDA libraries)',
      { cause },
    );
  }
  // The environment's own level, which is fixed when the first session is made; sessions have theirs besides.
  ort.env.logLevel = 'error';
  return {
    name: 'onnxruntime-node',
    version: ort.env.versions.node ?? ort.env.versions.common,
    providers: ort.listSupportedBackends().map((backend) => backend.name),
    createSession: (source, options) => createSession(ort, source, options, spinning),
  };
}

async function createSession(
  ort: OrtModule,
  source: ModelSource,
  options: SessionOptions,
  spinning: boolean,
): Promise<Session> {
  const { provider, graphOptimization, profile = false } = options;
  // CUDA rounds float32 to TF32 in convolutions, and the JavaScript API passes no provider option but deviceId, so
  // `use_tf32` is out of reach; the CUDA libraries read this variable when they are first used.
  if (provider === 'cuda' || provider === 'tensorrt') process.env['NVIDIA_TF32_OVERRIDE'] = '0';
  const profileFolder = profile ? await mkdtemp(join(tmpdir(), 'se-inject-profile-')) : undefined;
  const ortOptions: Ort.InferenceSession.SessionOptions = {
    // A list of one. onnxruntime adds the CPU at its end unasked, for the nodes that the provider cannot run and
    // without a word: only the profile tells.
    executionProviders: [provider],
    graphOptimizationLevel: graphOptimization,
    logSeverityLevel: LOG_ERRORS,
    extra: {
      session: {
        ...(spinning ? {} : { 'intra_op.allow_spinning': '0' }),
        ...externalFolder(source),
      },
    },
    ...(profileFolder === undefined
      ? {}
      : // The file is `<prefix>_<time>.json`; endProfiling does not return its name.
        { enableProfiling: true, profileFilePrefix: join(profileFolder, 'profile') }),
  };
  try {
    const session =
      'path' in source
        ? await ort.InferenceSession.create(source.path, ortOptions)
        : await ort.InferenceSession.create(source.bytes, {
            ...ortOptions,
            externalData: await externalFiles(source),
          });
    return ortSession<Ort.Tensor>(session, provider, {
      // Where Float16Array exists (Node 24), the constructor takes the bits of a Uint16Array as well.
      toTensor: ({ dataType, data, dims }) =>
        new ort.Tensor(dataType as Ort.Tensor.Type, data as Ort.Tensor.DataType, dims),
      run: (feeds, fetches) => session.run(feeds, fetches),
      close: () => closeSession(session, profileFolder),
    });
  } catch (cause) {
    if (profileFolder !== undefined) await removeFolder(profileFolder);
    throw sessionError(cause, provider, 'path' in source ? `"${source.path}"` : 'the model');
  }
}

/**
 * Where a model given as bytes has its external data. Without it onnxruntime looks into the working directory. The
 * folder's files are mapped into memory, those given as bytes are held and copied: prefer the folder.
 */
function externalFolder(source: ModelSource): Readonly<Record<string, string>> {
  const external = 'bytes' in source ? source.externalData : undefined;
  return external !== undefined && 'folder' in external
    ? { model_external_initializers_file_folder_path: external.folder }
    : {};
}

async function externalFiles({
  externalData,
}: Extract<ModelSource, { bytes: Uint8Array }>): Promise<{ path: string; data: Uint8Array }[]> {
  if (externalData === undefined || 'folder' in externalData) return [];
  const files = externalData.files.map(async ({ path, data }) => ({
    path,
    data: data instanceof Blob ? new Uint8Array(await data.arrayBuffer()) : data,
  }));
  return Promise.all(files);
}

/** Ends a session; its profile is read from the folder that it was told to write it to. */
async function closeSession(
  session: Ort.InferenceSession,
  folder: string | undefined,
): Promise<SessionProfile | undefined> {
  // Before the release: it writes the file, and after it the session throws.
  if (folder !== undefined) session.endProfiling();
  await session.release();
  if (folder === undefined) return undefined;
  try {
    const [file] = await readdir(folder);
    if (file === undefined) {
      throw new SeInjectError(
        'verify/run-failed',
        `onnxruntime wrote no profile into "${folder}": is the disk full`,
        { details: { lost: 'profile' } },
      );
    }
    return parseProfile(await readFile(join(folder, file), 'utf8'));
  } finally {
    await removeFolder(folder);
  }
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
