// Runs a TypeScript file, which Node 20 cannot do by itself: `node scripts/run-ts.mjs fixtures/build.ts ARGS...`
import { resolve } from 'node:path';
import process from 'node:process';
import { runnerImport } from 'vite';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node scripts/run-ts.mjs FILE.ts [ARGUMENT...]\n');
  process.exitCode = 2;
} else {
  // The file sees itself and its arguments as if node had been given it.
  process.argv = [process.argv0, resolve(file), ...args];
  await runnerImport(resolve(file), { configFile: false, logLevel: 'error' });
}
