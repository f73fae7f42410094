import { renderJson } from '../report/render-json.ts';
import type { Paint } from '../report/render-text.ts';
import { describeFailure, type ExitCodeNumber, exitCodeOf, failureReport, usageError } from './failure.ts';
import type { Volume } from './inject-options.ts';
import { type CliIo, type CliStream, writeLines } from './io.ts';
import { DASH } from './open-input.ts';
import { paintFor } from './paint.ts';

/** How a command speaks to the one who called it. */
export interface RunContext {
  readonly io: CliIo;
  readonly volume: Volume;
  /** Whether stdout carries JSON reports. */
  readonly json: boolean;
  /** Text for people: on stdout, or on stderr where stdout carries a model. */
  readonly say: (lines: (paint: Paint) => readonly string[]) => void;
  /** Something to know, on stderr. */
  readonly warn: (text: string) => void;
  /** What takes long, for a person who waits at a terminal. */
  readonly progress: (text: string) => void;
}

/** What a command is called with, as far as speaking goes. */
export interface SpeechOptions {
  readonly volume: Volume;
  readonly json: boolean;
  /** Whether stdout carries a model. */
  readonly dataOnStdout: boolean;
}

/** Makes the context of one run. */
export function runContext(io: CliIo, { volume, json, dataOnStdout }: SpeechOptions): RunContext {
  if (json && dataOnStdout) {
    throw usageError(
      '--json and a model on stdout do not go together: write the model to a file with -o FILE',
    );
  }
  const stream: CliStream = dataOnStdout ? io.stderr : io.stdout;
  return {
    io,
    volume,
    json,
    say(lines) {
      if (!json && volume !== 'quiet') writeLines(stream, lines(paintFor(io, stream)));
    },
    progress(text) {
      if (io.stderr.isTTY === true && volume !== 'quiet') {
        writeLines(io.stderr, [paintFor(io, io.stderr)('faint', `${text} ...`)]);
      }
    },
    warn(text) {
      if (volume !== 'quiet') writeLines(io.stderr, [paintFor(io, io.stderr)('warning', `warning: ${text}`)]);
    },
  };
}

/** The answer of one input: what a program reads, and the exit code. */
export interface InputResult {
  /** Printed as one line with `--json`. */
  readonly report: unknown;
  readonly exitCode: ExitCodeNumber;
}

/**
 * Works on inputs one by one; one that fails does not stop the others. Gives the worst exit code.
 *
 * Each failure is told on stderr; with `--json` its code and details are a line on stdout besides, in the report's place.
 */
export async function forEachInput(
  inputs: readonly string[],
  context: RunContext,
  work: (input: string) => Promise<InputResult>,
): Promise<ExitCodeNumber> {
  if (inputs.filter((input) => input === DASH).length > 1)
    throw usageError('stdin can be read once: give one "-"');
  let worst: ExitCodeNumber = 0;
  for (const input of inputs) {
    let result: InputResult;
    try {
      result = await work(input);
    } catch (error) {
      const shown = input === DASH ? 'stdin' : input;
      writeLines(context.io.stderr, [describeFailure(error, shown, context.volume === 'verbose')]);
      result = { report: failureReport(error, input), exitCode: exitCodeOf(error) };
    }
    if (context.json) writeLines(context.io.stdout, [renderJson(result.report)]);
    if (result.exitCode > worst) worst = result.exitCode;
  }
  return worst;
}
