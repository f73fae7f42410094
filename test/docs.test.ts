import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const read = (...parts: string[]): string => readFileSync(join(ROOT, ...parts), 'utf8');

/** The members of a union of texts, as they stand in a source. */
function members(source: string, type: string): string[] {
  const [, union = ''] = source.match(new RegExp(`export type ${type} =([^;]*);`)) ?? [];
  return [...union.matchAll(/'([^']+)'/g)].map(([, member = '']) => member).sort();
}

/** The first cells of a table, where they are code. */
function rows(page: string, heading: string): string[] {
  const [, table = ''] =
    page.match(new RegExp(`^\\| ${heading} \\|[^\\n]*\\n([^]*?)\\n(?:\\n|$)`, 'm')) ?? [];
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell).sort();
}

describe('docs/sites.md', () => {
  const page = read('docs', 'sites.md');
  const source = read('src', 'sites', 'site.ts');

  it('has a row for every kind', () => {
    expect(members(source, 'SiteKind').length).toBeGreaterThan(5);
    expect(rows(page, 'kind')).toEqual(members(source, 'SiteKind'));
  });

  it('has a row for every reason', () => {
    expect(members(source, 'RejectionReason').length).toBeGreaterThan(20);
    expect(rows(page, 'reason')).toEqual(members(source, 'RejectionReason'));
  });
});
