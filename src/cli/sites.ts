import { isSeInjectError } from '../errors.ts';
import { renderExplanation } from '../report/render-explanation.ts';
import { renderLook } from '../report/render-story.ts';
import { buildReport } from '../report/report.ts';
import { explainNode } from '../sites/index.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { toLookOptions, toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { type Looked, lookAt } from './look.ts';
import { type CliInput, DASH, withData, withInput } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';
import { prepareFile } from './write-file.ts';

/** Says what would be done to each of the models, and why; nothing is written. */
export async function sitesCommand(
  inputs: readonly string[],
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  const options = await toLookOptions(values);
  const planPath = values['savePlan'] === undefined ? undefined : String(values['savePlan']);
  if (planPath !== undefined && inputs.length > 1)
    throw usageError(`--save-plan names one file, and there are ${inputs.length} inputs: run once for each`);
  const node = values['explain'] === undefined ? undefined : String(values['explain']);
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: planPath === DASH,
  });
  return forEachInput(inputs, context, (path) =>
    withInput(path, io, async (input) => {
      const save = planPath === undefined ? undefined : await preparePlan(planPath, values, input, io);
      const { model, plan, parts } = await lookAt(input, options);
      await warnOfData(input, model, context.warn);
      await save?.(encodeUtf8(`${JSON.stringify(plan, null, 2)}\n`));
      const report = buildReport({ ...parts, verification: null });
      if (node !== undefined) {
        const explanation = explainNode(model.view, model.types, node, { kinds: options.kinds });
        context.say((paint) => renderExplanation(report.input, explanation, paint));
        return { report: { ...report, explanation }, exitCode: ExitCode.ok };
      }
      for (const warning of report.warnings) context.warn(warning);
      context.say((paint) => renderLook(report, paint));
      return { report, exitCode: report.outcome === 'no-site' ? ExitCode.no : ExitCode.ok };
    }),
  );
}

function preparePlan(
  path: string,
  values: Readonly<Record<string, unknown>>,
  { file }: CliInput,
  io: CliIo,
): ReturnType<typeof prepareFile> {
  const keep = file === undefined ? [] : [file.identity];
  return prepareFile({ path, force: values['force'] === true, keep, io });
}

/** Sites can be told without the weights; who injects next should know that they are not there. */
async function warnOfData(
  input: CliInput,
  model: Looked['model'],
  warn: (text: string) => void,
): Promise<void> {
  try {
    await withData(input, model.file, async () => {});
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    warn(error.message);
  }
}
