// Bundles the command line into dist/bundle/main.js, after tsc: loading its two hundred modules one by one takes longer
// than injecting into a network of 100 MB. What runs models stays outside, as it is loaded only where models are run.
import { join } from 'node:path';
import { build } from 'vite';

const root = join(import.meta.dirname, '..');

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
      input: { main: join(root, 'dist', 'cli', 'main.js') },
      // The runtime side of src/node: its child processes are modules beside it.
      external: [
        /^node:/,
        /\/dist\/node\/(verify-files|eval-files|gates-files)\.js$/,
        'onnxruntime-node',
        'sharp',
      ],
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js', format: 'esm' },
    },
  },
});
