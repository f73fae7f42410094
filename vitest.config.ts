import { defineConfig } from 'vitest/config';

/** Tests that fetch or run whole networks: minutes, not seconds. */
const SLOW = ['test/corpus/**/*.test.ts', 'test/**/*.slow.test.ts'];
/** Node tests that launch a browser. */
const BROWSER = ['test/browser/**/*.test.ts'];

export default defineConfig({
  test: {
    // A process per file, so that a native crash in onnxruntime is one file's failure.
    pool: 'forks',
    // The child processes that a test forks run the sources as well: `fork` passes this on.
    execArgv: ['--import', new URL('./test/helpers/ts-loader.mjs', import.meta.url).href],
    projects: [
      // `npm test`. The three groups run one after another, since each may use all cores.
      {
        extends: true,
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...SLOW, ...BROWSER],
          benchmark: { include: ['test/bench/**/*.bench.ts'] },
          testTimeout: 20_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          include: SLOW,
          exclude: BROWSER,
          benchmark: { include: [] },
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      // One browser at a time: two on two cores measure each other.
      {
        extends: true,
        test: {
          name: 'browser',
          include: BROWSER,
          benchmark: { include: [] },
          testTimeout: 300_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
