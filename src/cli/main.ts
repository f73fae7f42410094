import { CommanderError } from 'commander';
import { describeFailure, ExitCode, exitCodeOf } from './failure.ts';
import { type CliIo, flushed, guardStream, writeLines } from './io.ts';
import { buildProgram } from './program.ts';

export type { CliIo, CliStream } from './io.ts';

/**
 * Runs the command line and resolves to its exit code: 0 all well, 1 the answer is no, 2 it could not run.
 *
 * It never ends the process itself, and never throws.
 */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  guardStream(io.stdout);
  guardStream(io.stderr);
  let exitCode: number = ExitCode.ok;
  const program = buildProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    if (exitCode !== ExitCode.failed) await flushed(io.stdout);
    return exitCode;
  } catch (error) {
    // Help and version end in an error too; it has been written already, whatever it is.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.failed;
    writeLines(io.stderr, [describeFailure(error, undefined, argv.includes('--verbose'))]);
    return exitCodeOf(error);
  }
}
