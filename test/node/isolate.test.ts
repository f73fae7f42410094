import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { SeInjectError } from '../../src/errors.ts';
import {
  type IsolatedOutcome,
  type IsolateOptions,
  runIsolated,
  siblingModule,
} from '../../src/node/isolate.ts';
import { testFolder } from '../helpers/folder.ts';
import type { Misdeed, run } from './jobs/misbehave.ts';

const folder = testFolder();
const JOB = new URL('./jobs/misbehave.ts', import.meta.url);

function isolate(
  misdeed: Misdeed,
  options: IsolateOptions = {},
  payload?: unknown,
): Promise<IsolatedOutcome<unknown>> {
  return runIsolated<typeof run>(JOB, { misdeed, payload }, options);
}

describe('runIsolated', () => {
  it('returns what the job returns: typed arrays, maps and bigints as they are', async () => {
    const payload = {
      a: Float32Array.of(1, Number.NaN, -0),
      m: new Map([['__proto__', 1n]]),
      s: [undefined, null],
    };
    const outcome = await isolate('answer', {}, payload);
    expect(outcome).toEqual({ status: 'ok', value: payload, log: '' });
    expect(outcome.status === 'ok' && Object.is((outcome.value as typeof payload).a[2], -0)).toBe(true);
  });

  it('hands on progress as it comes', async () => {
    const onProgress = vi.fn();
    await isolate('answer', { onProgress });
    expect(onProgress.mock.calls).toEqual([[{ pid: expect.any(Number) }]]);
  });

  it('asks the job to come to an end, before it began and in the middle', async () => {
    const early = await isolate('until-stopped', { stop: AbortSignal.abort() });
    expect(early).toMatchObject({ status: 'ok', value: true });
    const stop = new AbortController();
    const late = await isolate('until-stopped', { stop: stop.signal, onProgress: () => stop.abort() });
    expect(late).toMatchObject({ status: 'ok', value: true });
  });

  it('keeps the end of what the job prints, and prints none of it', async () => {
    const { log } = await isolate('print');
    expect(log).toHaveLength(65_536);
    expect(log).toMatch(/xthe end\n$/);
  });

  it('tells of an abort', async () => {
    const outcome = await isolate('abort');
    expect(outcome).toMatchObject({ status: 'crashed', signal: 'SIGABRT', exitCode: null });
  });

  it('tells of an exit without an answer', async () => {
    expect(await isolate('exit')).toMatchObject({ status: 'crashed', signal: null, exitCode: 7 });
  });

  it('ends a job that blocks its event loop for ever', async () => {
    const start = performance.now();
    const outcome = await isolate('spin', { timeoutMs: 1_000 });
    expect(outcome).toEqual({ status: 'timeout', afterMs: 1_000, log: '' });
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it('waits as long as it may, be that longer than timers count', async () => {
    expect(await isolate('answer', { timeoutMs: 1e12 }, 1)).toMatchObject({ status: 'ok', value: 1 });
  });

  it('ends a job that takes too much memory, by what is resident', async () => {
    const outcome = await isolate('native-bomb', { memoryBytes: 300 << 20 });
    expect(outcome.status).toBe('memory');
    if (outcome.status !== 'memory') return;
    expect(outcome.rssBytes).toBeGreaterThan(300 << 20);
    // The watch looks every 50 ms, and the bomb takes 16 MiB each 10 ms at the most.
    expect(outcome.rssBytes).toBeLessThan(600 << 20);
  });

  it('calls a full heap memory too', async () => {
    const env = { NODE_OPTIONS: '--max-old-space-size=64' };
    expect(await isolate('heap-bomb', { env })).toMatchObject({ status: 'memory', rssBytes: null });
  });

  it('makes a SeInjectError again, with code, details and cause; details that cannot cross become text', async () => {
    const outcome = await isolate('throw-ours');
    expect(outcome.status).toBe('error');
    if (outcome.status !== 'error') return;
    expect(outcome.error).toBeInstanceOf(SeInjectError);
    expect(outcome.error).toMatchObject({
      code: 'verify/run-failed',
      message: 'the run failed',
      details: { node: 'conv1', sizes: [1, 2], call: '() => 1' },
      cause: { name: 'RangeError', message: 'deep down' },
    });
    expect(outcome.error.stack).toContain('misbehave.ts');
  });

  it('hands on other errors with their name, and undefined as an error', async () => {
    expect(await isolate('throw-other')).toMatchObject({
      status: 'error',
      error: { name: 'RangeError', message: 'out of range' },
    });
    expect(await isolate('throw-nothing')).toMatchObject({
      status: 'error',
      error: { message: 'undefined' },
    });
  });

  it('tells of a result that cannot cross', async () => {
    expect(await isolate('return-function')).toMatchObject({
      status: 'error',
      error: { message: expect.stringContaining('could not be cloned') },
    });
  });

  it('refuses an argument that cannot cross', async () => {
    await expect(isolate('answer', {}, () => 1)).rejects.toThrow(/could not be cloned/);
  });

  it('tells of a job that cannot be imported', async () => {
    const outcome = await runIsolated(new URL('./jobs/none.ts', import.meta.url), undefined as never);
    expect(outcome).toMatchObject({
      status: 'error',
      error: { message: expect.stringContaining('none.ts') },
    });
  });

  it('does not wait for handles that the job left open', async () => {
    const start = performance.now();
    expect(await isolate('linger')).toMatchObject({ status: 'ok', value: 'answered' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('gives the job a temporary folder that is gone afterwards, even after a crash', async () => {
    const said: unknown[] = [];
    const outcome = await isolate('leave-file', { onProgress: (value) => said.push(value) });
    expect(outcome.status).toBe('crashed');
    expect(said[1]).toMatch(/se-inject-.*left-/);
    expect(existsSync(said[1] as string)).toBe(false);
  });

  it('adds to the environment and takes from it', async () => {
    vi.stubEnv('SE_INJECT_TEST_TAKEN', 'here');
    const env = { SE_INJECT_TEST_GIVEN: 'given', SE_INJECT_TEST_TAKEN: undefined };
    expect(await isolate('environment', { env })).toMatchObject({
      status: 'ok',
      value: { given: 'given', taken: undefined },
    });
    vi.unstubAllEnvs();
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'dies with its parent, even in the middle of a loop, and leaves no folder: %s',
    async (signal) => {
      // A parent that starts a job which never ends, says its pid, and is killed.
      const parent = fork(fileURLToPath(new URL('./jobs/parent.ts', import.meta.url)), {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: { ...process.env, TMPDIR: folder.at() },
      });
      const pid = await new Promise<number>((resolve) =>
        parent.once('message', (message) => resolve(message as number)),
      );
      try {
        expect(isAlive(pid)).toBe(true);
        expect(ownFolders()).toHaveLength(1);
        parent.kill(signal);
        // As long as a busy machine takes: it looks every few milliseconds, when it comes to its turn.
        await vi.waitFor(() => expect([isAlive(pid), ownFolders()]).toEqual([false, []]), {
          timeout: 15_000,
          interval: 20,
        });
      } finally {
        if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      }

      function ownFolders(): readonly string[] {
        return folder.list().filter((entry) => entry.startsWith('se-inject-'));
      }
    },
  );
});

describe('siblingModule', () => {
  it('has the ending of the code that asks', () => {
    expect(siblingModule('file:///a/b/c.js', 'd').href).toBe('file:///a/b/d.js');
    expect(siblingModule('file:///a/b/c.ts?t=1', 'd').href).toBe('file:///a/b/d.ts');
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
