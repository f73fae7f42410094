import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Temporary files that are there now: whatever ends the process takes them along. */
const live = new Set<string>();

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A path in the folder that nobody can guess, so that nobody can have put a file or a link there. */
export function temporaryPath(folder: string): string {
  return join(folder, `.se-inject-${randomBytes(12).toString('hex')}.tmp`);
}

/** From now on, the file is removed when the process exits or is interrupted. */
export function guardTemporary(path: string): void {
  if (live.size === 0) {
    process.on('exit', removeAll);
    for (const signal of SIGNALS) process.on(signal, interrupted);
  }
  live.add(path);
}

/** The file is gone or has its final name. */
export function releaseTemporary(path: string): void {
  if (!live.delete(path) || live.size > 0) return;
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, interrupted);
}

function removeAll(): void {
  for (const path of [...live]) {
    try {
      unlinkSync(path);
    } catch {
      // It was moved or removed already; and this is no moment to complain.
    }
    releaseTemporary(path);
  }
}

function interrupted(signal: NodeJS.Signals): void {
  removeAll();
  // Listening took away what the signal does by itself. Where nobody else listens, it does that now.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
