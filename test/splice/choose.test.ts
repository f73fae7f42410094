import { beforeAll, describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import { BLOCKS } from '../../src/blocks/registry.ts';
import { countParameters } from '../../src/graph/parameters.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { PLACEMENTS } from '../../src/sites/placements.ts';
import type { SiteReport } from '../../src/sites/site.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { hasNoPlace } from '../../src/splice/left-out.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { type InjectionPlan, type InjectOptions, planInjection } from '../../src/splice/plan.ts';
import { errorOf } from '../helpers/error-of.ts';
import { openBytes } from '../helpers/inject-taps.ts';

let model: OpenModel;
let report: SiteReport;

beforeAll(async () => {
  model = await openBytes(resnet({ depth: 50 }).model);
  report = findSites(model.view, model.types);
});

/** The paper's SE, which has no biases and reduces without a divisor. */
const PAPER = { bias: false, channelDivisor: 1 };

function plan(options: InjectOptions): Promise<InjectionPlan> {
  return planInjection(model, report, { blockOptions: PAPER, ...options });
}

function idsOf({ sites }: InjectionPlan): string[] {
  return sites.map(({ site }) => site.id);
}

const STAGE_2 = ['2_1', '2_2', '2_3'];
const STAGE_4 = ['4_1', '4_2', '4_3', '4_4', '4_5', '4_6'];
const STAGE_5 = ['5_1', '5_2', '5_3'];

describe('stages', () => {
  it('are taken by number and by range', async () => {
    expect(idsOf(await plan({ stages: [2, '4'] }))).toEqual([...STAGE_2, ...STAGE_4]);
    const { leftOut, ...rest } = await plan({ stages: ['2-4'] });
    expect(rest.sites).toHaveLength(13);
    expect(leftOut.map(({ id, reason }) => `${id} ${reason}`)).toEqual(
      STAGE_5.map((id) => `${id} other-stage`),
    );
  });

  it('without the last one add 3.7 % instead of 10 %', async () => {
    const all = await plan({});
    const most = await plan({ skipLastStage: true });
    expect(idsOf(most)).toEqual(idsOf(await plan({ stages: ['2-4'] })));
    expect(most.leftOut).toMatchObject(STAGE_5.map((id) => ({ id, reason: 'last-stage' })));
    // The last stage has 62.5 % of the weights, whatever the width.
    const [whole, part] = [all, most].map(({ sites }) =>
      sites.reduce((sum, { addedParameters }) => sum + addedParameters, 0),
    );
    expect(part! / whole!).toBeCloseTo(0.375, 3);
  });

  it.each<[string, string]>([
    ['7', 'no site is in stage "7": there are sites in stages 2, 3, 4, 5'],
    ['4-2', 'stages "4-2" are none: use numbers and ranges, as 2-4 or 2,4'],
    ['two', 'stages "two" are none: use numbers and ranges, as 2-4 or 2,4'],
  ])('%s is refused', async (stage, message) => {
    const error = await errorOf(plan({ stages: [2, stage] }));
    expect(error).toMatchObject({ code: 'sites/unknown-site', message });
  });

  it('are not asked for where there is no site at all', async () => {
    const none = await planInjection(model, { ...report, sites: [] }, { stages: [2], skipLastStage: true });
    expect(none.sites).toEqual([]);
  });
});

describe('a budget of parameters', () => {
  it('drops the last stage first, and says so', async () => {
    const all = await plan({});
    const cost = new Map(all.sites.map(({ site, addedParameters }) => [site.id, addedParameters]));
    const total = [...cost.values()].reduce((sum, count) => sum + count, 0);
    const one = await plan({ maxAddedParams: total - 1 });
    expect(one.leftOut).toMatchObject([{ id: '5_3', reason: 'over-budget' }]);
    expect(one.leftOut[0]?.detail).toBe(
      `its ${cost.get('5_3')} parameters would make ${total} where ${total - 1} may be added: later stages gain least for what they cost`,
    );
    const rest = total - 3 * (cost.get('5_1') ?? 0);
    expect(idsOf(await plan({ maxAddedParams: rest }))).toEqual(idsOf(await plan({ skipLastStage: true })));
    expect((await plan({ maxAddedParams: rest - 1 })).leftOut.map(({ id }) => id)).toEqual([
      '5_3',
      '5_2',
      '5_1',
      '4_6',
    ]);
    expect(idsOf(await plan({ maxAddedParams: 0 }))).toEqual([]);
    expect(idsOf(await plan({ maxAddedParams: total }))).toHaveLength(16);
  });

  it('may be a share of what the model has', async () => {
    const own = countParameters(model.view);
    const share = await plan({ maxAddedParams: '4%' });
    expect(idsOf(share)).toEqual(idsOf(await plan({ maxAddedParams: Math.floor(own * 0.04) })));
    const added = share.sites.reduce((sum, { addedParameters }) => sum + addedParameters, 0);
    expect(added).toBeGreaterThan(0);
    expect(added).toBeLessThanOrEqual(own * 0.04);
  });

  it.each(['4 percent', '-1', '%', '', '1e9%'])('of "%s" is refused', async (maxAddedParams) => {
    expect((await errorOf(plan({ maxAddedParams }))).code).toBe('blocks/invalid-option');
  });
});

describe('placements', () => {
  it.each(PLACEMENTS)('%s is found again by the next injection, which does nothing', async (placement) => {
    const first = await applyPlan(model, await plan({ placement }));
    expect(first.record?.placement ?? 'standard').toBe(placement);
    const found = findSites(first.model.view, first.model.types);
    const second = await planInjection(first.model, found, { placement });
    expect(second.sites).toEqual([]);
    expect(second.present.map(({ id }) => id)).toEqual(report.sites.map(({ id }) => id));
  });

  it.each(BLOCKS.map(({ name }) => name))('hold a block %s, beside which none is put', async (block) => {
    const basic = await openBytes(resnet({ depth: 18 }).model);
    const sites = findSites(basic.view, basic.types);
    for (const placement of ['standard', 'pre', 'post', 'identity'] as const) {
      const first = await applyPlan(
        basic,
        await planInjection(basic, sites, { block, placement, init: 'he' }),
      );
      const found = findSites(first.model.view, first.model.types);
      const second = await planInjection(first.model, found, { block, placement, init: 'he' });
      expect(second.sites).toEqual([]);
      expect(second.present).toHaveLength(8);
    }
  });

  it('are filled up where some of them hold a block', async () => {
    const first = await applyPlan(model, await plan({ placement: 'post', include: ['3_*'] }));
    const found = findSites(first.model.view, first.model.types);
    const second = await planInjection(first.model, found, { placement: 'post' });
    expect(second.sites).toHaveLength(12);
    expect(second.present).toHaveLength(4);
    expect(second.leftOut.map(({ reason }) => reason)).toEqual(new Array(4).fill('has-gate'));
  });

  it('say of each site why it has none', async () => {
    const basic = await openBytes(resnet({ depth: 18 }).model);
    const none = await planInjection(basic, findSites(basic.view, basic.types), { placement: 'inner' });
    expect(none.sites).toEqual([]);
    expect(none.leftOut).toHaveLength(8);
    expect(none.leftOut.every(hasNoPlace)).toBe(true);
    expect(none.leftOut[0]?.detail).toBe('its branch does not end in a 1x1 convolution behind a 3x3 one');
  });

  it('leave out who would tap what another one has', async () => {
    const [site] = report.sites;
    const twice = { ...report, sites: [site!, { ...site!, id: '9_9' }] };
    const { sites, leftOut } = await planInjection(model, twice, { placement: 'post' });
    expect(sites.map((planned) => planned.site.id)).toEqual(['2_1']);
    expect(leftOut).toMatchObject([{ id: '9_9', reason: 'shared-uses' }]);
    expect(leftOut[0]?.detail).toMatch(/^taps ".*" for the same readers as site 2_1$/);
  });

  it('that do not exist are refused', async () => {
    const error = await errorOf(plan({ placement: 'before' as 'pre' }));
    expect(error.code).toBe('blocks/invalid-option');
  });
});
