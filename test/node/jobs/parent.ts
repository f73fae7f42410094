/** A process that starts a job which never ends and says the job's pid. */
import { runIsolated } from '../../../src/node/isolate.ts';
import type { run } from './misbehave.ts';

const job = new URL('./misbehave.ts', import.meta.url);
await runIsolated<typeof run>(
  job,
  { misdeed: 'spin' },
  { timeoutMs: 60_000, onProgress: (value) => process.send?.((value as { pid: number }).pid) },
);
