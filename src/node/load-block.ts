import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BlockDefinition, defineBlock } from '../blocks/block.ts';
import { BLOCKS } from '../blocks/registry.ts';
import { SeInjectError } from '../errors.ts';

/**
 * Loads a block of your own from a JavaScript module: its export `block`, or its default export.
 *
 * The module runs with all rights of this process. Throws `blocks/invalid-definition` where it cannot be loaded, exports
 * no block, or takes the name of a built-in one.
 *
 * @example
 * ```ts
 * const block = await loadBlock('./my-block.mjs');
 * await rewrite(source, { block, blockOptions: { limit: 0.5 } });
 * ```
 */
export async function loadBlock(path: string): Promise<BlockDefinition> {
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = await import(/* @vite-ignore */ pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw invalidModule(path, `cannot be loaded: ${why}`, cause);
  }
  const exported = loaded['block'] ?? loaded['default'];
  if (exported === undefined) throw invalidModule(path, 'exports no block: name the export "block"');
  // Whatever it is: the door checks it.
  const block = defineBlock(exported as BlockDefinition);
  if (BLOCKS.some(({ name }) => name === block.name)) {
    throw invalidModule(
      path,
      `has a block named "${block.name}", as a built-in one is: give it another name`,
    );
  }
  return block;
}

function invalidModule(path: string, why: string, cause?: unknown): SeInjectError {
  return new SeInjectError('blocks/invalid-definition', `module "${path}" ${why}`, {
    details: { path },
    cause,
  });
}
