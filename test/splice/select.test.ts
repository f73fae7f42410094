import { describe, expect, it } from 'vitest';
import type { Site } from '../../src/sites/site.ts';
import { selectSites } from '../../src/splice/select.ts';
import { errorOf } from '../helpers/error-of.ts';

const SITES = (
  [
    ['2_1', 'layer1/0/conv3'],
    ['2_2', 'layer1/1/conv3'],
    ['3_1', 'layer2/0/conv3'],
    ['3_10', 'a.b(c)[d]\n$'],
    ['4_1', 'caf\udcff'],
  ] as const
).map(([id, value]) => ({ id, value })) as unknown as readonly Site[];

function ids(include: readonly string[], exclude: readonly string[] = []): string[] {
  return selectSites(SITES, include, exclude).map(({ id }) => id);
}

describe('selectSites', () => {
  it('takes all where nothing is said', () => {
    expect(ids([])).toEqual(['2_1', '2_2', '3_1', '3_10', '4_1']);
  });

  it.each<[string, string[]]>([
    ['3_1', ['3_1']],
    ['2_*', ['2_1', '2_2']],
    ['?_1', ['2_1', '3_1', '4_1']],
    ['layer1/*', ['2_1', '2_2']],
    ['*/0/*', ['2_1', '3_1']],
    ['a.b(c)[d]\n$', ['3_10']],
    ['a*$', ['3_10']],
    ['caf?', ['4_1']],
    ['caf\udcff', ['4_1']],
    ['*', ['2_1', '2_2', '3_1', '3_10', '4_1']],
  ])('matches whole ids or values with "%s"', (pattern, expected) => {
    expect(ids([pattern])).toEqual(expected);
  });

  it('joins patterns, leaves out what is excluded, and keeps the order of the graph', () => {
    expect(ids(['3_1', '2_*'])).toEqual(['2_1', '2_2', '3_1']);
    expect(ids([], ['layer1/*'])).toEqual(['3_1', '3_10', '4_1']);
    expect(ids(['2_*'], ['2_1'])).toEqual(['2_2']);
  });

  it.each(['layer1', 'a.b.c..d..', '5_1', '', '2_1\n'])(
    'refuses "%s", which matches nothing',
    async (pattern) => {
      for (const [option, error] of [
        ['include', await errorOf(() => ids([pattern]))],
        ['exclude', await errorOf(() => ids([], [pattern]))],
      ] as const) {
        expect(error.code).toBe('sites/unknown-site');
        expect(error.message).toContain(`${option} "`);
        expect(error.message).toContain('matches no site: the sites are 2_1, 2_2, 3_1, 3_10, 4_1');
        expect(error.details).toEqual({ option, pattern });
      }
    },
  );
});

describe('the error of a pattern that matches nothing', () => {
  it('lists some sites, and says how many there are besides', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => ({ id: `0_${index + 1}`, value: `v${index}` }));
    const error = await errorOf(() => selectSites(many as unknown as readonly Site[], ['9_9'], []));
    expect(error.message).toBe(
      'include "9_9" matches no site: the sites are 0_1, 0_2, 0_3, 0_4, 0_5, 0_6, 0_7, 0_8, 0_9, 0_10, 0_11, 0_12 and 4988 more',
    );
  });
});
