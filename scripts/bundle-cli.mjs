// Bundles the command line into dist/bundle/main.js, after tsc: loading its two hundred modules one by one takes longer
// than injecting into a network of 100 MB. What runs models are chunks beside it, loaded only where models are run, and
// so are the modules of child processes and threads: they are found by their names beside the chunk that starts them.
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');
const ENTRIES = {
  main: 'cli/main',
  'isolate-child': 'node/isolate-child',
  'ort-thread-worker': 'node/ort-thread-worker',
  'ort-probe-job': 'node/ort-probe-job',
  'verify-job': 'node/verify-job',
  'eval-job': 'node/eval-job',
  'gates-job': 'node/gates-job',
};

await build({
  configFile: false,
  logLevel: 'warn',
  root,
  ssr: { noExternal: true },
  build: {
    ssr: true,
    outDir: 'dist/bundle',
    target: 'node20',
    minify: true,
    rollupOptions: {
      input: Object.fromEntries(
        Object.entries(ENTRIES).map(([name, path]) => [name, join(root, 'dist', `${path}.js`)]),
      ),
      external: [/^node:/, 'onnxruntime-node', 'sharp'],
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js', format: 'esm' },
    },
  },
});
