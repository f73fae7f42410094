import { renderVerification } from '../report/render-verification.ts';
import { describeModel, REPORT_SCHEMA_VERSION } from '../report/report.ts';
import { openModel, TOOL } from '../splice/index.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { stopwatch } from './look.ts';
import { DASH, withInput } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';
import { verifyPaths } from './verification.ts';
import { toRunOptions } from './verify-options.ts';

/** Compares a rewritten model with its original. */
export function verifyCommand(
  before: string,
  after: string,
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  if (before === DASH || after === DASH)
    throw usageError('models that are run must be files: write stdin to one first');
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: false,
  });
  const run = toRunOptions(values);
  return forEachInput([after], context, async () => {
    const clock = stopwatch();
    const verification = await verifyPaths(before, after, run, context);
    const verifyMs = clock();
    context.say((paint) => renderVerification(verification, paint, context.volume === 'verbose'));
    const isOpen = verification.verdict === 'unchecked';
    const report = {
      schemaVersion: REPORT_SCHEMA_VERSION,
      tool: TOOL,
      input: await describe(before, io),
      output: await describe(after, io),
      verification,
      timings: { verifyMs },
    };
    const isNo = verification.verdict === 'fail' || (isOpen && values['require'] === true);
    return { report, exitCode: isNo ? ExitCode.no : ExitCode.ok };
  });
}

function describe(path: string, io: CliIo): Promise<unknown> {
  return withInput(path, io, async ({ source }) => describeModel(path, await openModel(source), source.size));
}
