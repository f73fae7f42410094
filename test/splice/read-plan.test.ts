import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSeInjectError } from '../../src/errors.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { type InjectionPlan, type InjectOptions, planInjection } from '../../src/splice/plan.ts';
import { readPlan } from '../../src/splice/read-plan.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { strangeModel } from '../helpers/strange-model.ts';

async function saved(options: InjectOptions = {}): Promise<{ model: OpenModel; plan: InjectionPlan }> {
  const model = await openBytes(strangeModel('plain-residual'));
  return { model, plan: await planInjection(model, findSites(model.view, model.types), options) };
}

/** A plan as an editor would see it. */
type Editable = Record<string, unknown> & {
  sites: { site: Record<string, unknown>; options: Record<string, unknown> }[];
};

async function edited(edit: (plan: Editable) => void): Promise<string> {
  const { model, plan } = await saved();
  const copy = JSON.parse(JSON.stringify(plan)) as Editable;
  edit(copy);
  const error = await errorOf(readPlan(model, JSON.stringify(copy)));
  return `${error.code}: ${error.message}`;
}

describe('readPlan', () => {
  it('gives what was saved, and the same bytes', async () => {
    const { model, plan } = await saved({ placement: 'post', seed: 9, init: 'kaiming-normal' });
    const read = await readPlan(model, JSON.stringify(plan));
    expect(read).toEqual(plan);
    const [first, second] = [await applyPlan(model, plan), await applyPlan(model, read)];
    expect(Buffer.compare(await patchedBytes(first.patch), await patchedBytes(second.patch))).toBe(0);
  });

  it('decides and counts anew what an editor has changed', async () => {
    const { model, plan } = await saved();
    const copy = JSON.parse(JSON.stringify(plan)) as Editable;
    for (const name of ['leftOut', 'present', 'placement']) delete copy[name];
    copy.sites[0]!.options = { ...copy.sites[0]!.options, reducedChannels: 4, bias: false };
    const read = await readPlan(model, JSON.stringify(copy));
    expect(read).toMatchObject({ placement: 'standard', leftOut: [], present: [] });
    expect(read.sites[0]).toMatchObject({ addedParameters: 2 * 16 * 4 });
    expect(plan.sites[0]?.addedParameters).not.toBe(2 * 16 * 4);
  });

  it.each<[(plan: Editable) => void, string]>([
    [(plan) => (plan['digest'] = 1), 'splice/invalid-plan: .* "digest" is no field of it'],
    [(plan) => delete plan['block'], 'splice/invalid-plan: .* its "block" is missing'],
    [(plan) => (plan['placement'] = 'before'), 'splice/invalid-plan: .* its "placement" is missing or not'],
    [(plan) => (plan.sites[0]!.site['channels'] = 1e9), 'splice/invalid-plan: .* of site 1, its "channels"'],
    [(plan) => (plan.sites[0]!.site['uses'] = [{ kind: 'all' }]), 'splice/invalid-plan: .* its "uses"'],
    [
      (plan) => (plan.sites[0]!.site['channels'] = 8),
      'splice/stale-plan: .* has 8 channels, which "branch" has not',
    ],
    [(plan) => (plan.sites[0]!.site['rank'] = 5), 'splice/stale-plan: .* has 5 axes'],
    [(plan) => (plan.sites[0]!.site['dataType'] = 10), 'splice/stale-plan: .* element type FLOAT16'],
    [(plan) => (plan['planVersion'] = 2), 'splice/stale-plan: .* version 2, this tool reads version 1'],
    [(plan) => (plan['model'] = { bytes: 1, digest: '00' }), 'splice/stale-plan: .* made for another model'],
    [(plan) => (plan.sites[0]!.options = { nosuch: 1 }), 'blocks/invalid-option: '],
    [(plan) => (plan['block'] = 'nosuch'), 'blocks/unknown-block: '],
  ])('refuses an edit that does not fit: %s', async (edit, message) => {
    expect(await edited(edit)).toMatch(new RegExp(`^${message}`));
  });

  it.each(['', 'plan', '[]', 'null', '{}', '{"__proto__": {}}'])('refuses %j', async (text) => {
    const { model } = await saved();
    expect((await errorOf(readPlan(model, text))).code).toBe('splice/invalid-plan');
  });

  it('refuses, or gives a sound model, whatever is changed in a plan', async () => {
    const { model, plan } = await saved();
    const text = JSON.stringify(plan);
    let [refused, kept] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.constantFrom(...'0129-{}[]":,ae\\ '),
        async (at, letter) => {
          const damaged = text.slice(0, at) + letter + text.slice(at + 1);
          try {
            await applyPlan(model, await readPlan(model, damaged));
            kept += 1;
          } catch (error) {
            if (!isSeInjectError(error)) throw error;
            refused += 1;
          }
        },
      ),
      { seed: 3, numRuns: 300, endOnFailure: true },
    );
    expect(Math.min(refused, kept)).toBeGreaterThan(10);
  });
});
