import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mobilenetV2 } from '../../fixtures/networks/mobilenet.ts';
import { preactivationResnet50, resnet } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { PLACEMENTS } from '../../src/sites/placements.ts';
import type { SiteReport } from '../../src/sites/site.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { planInjection } from '../../src/splice/plan.ts';
import { strip } from '../../src/splice/strip.ts';
import { checkEdit } from '../../src/verify/edit.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { openBytes } from '../helpers/inject-taps.ts';

const NETWORKS: Readonly<Record<string, () => { readonly model: Uint8Array }>> = {
  resnet18: () => resnet({ depth: 18 }),
  resnet50: () => resnet({ depth: 50 }),
  'resnet18, channels last': () => resnet({ depth: 18, style: STYLES.tf2onnxRaw }),
  'preactivation resnet50': () => preactivationResnet50(),
  mobilenetv2: () => mobilenetV2(),
};

interface Network {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly model: OpenModel;
  readonly report: SiteReport;
}

async function openNetwork(name: string, build: () => { readonly model: Uint8Array }): Promise<Network> {
  const bytes = build().model;
  const model = await openBytes(bytes);
  return { name, bytes, model, report: findSites(model.view, model.types) };
}

describe('any sites at any placement', () => {
  it('give the same bytes twice, are what verification takes for the plan, and strip to the original', async () => {
    const networks = await Promise.all(
      Object.entries(NETWORKS).map(([name, build]) => openNetwork(name, build)),
    );
    const met = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...networks),
        fc.constantFrom(...PLACEMENTS),
        fc.infiniteStream(fc.boolean()),
        fc.constantFrom('neutral', 'kaiming-normal'),
        async ({ name, bytes, model, report }, placement, picks, init) => {
          const include = report.sites.filter(() => picks.next().value).map(({ id }) => id);
          const options = { placement, include, init, seed: 3 };
          const plan = await planInjection(model, report, options);
          const injection = await applyPlan(model, plan);
          const rewritten = await patchedBytes(injection.patch);
          const again = await applyPlan(model, await planInjection(model, report, options));
          expect(Buffer.compare(await patchedBytes(again.patch), rewritten)).toBe(0);
          if (plan.sites.length === 0) {
            expect(Buffer.compare(rewritten, bytes)).toBe(0);
            return;
          }
          met.add(`${name} ${placement}`);
          const check = await checkEdit(model, await openBytes(rewritten));
          expect(check).toMatchObject({ ok: true, findings: [], untrained: true });
          const stripped = await strip(await openBytes(rewritten));
          expect(stripped).toMatchObject({ exact: true, findings: [] });
          expect(Buffer.compare(await patchedBytes(stripped.patch), bytes)).toBe(0);
        },
      ),
      { seed: 7, numRuns: 60, endOnFailure: true },
    );
    expect(met.size).toBeGreaterThan(16);
  });
});
