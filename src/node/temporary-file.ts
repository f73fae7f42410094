import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** Temporary files and folders that are there now: whatever ends the process takes them along. */
const live = new Set<string>();

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A path in the folder that nobody can guess, so that nobody can have put a file or a link there. */
export function temporaryPath(folder: string): string {
  return join(folder, `.se-inject-${randomBytes(12).toString('hex')}.tmp`);
}

/** Hands out a folder among the system's temporary ones, which is gone afterwards whatever happened. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  // In one go with the guard: no signal comes in between.
  const folder = mkdtempSync(join(tmpdir(), 'se-inject-'));
  guardTemporary(folder);
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    releaseTemporary(folder);
  }
}

/** From now on, the file or folder is removed when the process exits or is ended by a signal. */
export function guardTemporary(path: string): void {
  if (live.size === 0) {
    process.on('exit', removeAll);
    // In front of the others, so that all of them are there to be seen.
    for (const signal of SIGNALS) process.prependListener(signal, interrupted);
  }
  live.add(path);
}

/** It is gone or has its final name. */
export function releaseTemporary(path: string): void {
  if (!live.delete(path) || live.size > 0) return;
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, interrupted);
}

function removeAll(): void {
  for (const path of [...live]) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // It was moved or removed already; and this is no moment to complain.
    }
    releaseTemporary(path);
  }
}

function interrupted(signal: NodeJS.Signals): void {
  // Whoever else listens may go on with what it has; if it exits, that is heard of too.
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  // Listening took away what the signal does by itself.
  process.kill(process.pid, signal);
}
