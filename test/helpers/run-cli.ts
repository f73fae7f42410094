import { Readable, Writable } from 'node:stream';
import { type CliIo, main } from '../../src/cli/main.ts';

/** What a run of the command line left behind. */
export interface CliRun {
  readonly exitCode: number;
  readonly stdout: Buffer;
  /** The same as text. */
  readonly out: string;
  readonly err: string;
}

/** What a run is given besides its arguments. */
export interface CliSetting {
  readonly stdin?: Uint8Array | AsyncIterable<unknown>;
  /** Whether stdout and stderr are terminals. */
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the command line in this process, with streams of its own. */
export async function runCli(argv: readonly string[], setting: CliSetting = {}): Promise<CliRun> {
  const stdout = capture(setting.terminal === true);
  const stderr = capture(setting.terminal === true);
  const io: CliIo = {
    stdin:
      setting.stdin instanceof Uint8Array
        ? Readable.from([setting.stdin])
        : (setting.stdin ?? Readable.from([])),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: setting.env ?? {},
  };
  const exitCode = await main(argv, io);
  const bytes = stdout.bytes();
  return { exitCode, stdout: bytes, out: bytes.toString('utf8'), err: stderr.bytes().toString('utf8') };
}

/** Runs an injection that is not verified, for tests of what comes before: running models takes its time. */
export function runUnverified(argv: readonly string[], setting: CliSetting = {}): Promise<CliRun> {
  return runCli([...argv, '--verify', 'off'], setting);
}

function capture(isTTY: boolean) {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      // A copy: writers may use their buffer again.
      chunks.push(Buffer.from(Uint8Array.from(chunk as Buffer)));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }), bytes: () => Buffer.concat(chunks) };
}
