import { beforeAll, describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { findSites } from '../../src/sites/index.ts';
import { applyPlan, openModel, planInjection } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { injectBytes, type LooseRecord, plant, plantRecord, verifyBytes } from '../helpers/verify-bytes.ts';

const before = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

/** What verification says of a file against the network. */
async function verdictOn(after: Uint8Array): Promise<readonly [verdict: string, detail: string]> {
  const { verdict, detail } = await verifyBytes(before, after);
  return [verdict, detail];
}

/** A lie in the record about the first site, with the fact that it is told by. */
interface Lie {
  readonly about: string;
  readonly tell: (record: LooseRecord, site: LooseRecord['sites'][number]) => void;
  readonly found: RegExp;
}

const LIES: readonly Lie[] = [
  {
    about: 'the operator set',
    tell: (_, { site }) => Object.assign(site, { opset: 12 }),
    found: /^0_1: value ".*": the record has opset 12, and in the original it is 13$/,
  },
  {
    about: 'the size of the map',
    tell: (_, { site }) => Object.assign(site, { spatial: [16, 32] }),
    found: /the record has spatial \[16,32\], and in the original it is \[32,32\]$/,
  },
  {
    about: 'the channels that go into the block',
    tell: (_, { site }) => Object.assign(site, { inputChannels: 5 }),
    found: /the record has inputChannels 5, and in the original it is 4$/,
  },
  {
    about: 'an option that takes no such value',
    tell: (_, { options }) => Object.assign(options, { squeeze: 'median' }),
    found: /option "squeeze" is "median": use one of/,
  },
  {
    about: 'an option that the block does not have',
    tell: (_, { options }) => Object.assign(options, { temperature: 2 }),
    found: /option "temperature" is "2": block "se" has no such option/,
  },
  {
    about: 'the start of the weights',
    tell: (record) => Object.assign(record, { init: 'no-such-start' }),
    found: /no-such-start/,
  },
  {
    about: 'reduced channels that no block can have',
    tell: (_, { options }) => Object.assign(options, { reducedChannels: 0 }),
    found: /has shape \[8,4,1,1\], the record has \[0,4,1,1\]$/,
  },
  {
    about: 'an element type that weights cannot have',
    tell: (_, { site }) => Object.assign(site, { dataType: 2 }),
    found: /the record has|of type/,
  },
  {
    about: 'the readers',
    tell: (_, { redirected }) => Object.assign(redirected[0] ?? {}, { input: 1 }),
    found: /^0_1: the record says that .* read the scaled value, and it is/,
  },
  {
    about: 'the file before',
    tell: (record) => Object.assign(record, { digest: '0'.repeat(64) }),
    found: /^the record has another digest than the file had before the injection$/,
  },
];

describe.each(['neutral', 'kaiming-uniform'])('a record of a %s injection that lies', (init) => {
  let after: Uint8Array;
  beforeAll(async () => {
    after = await injectBytes(before, { init });
  });

  it.each(LIES)('about $about is found out', async ({ tell, found }) => {
    const lying = await plantRecord(after, (record) => {
      const [site] = record.sites;
      if (site !== undefined) tell(record, site);
    });
    const { verdict, edit } = await verifyBytes(before, lying);
    expect(verdict).toBe('fail');
    expect(edit.findings.map(({ message }) => message)).toContainEqual(expect.stringMatching(found));
  });

  it('passes where nothing was changed in it', async () => {
    expect(await plantRecord(after, () => {})).toEqual(after);
    expect((await verdictOn(after))[0]).toBe('pass');
  });

  it('is left open where it is of another version of the block', async () => {
    const lying = await plantRecord(after, (record) => Object.assign(record, { blockVersion: 7 }));
    expect(await verdictOn(lying)).toEqual([
      'unchecked',
      expect.stringMatching(/^the record is of version 7 of block "se", and this is version \d/),
    ]);
  });

  it('may know less of a site than is known now', async () => {
    const older = await plantRecord(after, ({ sites }) => {
      for (const { site } of sites) {
        site['spatial'] = null;
        delete site['inputChannels'];
      }
    });
    expect((await verdictOn(older))[0]).toBe('pass');
  });
});

describe('a block on the wrong axis', () => {
  it('is found where the record agrees with the nodes, and the sizes of the map hide it', async () => {
    const square = cifarResnet20({ shortcut: 'poolConcat', width: 32, style: STYLES.torchscript }).model;
    const model = await openModel(memorySource(square));
    const report = findSites(model.view, model.types);
    // 32 channels of 32 x 32: along the last axis, too, everything has the size that it needs.
    const sites = report.sites
      .filter(({ spatial }) => spatial?.join() === '32,32')
      .map((site) => ({ ...site, channelAxis: 3 }));
    const plan = await planInjection(model, { ...report, sites }, { init: 'kaiming-uniform' });
    const after = await patchedBytes((await applyPlan(model, plan)).patch);
    const verified = await verifyBytes(square, after);
    expect(verified.providers[0]).toMatchObject({ status: 'ok' });
    expect([verified.verdict, verified.detail]).toEqual([
      'fail',
      expect.stringMatching(/the record has channelAxis 3, and in the original it is 1$/),
    ]);
  });
});

describe('a node of a block', () => {
  it.each([
    ['another name', (node: { name?: string | null }) => Object.assign(node, { name: 'conv' })],
    ['a doc string', (node: { name?: string | null }) => Object.assign(node, { docString: 'better' })],
  ])('with %s is not what was injected', async (_, change) => {
    const after = plant(await injectBytes(before), (graph) => {
      const node = graph.node.find(({ name }) => name?.endsWith('/se/expand'));
      if (node != null) change(node);
    });
    expect(await verdictOn(after)).toEqual([
      'fail',
      expect.stringMatching(
        /^0_1: the Conv node of ".*\/se\/expand" is not written as an injection writes it$/,
      ),
    ]);
  });
});

describe('several injections', () => {
  it('are not blamed on the last one: those before it are left open', async () => {
    const first = await injectBytes(before, { init: 'kaiming-uniform', include: ['0_*'] });
    const second = await injectBytes(first, { block: 'eca', placement: 'post' });
    expect((await verifyBytes(first, second)).verdict).toBe('pass');
    const report = await verifyBytes(before, second);
    expect([report.verdict, report.detail]).toEqual([
      'unchecked',
      expect.stringMatching(/^the second model holds earlier injections that the first one lacks/),
    ]);
    expect(report.edit.ok).toBe(true);
    expect(report.providers[0]).toMatchObject({ status: 'ok' });
  });

  it('are still compared with what was there before all of them', async () => {
    const first = await injectBytes(before, { include: ['0_*'] });
    const second = plant(await injectBytes(first, { block: 'eca', placement: 'post' }), (graph) => {
      const raw = graph.initializer.find(({ name }) => name === 'conv1.weight')?.rawData;
      if (raw != null) raw[0] = (raw[0] ?? 0) ^ 1;
    });
    expect(await verdictOn(second)).toEqual([
      'fail',
      expect.stringMatching(/^without its blocks the file differs from the original/),
    ]);
  });
});

describe('two models the wrong way round', () => {
  it('are called that', async () => {
    const report = await verifyBytes(await injectBytes(before), before);
    expect([report.verdict, report.detail]).toEqual([
      'unchecked',
      expect.stringMatching(/are they the wrong way round\?/),
    ]);
  });
});
