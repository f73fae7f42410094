/** A job that ends in every way that a job can end. */
import { SeInjectError } from '../../../src/errors.ts';
import type { JobContext } from '../../../src/node/isolate.ts';

export type Misdeed =
  | 'answer'
  | 'print'
  | 'abort'
  | 'exit'
  | 'spin'
  | 'native-bomb'
  | 'heap-bomb'
  | 'throw-ours'
  | 'throw-other'
  | 'throw-nothing'
  | 'return-function'
  | 'linger'
  | 'leave-file'
  | 'environment'
  | 'until-stopped';

export async function run(
  { misdeed, payload }: { readonly misdeed: Misdeed; readonly payload?: unknown },
  { progress, stop }: JobContext,
): Promise<unknown> {
  await progress({ pid: process.pid });
  switch (misdeed) {
    case 'answer':
      return payload;
    case 'print':
      process.stdout.write('on stdout\n');
      process.stderr.write(`${'x'.repeat(100_000)}the end\n`);
      return undefined;
    case 'abort':
      return process.abort();
    case 'exit':
      return process.exit(7);
    case 'spin':
      for (;;);
    case 'native-bomb': {
      const held: Buffer[] = [];
      // 16 MiB at a time, touched, so that it is resident. Bounded, should the watch fail.
      while (held.length < 128) {
        held.push(Buffer.alloc(16 << 20, held.length + 1));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
      return held.length;
    }
    case 'heap-bomb': {
      const held: unknown[] = [];
      for (;;) held.push(new Array(10_000).fill({ held }));
    }
    case 'throw-ours':
      throw new SeInjectError('verify/run-failed', 'the run failed', {
        details: { node: 'conv1', sizes: [1, 2], call: () => 1 },
        cause: new RangeError('deep down'),
      });
    case 'throw-other':
      throw new RangeError('out of range');
    case 'throw-nothing':
      // biome-ignore lint/style/useThrowOnlyError: what a careless library does
      throw undefined;
    case 'return-function':
      return () => 1;
    case 'linger':
      setInterval(() => {}, 1_000);
      return 'answered';
    case 'leave-file': {
      const { mkdtempSync } = await import('node:fs');
      const { tmpdir } = await import('node:os');
      await progress(mkdtempSync(`${tmpdir()}/left-`));
      return process.abort();
    }
    case 'until-stopped':
      await new Promise((resolve) => {
        if (stop.aborted) resolve(undefined);
        stop.addEventListener('abort', resolve, { once: true });
        setTimeout(resolve, 10_000);
      });
      return stop.aborted;
    case 'environment':
      return { given: process.env['SE_INJECT_TEST_GIVEN'], taken: process.env['SE_INJECT_TEST_TAKEN'] };
  }
}
