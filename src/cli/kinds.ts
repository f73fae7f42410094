import type { SiteOptions } from '../sites/find-sites.ts';
import type { SiteKind } from '../sites/index.ts';
import { usageError } from './failure.ts';

/** The families of blocks; the compiler sees to it that none is left out. */
const KINDS: Readonly<Record<SiteKind, true>> = {
  residual: true,
  'inverted-residual': true,
  'depthwise-separable': true,
  shuffle: true,
  inception: true,
  fire: true,
  dense: true,
  plain: true,
  decoder: true,
};

/** The names that `--kinds` takes, beside `auto` and `all`. */
export const KIND_NAMES: readonly string[] = Object.keys(KINDS);

/** The families that were asked for: `auto`, `all`, or a list. */
export function toKinds(given: readonly string[]): NonNullable<SiteOptions['kinds']> {
  const [only] = given;
  if (only === undefined) return 'auto';
  if (given.length === 1 && (only === 'auto' || only === 'all')) return only;
  return given.map((name) => {
    if (isKind(name)) return name;
    throw usageError(
      `--kinds "${name}" is no kind of block: use auto, all, or some of ${KIND_NAMES.join(', ')}`,
    );
  });
}

function isKind(name: string): name is SiteKind {
  return Object.hasOwn(KINDS, name);
}
