import { isSeInjectError } from '../errors.ts';
import { renderLook } from '../report/render-story.ts';
import { buildReport } from '../report/report.ts';
import { ExitCode, type ExitCodeNumber } from './failure.ts';
import { toLookOptions, toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { type Looked, lookAt } from './look.ts';
import { type CliInput, withData, withInput } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';

/** Says what would be done to each of the models, and why; nothing is written. */
export function sitesCommand(
  inputs: readonly string[],
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  const options = toLookOptions(values);
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: false,
  });
  return forEachInput(inputs, context, (path) =>
    withInput(path, io, async (input) => {
      const { model, parts } = await lookAt(input, options);
      await warnOfData(input, model, context.warn);
      const report = buildReport({ ...parts, verification: null });
      for (const warning of report.warnings) context.warn(warning);
      context.say((paint) => renderLook(report, paint));
      return { report, exitCode: report.outcome === 'no-site' ? ExitCode.no : ExitCode.ok };
    }),
  );
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
