import { SeInjectError } from '../errors.ts';
import type { BlockDefinition } from './block.ts';
import { se } from './se.ts';

/** The built-in blocks, in the order in which they are listed. */
export const BLOCKS: readonly BlockDefinition[] = [se];

/** Finds a built-in block; throws `blocks/unknown-block`, naming those that there are. */
export function blockNamed(name: string): BlockDefinition {
  const block = BLOCKS.find((candidate) => candidate.name === name);
  if (block !== undefined) return block;
  const known = BLOCKS.map((candidate) => candidate.name).join(', ');
  throw new SeInjectError('blocks/unknown-block', `unknown block "${name}": use one of ${known}`, {
    details: { block: name },
  });
}
