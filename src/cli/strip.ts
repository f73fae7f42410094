import { escapeControls } from '../onnx/format-name.ts';
import { formatBytes } from '../report/format.ts';
import { describeModel, REPORT_SCHEMA_VERSION } from '../report/report.ts';
import {
  type OpenModel,
  openModel,
  type StripOptions,
  type StrippedAll,
  strip,
  stripAll,
  TOOL,
} from '../splice/index.ts';
import { toBlock } from './block-options.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { patterns, toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { DASH, withData, withInput } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';
import { outputOption, prepareOutput, strippedPath } from './write-output.ts';

/** Takes the blocks of the last injection out of each of the models, some of them, or those of all injections. */
export async function stripCommand(
  inputs: readonly string[],
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  const output = outputOption(values, inputs.length);
  const sites = patterns(values['sites']);
  const all = values['all'] === true;
  if (all && sites.length > 0)
    throw usageError('--all and --sites do not go together: sites are those of the last injection');
  const blocks = values['block'] === undefined ? [] : [await toBlock(String(values['block']))];
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: inputs.some((input) => (output ?? strippedPath(input)) === DASH),
  });
  return forEachInput(inputs, context, (path) =>
    withInput(path, io, async (input) => {
      const model = await openModel(input.source);
      return withData(input, model.file, async (data) => {
        const target = output ?? strippedPath(path);
        const force = values['force'] === true;
        const prepared = await prepareOutput({ path: target, force, context }, input, data);
        const stripped = all
          ? await stripAll(model, { blocks })
          : await stripOne(model, { blocks, ...(sites.length === 0 ? {} : { sites }) });
        const { dataFiles } = await prepared.write(stripped.patch);
        const { removed, exact, findings, undone, patch } = stripped;
        for (const finding of findings) context.warn(escapeControls(finding));
        context.say((paint) => {
          const count = undone
            .map(({ record, removed: gone }) => {
              const held = record.sites.length;
              return `${gone.length} of ${held} ${record.block.toUpperCase()} block${held === 1 ? '' : 's'}`;
            })
            .join(' and ');
          const before = `${escapeControls(path)} (${formatBytes(input.source.size)})`;
          const after = `${target === DASH ? 'stdout' : escapeControls(target)} (${formatBytes(patch.size)})`;
          const what = exact
            ? 'the file from before the injection, unless its own weights were trained since'
            : 'not the file from before the injection, since something else was changed';
          return [paint(exact ? 'good' : 'warning', `${before} → ${after}, ${count} taken out: ${what}`)];
        });
        const report = {
          schemaVersion: REPORT_SCHEMA_VERSION,
          tool: TOOL,
          input: describeModel(path, model, input.source.size),
          output: { ...describeModel(target, stripped.model, patch.size), dataFiles },
          removed,
          exact,
          findings,
          undone: undone.map(({ record, removed: gone }) => ({ block: record.block, removed: gone })),
        };
        return { report, exitCode: findings.length === 0 ? ExitCode.ok : ExitCode.no };
      });
    }),
  );
}

/** The last injection alone, told of as all are. */
async function stripOne(model: OpenModel, options: StripOptions): Promise<StrippedAll> {
  const stripped = await strip(model, options);
  return { ...stripped, undone: [stripped] };
}
