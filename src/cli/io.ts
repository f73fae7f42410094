import type { Writable } from 'node:stream';
import { hasCode, ioError } from '../node/io-error.ts';

/** Where a command writes: a stream, and whether a person watches it. */
export type CliStream = Writable & { readonly isTTY?: boolean | undefined };

/** What a command reads and writes. A test passes its own; the command passes `process`. */
export interface CliIo {
  /** Asked for only where `-` is an input. */
  readonly stdin: AsyncIterable<unknown>;
  /** Data. */
  readonly stdout: CliStream;
  /** Talk. */
  readonly stderr: CliStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Failures of streams that were written to, by stream: they come as events, some after the write. */
const failures = new WeakMap<Writable, Error | undefined>();

/** From now on a stream that fails does not end the process; {@link flushed} tells of it. */
export function guardStream(stream: Writable): void {
  if (failures.has(stream)) return;
  failures.set(stream, undefined);
  stream.on('error', (error) => failures.set(stream, error));
}

/**
 * Waits until all is written, and throws what went wrong.
 *
 * A reader that goes away (`| head`) is no fault: it has what it wanted.
 */
export async function flushed(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write('', () => resolve());
  });
  const failure = failures.get(stream);
  if (failure === undefined || hasCode(failure, 'EPIPE', 'ERR_STREAM_DESTROYED')) return;
  throw ioError(failure, 'write to', 'stdout');
}

/** Writes lines of text. */
export function writeLines(stream: Writable, lines: readonly string[]): void {
  if (lines.length > 0) stream.write(`${lines.join('\n')}\n`);
}
