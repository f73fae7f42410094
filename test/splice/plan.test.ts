import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { strangeModels } from '../../fixtures/strange.ts';
import { se } from '../../src/blocks/se.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { type InjectionPlan, type InjectOptions, planInjection } from '../../src/splice/plan.ts';
import { TOOL } from '../../src/splice/version.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';
import { errorOf } from '../helpers/error-of.ts';
import { handReport, handSite } from '../helpers/hand-site.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { strangeModel } from '../helpers/strange-model.ts';

async function planFor(
  bytes: Uint8Array,
  options: InjectOptions = {},
  value = 'branch',
): Promise<InjectionPlan> {
  const model = await openBytes(bytes);
  return planInjection(model, handReport([handSite(model, { value })]), options);
}

describe('planInjection', () => {
  it('decides everything, and says what is added', async () => {
    const plan = await planFor(strangeModel('plain-residual'), { seed: 3 });
    expect(plan).toMatchObject({
      planVersion: 1,
      tool: TOOL,
      block: 'se',
      blockVersion: se.version,
      init: 'neutral',
      seed: 3,
      sites: [{ addedParameters: 2 * 16 * 8 + 8 + 16, addedMacs: 2 * 16 * 8 + 16 * 64 }],
    });
    expect(plan.model.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.values(plan.sites[0]?.options ?? {})).not.toContain('auto');
  });

  it('takes the sites that are asked for', async () => {
    const model = await openBytes(strangeModel('plain-residual'));
    const sites = ['branch', 'relu1.out', 'stem'].map((value, at) =>
      handSite(model, { value, id: `2_${at + 1}` }),
    );
    const planned = async (options: InjectOptions): Promise<string[]> =>
      (await planInjection(model, handReport(sites), options)).sites.map(({ site }) => site.id);
    expect(await planned({})).toEqual(['2_1', '2_2', '2_3']);
    expect(await planned({ include: ['*1'], exclude: ['relu*'] })).toEqual(['2_1']);
    expect((await errorOf(planned({ include: ['9_9'] }))).code).toBe('sites/unknown-site');
  });

  it.each<[InjectOptions, string]>([
    [{ block: 'nosuch' }, 'blocks/unknown-block'],
    [{ init: 'nosuch' }, 'blocks/invalid-option'],
    [{ seed: 0.5 }, 'blocks/invalid-option'],
    [{ seed: Number.NaN }, 'blocks/invalid-option'],
    [{ blockOptions: { nosuch: 1 } }, 'blocks/invalid-option'],
    [{ blockOptions: { gate: 'sigmoid' } }, 'blocks/invalid-option'],
    [{ blockOptions: { gate: 'hardsigmoid', bias: false } }, 'blocks/invalid-option'],
  ])('refuses %o', async (options, code) => {
    expect((await errorOf(planFor(strangeModel('plain-residual'), options))).code).toBe(code);
  });

  it('checks options even where there is no site', async () => {
    const model = await openBytes(strangeModel('plain-residual'));
    const failing = planInjection(model, handReport([]), { blockOptions: { nosuch: 1 } });
    expect((await errorOf(failing)).code).toBe('blocks/invalid-option');
  });
});

describe('a plan as JSON', () => {
  it.each(strangeModels())('gives the same bytes on $name', async ({ bytes, tapped: [tapped = ''] }) => {
    const value = typeof tapped === 'string' ? tapped : decodeUtf8(tapped);
    const plan = await planFor(bytes, { init: 'kaiming-normal', seed: -7 }, value);
    const text = JSON.stringify(plan);
    // Nothing in it but what JSON has: a lone surrogate is written as an escape.
    expect(text.isWellFormed()).toBe(true);
    const replayed: InjectionPlan = JSON.parse(text);
    const model = await openBytes(bytes);
    const [first, second] = [await applyPlan(model, plan), await applyPlan(model, replayed)];
    expect(Buffer.compare(await patchedBytes(first.patch), await patchedBytes(second.patch))).toBe(0);
  });
});

describe('TOOL', () => {
  it('is this package', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toMatchObject(TOOL);
  });
});
