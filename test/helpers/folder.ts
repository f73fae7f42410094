import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** A folder of its own for each test, which is removed afterwards. */
export interface TestFolder {
  /** The path of something in it. */
  at(...parts: readonly string[]): string;
  /** Writes a file and gives its path. */
  write(name: string, content: Uint8Array | string): string;
  read(name: string): Uint8Array;
  /** Everything in it, with enough of its content that a change shows. */
  list(): string[];
}

/** Gives each test of the file (or of the `describe` that this is called in) a folder. */
export function testFolder(): TestFolder {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'se-inject-test-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });
  return {
    at: (...parts) => join(root, ...parts),
    write(name, content) {
      writeFileSync(join(root, name), content);
      return join(root, name);
    },
    read: (name) => new Uint8Array(readFileSync(join(root, name))),
    list() {
      return readdirSync(root, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((name) => `${name} ${describe(join(root, name))}`);
    },
  };
}

function describe(path: string): string {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (!stats.isFile()) return stats.isDirectory() ? 'folder' : 'special';
  const content = readFileSync(path);
  return `${content.length} bytes ${content.subarray(0, 16).toString('hex')}`;
}

/** Runs with the rights of nobody where the test runs as root, who may write everywhere. */
export async function unprivileged<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return run();
  process.seteuid?.(65534);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}
