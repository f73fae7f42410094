/**
 * Who may import whom in src: the one place where it is stated.
 *
 * test/architecture.test.ts holds the sources to it, and writes it out as lint rules (biome.imports.json) so that an
 * editor shows a wrong import while it is typed: `npx vitest run test/architecture.test.ts -u` after a change here.
 */

/** A folder of src, or a file beside them by its name. */
export type Layer = keyof typeof LAYERS;

interface LayerRule {
  /** The isomorphic core has neither `node:` imports nor globals of Node or the DOM. */
  readonly core: boolean;
  /** Layers of which every file may be imported. */
  readonly any: readonly string[];
  /** Layers that are seen through their door only: `index.ts` and `types.ts`. */
  readonly door: readonly string[];
}

const MODEL = ['errors', 'wire', 'onnx', 'graph'] as const;
const EDIT = [...MODEL, 'sites', 'blocks', 'splice'] as const;
const CORE = ['errors', 'wire', 'onnx', 'graph', 'sites', 'blocks', 'verify', 'evaluate', 'report'] as const;

export const LAYERS = {
  // From bytes to the edit, each above the one before.
  errors: { core: true, any: [], door: [] },
  wire: { core: true, any: ['errors'], door: [] },
  onnx: { core: true, any: MODEL.slice(0, 2), door: [] },
  graph: { core: true, any: MODEL.slice(0, 3), door: [] },
  sites: { core: true, any: MODEL, door: [] },
  blocks: { core: true, any: EDIT.slice(0, 5), door: [] },
  splice: { core: true, any: EDIT.slice(0, 6), door: [] },
  // What looks at an edit: it must not know how the edit was made, or it would check the edit with itself.
  verify: { core: true, any: [...MODEL, 'blocks'], door: ['sites', 'splice'] },
  evaluate: { core: true, any: [...MODEL, 'blocks'], door: ['sites', 'splice', 'verify'] },
  report: { core: true, any: [...MODEL, 'blocks'], door: ['sites', 'splice', 'verify', 'evaluate'] },
  index: { core: true, any: [...CORE, 'splice'], door: [] },
  // The edges, which nothing below imports.
  node: { core: false, any: [...CORE, 'index'], door: ['splice'] },
  web: { core: false, any: [...CORE, 'index'], door: ['splice'] },
  cli: { core: false, any: [...CORE, 'index', 'node'], door: ['splice'] },
} as const satisfies Record<string, LayerRule>;

/** The packages that src may import, and from where. */
export const PACKAGES: Readonly<Record<string, readonly Layer[]>> = {
  '@noble/hashes': ['wire', 'onnx', 'blocks', 'splice', 'verify', 'evaluate', 'node', 'cli'],
  commander: ['cli'],
  'csv-parse': ['node'],
  'd3-scale': ['report'],
  'd3-shape': ['report'],
  fflate: ['onnx'],
  'onnx-proto': ['onnx'],
  // A runtime is an argument of the core, never an import.
  'onnxruntime-node': ['node'],
  'onnxruntime-web': ['web'],
  protobufjs: ['wire', 'onnx'],
  sharp: ['node'],
};

/** Lines a file may have before it needs an entry below. */
export const MAX_LINES = 400;

/** Files that are longer, each with the reason why it is still one file. */
export const LONG_FILES: Readonly<Record<string, string>> = {};
