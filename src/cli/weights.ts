import { dataTypeName } from '../onnx/data-type.ts';
import { encodeNumbers } from '../onnx/encode.ts';
import { escapeControls } from '../onnx/format-name.ts';
import { writeSafetensors } from '../onnx/safetensors.ts';
import { formatBytes } from '../report/format.ts';
import { describeModel, REPORT_SCHEMA_VERSION } from '../report/report.ts';
import {
  type BlockWeight,
  loadWeights,
  type OpenModel,
  openModel,
  readBlockWeights,
  TOOL,
} from '../splice/index.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { toBlock } from './block-options.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { type CliData, type CliInput, DASH, filesRead, withData, withInput } from './open-input.ts';
import { forEachInput, type InputResult, type RunContext, runContext } from './run-context.ts';
import { readGivenWeights } from './weights-option.ts';
import { prepareFile } from './write-file.ts';
import { prepareOutput } from './write-output.ts';

/** What `weights` was called with. */
interface WeightsCall {
  readonly output: string;
  readonly force: boolean;
  readonly manifest: string | undefined;
  readonly load: string | undefined;
  readonly map: string | undefined;
  readonly blocks: Parameters<typeof readBlockWeights>[1];
  readonly context: RunContext;
}

/** Writes the weights of a model's blocks out, or brings trained ones back into it. */
export async function weightsCommand(
  path: string,
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  const load = text(values['load']);
  const manifest = text(values['manifest']);
  const map = text(values['weightsMap']);
  if (load === undefined && map !== undefined) throw usageError('--weights-map is for --load: leave it out');
  if (load !== undefined && manifest !== undefined)
    throw usageError('--manifest and --load do not go together: the one is for weights that go out');
  const output = text(values['output']) ?? defaultPath(path, load !== undefined);
  const onStdout = [output, manifest].filter((target) => target === DASH);
  if (onStdout.length > 1) throw usageError('weights and manifest cannot both go to stdout');
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: onStdout.length > 0,
  });
  const blocks = values['block'] === undefined ? [] : [await toBlock(String(values['block']))];
  const call = { output, force: values['force'] === true, manifest, load, map, blocks, context };
  return forEachInput([path], context, () =>
    withInput(path, io, async (input) => {
      const model = await openModel(input.source);
      return withData(input, model.file, (data) =>
        load === undefined ? writeOut(input, model, data, call) : bringBack(input, model, data, load, call),
      );
    }),
  );
}

async function writeOut(
  input: CliInput,
  model: OpenModel,
  data: CliData,
  { output, force, manifest, blocks, context }: WeightsCall,
): Promise<InputResult> {
  const keep = await filesRead(input, data);
  const request = { force, keep, io: context.io };
  const write = await prepareFile({ ...request, path: output });
  const writeManifest =
    manifest === undefined ? undefined : await prepareFile({ ...request, path: manifest });
  const weights = await readBlockWeights(model, blocks, data.folder);
  const bytes = writeSafetensors(
    new Map(
      weights.map(({ name, dims, dataType, numbers }) => [
        name,
        { dataType, dims, bytes: encodeNumbers(numbers, dataType) },
      ]),
    ),
    { format: 'pt', producer: `${TOOL.name} ${TOOL.version}` },
  );
  await write(bytes);
  const entries = weights.map(toEntry);
  const described = { schemaVersion: REPORT_SCHEMA_VERSION, tool: TOOL, weights: entries };
  await writeManifest?.(encodeUtf8(`${JSON.stringify(described, null, 2)}\n`));
  const sites = new Set(weights.map(({ site, block, value }) => JSON.stringify([site, block, value]))).size;
  context.say((paint) => [
    paint(
      'good',
      `${show(input.path, 'stdin')} → ${show(output, 'stdout')} (${formatBytes(bytes.length)}), ${weights.length} weights of ${sites} block${sites === 1 ? '' : 's'}`,
    ),
    `Next: train them, and bring them back with --load.`,
  ]);
  const report = {
    ...described,
    input: describeModel(input.path, model, input.source.size),
    output: { path: output, bytes: bytes.length },
  };
  return { report, exitCode: ExitCode.ok };
}

async function bringBack(
  input: CliInput,
  model: OpenModel,
  data: CliData,
  load: string,
  { output, force, map, blocks, context }: WeightsCall,
): Promise<InputResult> {
  const prepared = await prepareOutput({ path: output, force, context }, input, data);
  const given = await readGivenWeights(load, map);
  const { patch, sites, model: loaded } = await loadWeights(model, given, blocks);
  const { dataFiles } = await prepared.write(patch);
  context.say((paint) => [
    paint(
      'good',
      `${show(input.path, 'stdin')} → ${show(output, 'stdout')} (${formatBytes(patch.size)}), weights of ${sites.length} block${sites.length === 1 ? '' : 's'} from ${escapeControls(load)}`,
    ),
  ]);
  const report = {
    schemaVersion: REPORT_SCHEMA_VERSION,
    tool: TOOL,
    input: describeModel(input.path, model, input.source.size),
    output: { ...describeModel(output, loaded, patch.size), dataFiles },
    loaded: { path: load, sites },
  };
  return { report, exitCode: ExitCode.ok };
}

/** A weight as the manifest tells of it. */
function toEntry({
  name,
  site,
  block,
  value,
  local,
  dims,
  spec,
  dataType,
  initializer,
}: BlockWeight): unknown {
  return {
    name,
    site,
    block,
    value,
    local,
    shape: dims,
    storedShape: spec.dims,
    dtype: dataTypeName(dataType),
    initializer,
  };
}

function defaultPath(input: string, isLoad: boolean): string {
  if (input === DASH) return DASH;
  const base = input.replace(/\.onnx$/i, '');
  return isLoad ? `${base}.trained.onnx` : `${base}.safetensors`;
}

function show(path: string, dash: string): string {
  return path === DASH ? dash : escapeControls(path);
}

function text(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}
