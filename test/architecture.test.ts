import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkArchitecture, importRules, type Sources, type Violation } from './helpers/architecture.ts';
import { MAX_LINES } from './helpers/import-table.ts';

const SRC = join(import.meta.dirname, '..', 'src');

function readSources(): Sources {
  return new Map(
    readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
      .map((path) => [path.split(sep).join('/'), readFileSync(join(SRC, path), 'utf8')]),
  );
}

describe('the sources', () => {
  const sources = readSources();

  it('keep to the import table', () => {
    expect(sources.size).toBeGreaterThan(4);
    expect(checkArchitecture(sources)).toEqual([]);
  });

  it('are seen by the checker: a fault planted among them is the one that is found', () => {
    const planted = new Map(sources).set(
      'wire/planted.ts',
      "import { plan } from '../splice/index.ts';\nplan();\n",
    );
    expect(checkArchitecture(planted)).toEqual([
      { rule: 'layer', file: 'wire/planted.ts', detail: 'wire must not import splice' },
    ]);
  });
});

describe('the lint rules', () => {
  it('say what the import table says', async () => {
    const text = `${JSON.stringify(importRules(), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../biome.imports.json');
  });
});

describe('checkArchitecture', () => {
  const long = 'export {};\n'.repeat(MAX_LINES + 1);

  it('finds nothing in sound sources', () => {
    const sources = {
      'errors.ts': 'export class SeInjectError extends Error {}',
      'wire/index.ts':
        "import { SeInjectError } from '../errors.ts'; import protobuf from 'protobufjs/minimal.js';",
      'splice/index.ts': "export { sha256 } from '@noble/hashes/sha2.js';",
      'verify/index.ts':
        "import type { Plan } from '../splice/types.ts'; import { plan } from '../splice/index.ts';",
      // Names of globals that are members, keys, renamed parts or the file's own.
      'graph/names.ts':
        'export const f = (module: { process: 1 }): number => module.process; ({ location: 1 }).location;' +
        'const { document: d } = { document: 1 }; f({ process: d });',
      'node/index.ts':
        "import { readFile } from 'node:fs/promises'; import 'onnxruntime-node'; process.cwd();",
      'cli/main.ts': "import '../node/index.ts'; import 'commander'; import '../index.ts';",
      'index.ts': "export { plan } from './splice/plan.ts';",
    };
    expect(faults(sources)).toEqual([]);
  });

  it.each<[string, Record<string, string>, Violation['rule'], string]>([
    ['a lower layer', { 'wire/a.ts': "import '../onnx/a.ts';" }, 'layer', 'wire must not import onnx'],
    [
      'an import of types',
      { 'onnx/a.ts': "import type { A } from '../graph/a.ts';" },
      'layer',
      'onnx must not import graph',
    ],
    [
      'a re-export',
      { 'sites/a.ts': "export { a } from '../blocks/a.ts';" },
      'layer',
      'sites must not import blocks',
    ],
    [
      'a dynamic import',
      { 'blocks/a.ts': "await import('../splice/a.ts');" },
      'layer',
      'blocks must not import splice',
    ],
    [
      'a type written as an import',
      { 'errors.ts': "export type A = import('./wire/a.ts').A;" },
      'layer',
      'errors must not import wire',
    ],
    [
      'a deeper folder',
      { 'graph/deep/a.ts': "import '../../sites/a.ts';" },
      'layer',
      'graph must not import sites',
    ],
    [
      "splice's inside",
      { 'verify/a.ts': "import '../splice/apply.ts';" },
      'layer',
      'verify may see splice through its index.ts or types.ts only',
    ],
    [
      "splice's inside, by a deeper index",
      { 'cli/a.ts': "import '../splice/deep/index.ts';" },
      'layer',
      'cli may see splice through its index.ts or types.ts only',
    ],
    ['an edge', { 'report/a.ts': "import '../node/index.ts';" }, 'layer', 'report must not import node'],
    ['the edge beside', { 'web/a.ts': "import '../node/index.ts';" }, 'layer', 'web must not import node'],
    ['the public index', { 'report/a.ts': "import '../index.ts';" }, 'layer', 'report must not import index'],
    [
      'an unknown folder',
      { 'utils/a.ts': "import '../errors.ts';" },
      'layer',
      '"utils" is not in the import table',
    ],
    [
      'a package elsewhere',
      { 'verify/a.ts': "import 'onnxruntime-node';" },
      'package',
      'verify must not import the package "onnxruntime-node"',
    ],
    [
      'an unknown scoped package',
      { 'wire/a.ts': "import '@x/y/z.js';" },
      'package',
      'wire must not import the package "@x/y"',
    ],
    [
      'a package named like a member of Object',
      { 'wire/a.ts': "import 'constructor';" },
      'package',
      'wire must not import the package "constructor"',
    ],
    [
      'a module of Node',
      { 'graph/a.ts': "import { join } from 'node:path';" },
      'platform',
      'the core imports "node:path"',
    ],
    [
      'a global of Node',
      { 'graph/a.ts': "export const a = Buffer.from('');" },
      'platform',
      'the core uses the global "Buffer"',
    ],
    [
      'a global of the DOM',
      { 'index.ts': 'document.title;' },
      'platform',
      'the core uses the global "document"',
    ],
    [
      'a global handed on',
      { 'wire/a.ts': 'f({ process });' },
      'platform',
      'the core uses the global "process"',
    ],
    ['a default export', { 'cli/a.ts': 'export default 1;' }, 'default-export', 'exports a default'],
    [
      'a default function',
      { 'cli/a.ts': 'export default function f() {}' },
      'default-export',
      'exports a default',
    ],
    [
      'a name exported as default',
      { 'cli/a.ts': 'const a = 1; export { a as default };' },
      'default-export',
      'exports a default',
    ],
    ['a long file', { 'wire/a.ts': long }, 'length', `has more than ${MAX_LINES} lines and no reason for it`],
    [
      'a cycle of types',
      {
        'wire/a.ts': "import type { B } from './b.ts';",
        'wire/b.ts': "import './c.ts';",
        'wire/c.ts': "import './b.ts';",
      },
      'cycle',
      'wire/b.ts -> wire/c.ts -> wire/b.ts',
    ],
  ])('finds %s', (_what, sources, rule, detail) => {
    expect(faults(sources)).toEqual([expect.objectContaining({ rule, detail })]);
  });

  it('lets a file be long for a reason, as long as it is', () => {
    expect(checkArchitecture(new Map([['wire/a.ts', long]]), { 'wire/a.ts': 'one table' })).toEqual([]);
    expect(checkArchitecture(new Map([['wire/a.ts', 'export {};']]), { 'wire/a.ts': 'one table' })).toEqual([
      { rule: 'length', file: 'wire/a.ts', detail: 'has a reason to be long and is not' },
    ]);
  });
});

function faults(sources: Record<string, string>): Violation[] {
  return checkArchitecture(new Map(Object.entries(sources)), {});
}
