import { isSeInjectError, SeInjectError } from '../errors.ts';
import { escapeControls } from '../onnx/format-name.ts';
import { REPORT_SCHEMA_VERSION } from '../report/report.ts';
import { TOOL } from '../splice/index.ts';

/** The answer of a command: all well, the answer is no, or it could not run. */
export const ExitCode = { ok: 0, no: 1, failed: 2 } as const;

/** One of {@link ExitCode}. */
export type ExitCodeNumber = (typeof ExitCode)[keyof typeof ExitCode];

/** The exit code for what was thrown: some known errors are answers. */
export function exitCodeOf(error: unknown): ExitCodeNumber {
  const isAnswer =
    isSeInjectError(error) && (error.code === 'verify/mismatch' || error.code === 'sites/no-site');
  return isAnswer ? ExitCode.no : ExitCode.failed;
}

/**
 * What is told of an error: a known one in a line or two, an unknown one with its stack, since it is a fault of ours.
 *
 * `input` names the file that was worked on, where the message does not.
 */
export function describeFailure(error: unknown, input: string | undefined, isVerbose: boolean): string {
  if (!isSeInjectError(error)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${TOOL.name}: ${input === undefined ? '' : `${escapeControls(input)}: `}unexpected error, a fault of the tool\n${stack}`;
  }
  const subject = input === undefined || 'path' in error.details ? '' : `${escapeControls(input)}: `;
  const line = `${TOOL.name}: ${subject}${error.message} [${error.code}]`;
  return isVerbose && error.code !== 'cli/usage' ? `${line}\n${error.stack ?? ''}${causes(error)}` : line;
}

/** An error as the report of a program tells it. */
export function failureReport(error: unknown, input: string): unknown {
  const known = isSeInjectError(error);
  return {
    schemaVersion: REPORT_SCHEMA_VERSION,
    tool: TOOL,
    input: { path: input },
    error: {
      code: known ? error.code : null,
      message: error instanceof Error ? error.message : String(error),
      details: known ? error.details : {},
    },
  };
}

/** The error of options that are wrong or do not go together. */
export function usageError(message: string): SeInjectError {
  return new SeInjectError('cli/usage', message);
}

function causes(error: Error): string {
  let text = '';
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    text += `\ncaused by: ${cause.stack}`;
  return text;
}
