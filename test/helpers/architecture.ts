import { posix } from 'node:path';
import ts from 'typescript';
import { LAYERS, type Layer, LONG_FILES, MAX_LINES, PACKAGES } from './import-table.ts';

/** One breach of the architecture. */
export interface Violation {
  readonly rule: 'layer' | 'package' | 'platform' | 'cycle' | 'length' | 'default-export';
  /** Path under src. */
  readonly file: string;
  readonly detail: string;
}

/** Files by their path under src, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Names of Node and the DOM that the core must do without. The compiler turns them down too, having no types for
 * them; this list also holds where somebody declares one.
 */
const PLATFORM_GLOBALS = new Set(
  `Buffer __dirname __filename clearImmediate global globalThis module process require setImmediate
   HTMLElement WebSocket Worker XMLHttpRequest alert console document fetch indexedDB localStorage location navigator
   requestAnimationFrame self sessionStorage window`.split(/\s+/),
);

/** Holds sources to the import table and to the rules beside it; an empty list means all is well. */
export function checkArchitecture(
  sources: Sources,
  longFiles: Readonly<Record<string, string>> = LONG_FILES,
): Violation[] {
  const violations: Violation[] = [];
  const imports = new Map<string, string[]>();
  for (const [file, text] of sources) {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const specifiers = importsOf(source);
    imports.set(
      file,
      specifiers.filter(isRelative).map((specifier) => resolve(file, specifier)),
    );
    for (const detail of specifiers.flatMap((specifier) => importFault(file, specifier) ?? [])) {
      violations.push({ file, ...detail });
    }
    if (layerRule(file)?.core) {
      for (const name of platformGlobals(source)) {
        violations.push({ rule: 'platform', file, detail: `the core uses the global "${name}"` });
      }
    }
    if (hasDefaultExport(source)) {
      violations.push({ rule: 'default-export', file, detail: 'exports a default' });
    }
  }
  return [...violations, ...cycles(imports), ...lengths(sources, longFiles)];
}

/** The layer that a file under src belongs to: its folder, or its own name. */
function layerOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '');
}

function layerRule(file: string): (typeof LAYERS)[Layer] | undefined {
  const layer = layerOf(file);
  return Object.hasOwn(LAYERS, layer) ? LAYERS[layer as Layer] : undefined;
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.');
}

function resolve(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier);
}

function importFault(file: string, specifier: string): Pick<Violation, 'rule' | 'detail'> | undefined {
  const layer = layerOf(file);
  const rule = layerRule(file);
  if (rule === undefined) {
    return { rule: 'layer', detail: `"${layer}" is not in the import table` };
  }
  if (specifier.startsWith('node:')) {
    return rule.core ? { rule: 'platform', detail: `the core imports "${specifier}"` } : undefined;
  }
  if (!isRelative(specifier)) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    const allowed: readonly string[] = Object.hasOwn(PACKAGES, name) ? (PACKAGES[name] ?? []) : [];
    return allowed.includes(layer)
      ? undefined
      : { rule: 'package', detail: `${layer} must not import the package "${name}"` };
  }
  const target = resolve(file, specifier);
  const targetLayer = layerOf(target);
  if (targetLayer === layer || (rule.any as readonly string[]).includes(targetLayer)) {
    return undefined;
  }
  if ((rule.door as readonly string[]).includes(targetLayer)) {
    return /^[^/]+\/(index|types)\.ts$/.test(target)
      ? undefined
      : { rule: 'layer', detail: `${layer} may see ${targetLayer} through its index.ts or types.ts only` };
  }
  return { rule: 'layer', detail: `${layer} must not import ${targetLayer}` };
}

/** Every module a file names: imports, re-exports, dynamic imports and types written as `import('...')`. */
function importsOf(source: ts.SourceFile): string[] {
  const found: string[] = [];
  const add = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) found.push(node.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0]);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** The globals of a platform that a file uses and does not itself declare anywhere. */
