import { SeInjectError } from '../errors.ts';
import type { BlockDefinition } from './block.ts';
import { cbam } from './cbam.ts';
import { coord } from './coord.ts';
import { eca } from './eca.ts';
import { ese } from './ese.ts';
import { gc } from './gc.ts';
import { gct } from './gct.ts';
import { ge } from './ge.ts';
import { scse } from './scse.ts';
import { se } from './se.ts';
import { simam } from './simam.ts';
import { srm } from './srm.ts';
import { sse } from './sse.ts';

/** The built-in blocks, in the order in which they are listed. */
export const BLOCKS: readonly BlockDefinition[] = [
  se,
  ese,
  eca,
  sse,
  scse,
  cbam,
  gc,
  ge,
  gct,
  srm,
  simam,
  coord,
];

/** Finds a built-in block; throws `blocks/unknown-block`, naming those that there are. */
export function blockNamed(name: string): BlockDefinition {
  const block = BLOCKS.find((candidate) => candidate.name === name);
  if (block !== undefined) return block;
  const known = BLOCKS.map((candidate) => candidate.name).join(', ');
  throw new SeInjectError('blocks/unknown-block', `unknown block "${name}": use one of ${known}`, {
    details: { block: name },
  });
}
