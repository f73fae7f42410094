/** What a command reads and writes. A test passes its own; the command passes `process`. */
export interface CliIo {
  /** Talk. */
  readonly stderr: { write(text: string): unknown };
}

/**
 * Runs the command line and resolves to its exit code: 0 all well, 1 the answer is no, 2 it could not run.
 *
 * It never ends the process itself.
 */
export function main(_argv: readonly string[], io: CliIo): Promise<number> {
  io.stderr.write('se-inject: no command is built yet\n');
  return Promise.resolve(2);
}