function platformGlobals(source: ts.SourceFile): string[] {
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && PLATFORM_GLOBALS.has(node.text)) {
      const parent = node.parent;
      const isName = 'name' in parent && parent.name === node;
      const isMember =
        ts.isPropertyAccessExpression(parent) ||
        ts.isPropertyAssignment(parent) ||
        ts.isClassElement(parent) ||
        ts.isTypeElement(parent);
      const isRenamed = 'propertyName' in parent && parent.propertyName === node;
      if (ts.isShorthandPropertyAssignment(parent)) used.add(node.text);
      else if (isName && !isMember) declared.add(node.text);
      else if (!isName && !isRenamed) used.add(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...used].filter((name) => !declared.has(name));
}

function hasDefaultExport(source: ts.SourceFile): boolean {
  return source.statements.some(
    (statement) =>
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)) ||
      (ts.isExportDeclaration(statement) &&
        statement.exportClause !== undefined &&
        ts.isNamedExports(statement.exportClause) &&
        statement.exportClause.elements.some((element) => element.name.text === 'default')),
  );
}

/** Import cycles, of types as well as of values: each is told once, from the file where the walk met it. */
function cycles(imports: ReadonlyMap<string, readonly string[]>): Violation[] {
  const found: Violation[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      found.push({ rule: 'cycle', file, detail: [...path.slice(start), file].join(' -> ') });
      return;
    }
    if (done.has(file)) return;
    for (const target of imports.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return found;
}

/** Long files without a reason, and reasons without a long file. */
function lengths(sources: Sources, longFiles: Readonly<Record<string, string>>): Violation[] {
  const found: Violation[] = [];
  const isLong = (text: string): boolean => text.trimEnd().split('\n').length > MAX_LINES;
  for (const [file, text] of sources) {
    if (isLong(text) && !Object.hasOwn(longFiles, file)) {
      found.push({ rule: 'length', file, detail: `has more than ${MAX_LINES} lines and no reason for it` });
    }
  }
  for (const file of Object.keys(longFiles)) {
    if (!isLong(sources.get(file) ?? '')) {
      found.push({ rule: 'length', file, detail: `has a reason to be long and is not` });
    }
  }
  return found;
}

/** The import table as Biome overrides, one for each layer. */
export function importRules(): unknown {
  const names = Object.keys(LAYERS) as Layer[];
  return {
    overrides: names.map((layer) => {
      const rule = LAYERS[layer];
      const any: readonly string[] = rule.any;
      const door: readonly string[] = rule.door;
      const forbidden = names.filter(
        (other) => other !== layer && !any.includes(other) && !door.includes(other),
      );
      const patterns = [
        ...forbidden.map((other) => ({
          group: isFile(other)
            ? // Not in any folder: each may have an index.ts of its own.
              [`./${other}.ts`, `../${other}.ts`, `../../${other}.ts`]
            : [`../**/${other}/**`, `./${other}/**`],
          message: `${layer} must not import ${other}.`,
        })),
        ...door.map((other) => ({
          group: [`../**/${other}/**`, `!../**/${other}/index.ts`, `!../**/${other}/types.ts`],
          message: `${layer} may see ${other} through its index.ts or types.ts only.`,
        })),
        ...Object.entries(PACKAGES)
          .filter(([, layers]) => !layers.includes(layer))
          .map(([name]) => ({ group: [name, `${name}/**`], message: `${layer} must not import ${name}.` })),
      ];
      const options = { level: 'error', options: { patterns } };
      return {
        includes: [isFile(layer) ? `src/${layer}.ts` : `src/${layer}/**`],
        linter: {
          rules: {
            style: { noRestrictedImports: options },
            ...(rule.core
              ? {
                  correctness: { noNodejsModules: 'error', noProcessGlobal: 'error' },
                  suspicious: { noConsole: 'error' },
                }
              : {}),
          },
        },
      };
    }),
  };
}

function isFile(layer: Layer): boolean {
  return layer === 'errors' || layer === 'index';
}
