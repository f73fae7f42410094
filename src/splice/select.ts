import { SeInjectError } from '../errors.ts';
import { formatName } from '../onnx/format-name.ts';
import type { Site } from '../sites/site.ts';

/**
 * Chooses sites by id or by pattern over ids and tapped values (`*` any run of characters, `?` any one).
 *
 * Throws `sites/unknown-site` for a pattern that matches no site: a misspelt one must not pass for "none".
 */
export function selectSites(
  sites: readonly Site[],
  include: readonly string[],
  exclude: readonly string[],
): readonly Site[] {
  const included = include.length === 0 ? new Set(sites) : matching(sites, include, 'include');
  const excluded = matching(sites, exclude, 'exclude');
  return sites.filter((site) => included.has(site) && !excluded.has(site));
}

function matching(sites: readonly Site[], patterns: readonly string[], option: string): Set<Site> {
  const found = new Set<Site>();
  for (const pattern of patterns) {
    const matches = toRegExp(pattern);
    const hits = sites.filter((site) => matches.test(site.id) || matches.test(site.value));
    if (hits.length === 0) {
      const ids = listIds(sites.map((site) => site.id));
      throw new SeInjectError(
        'sites/unknown-site',
        `${option} "${formatName(pattern)}" matches no site: the sites are ${ids}`,
        { details: { option, pattern } },
      );
    }
    for (const site of hits) found.add(site);
  }
  return found;
}

/** How many ids an error lists. */
const LISTED = 12;

/** Some ids for a message, and how many there are besides. */
export function listIds(ids: readonly string[]): string {
  if (ids.length === 0) return 'none';
  const more = ids.length > LISTED ? ` and ${ids.length - LISTED} more` : '';
  return ids.slice(0, LISTED).join(', ') + more;
}

function toRegExp(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}
