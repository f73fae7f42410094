import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** What one run of a command took. */
export interface Taken {
  /** Wall-clock milliseconds. */
  readonly ms: number;
  /** Peak resident memory in bytes, where the command is node. */
  readonly peakBytes: number;
}

/**
 * Loaded into a measured node: it says at the end how much memory it had at most. Linux tells so in /proc; what
 * `resourceUsage` tells there counts the memory of the process that started it.
 */
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`
import { readFileSync } from 'node:fs';
import process from 'node:process';
process.on('exit', () => {
  let peak = process.resourceUsage().maxRSS;
  try { peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]; } catch {}
  process.stderr.write('peak ' + peak + '\\n');
});`)}`;

/** Runs node with arguments and measures it; throws what it printed where it fails. */
export function runNode(args: readonly string[]): Taken {
  return run(process.execPath, ['--import', TELL_PEAK, ...args]);
}

/** Runs a command and measures it. */
export function run(command: string, args: readonly string[]): Taken {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const ms = performance.now() - started;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  return { ms, peakBytes: 1024 * Number(/peak (\d+)/.exec(stderr)?.[1] ?? 0) };
}

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs several things in turn, so that what else the machine does hits all of them alike; medians of each. */
export async function inTurn<Name extends string>(
  rounds: number,
  things: Readonly<Record<Name, () => Taken | Promise<Taken>>>,
): Promise<Record<Name, Taken>> {
  const taken = new Map<Name, Taken[]>();
  const names = Object.keys(things) as Name[];
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) taken.set(name, [...(taken.get(name) ?? []), await things[name]()]);
  }
  const middle = (name: Name): Taken => ({
    ms: median((taken.get(name) ?? []).map(({ ms }) => ms)),
    peakBytes: Math.max(...(taken.get(name) ?? []).map(({ peakBytes }) => peakBytes)),
  });
  return Object.fromEntries(names.map((name) => [name, middle(name)])) as Record<Name, Taken>;
}

/** Times something in this process. */
export async function timed(work: () => unknown): Promise<Taken> {
  const started = performance.now();
  await work();
  return { ms: performance.now() - started, peakBytes: 0 };
}
