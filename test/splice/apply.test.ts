import { describe, expect, it } from 'vitest';
import type { BlockDefinition, OptionValue } from '../../src/blocks/block.ts';
import { se } from '../../src/blocks/se.ts';
import { lintModel } from '../../src/graph/lint.ts';
import type { Use } from '../../src/graph/view.ts';
import { formatModel } from '../../src/onnx/text.ts';
import type { Site } from '../../src/sites/site.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { structureDigest } from '../../src/splice/digest.ts';
import type { InjectionPlan, PlannedSite } from '../../src/splice/plan.ts';
import { readRecords } from '../../src/splice/record.ts';
import { rewrite } from '../../src/splice/rewrite.ts';
import { strip } from '../../src/splice/strip.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';
import { injectTaps, openBytes } from '../helpers/inject-taps.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { strangeModel } from '../helpers/strange-model.ts';
import { weightNumbers } from '../helpers/weight-numbers.ts';

const PLAIN = strangeModel('plain-residual');

/** A value with three readers, one of them twice, that is given out. */
const READ_OFTEN = modelFromText(`net (float[N,8,6,6] x) => (float[N,8,6,6] y, float[N,8,6,6] branch) {
  branch = Relu (x)
  first = Add (branch, x)
  second = Mul (branch, branch)
  y = Add (first, second)
}`);

describe('applyPlan', () => {
  it('gives the very file where the plan has no sites', async () => {
    const { injection, bytes, original } = await injectTaps(PLAIN, []);
    expect(Buffer.compare(bytes, PLAIN)).toBe(0);
    expect(injection.record).toBeUndefined();
    expect(injection.model).toBe(original);
    expect(injection.patch.pieces).toEqual([{ offset: 0, length: PLAIN.length }]);
  });

  it('leaves a record of what it did', async () => {
    const { plan, injection, original } = await injectTaps(
      READ_OFTEN,
      [
        { value: 'branch', readers: ['second'], id: '2_1' },
        { value: 'first', id: '2_2' },
      ],
      { seed: 5 },
    );
    const { records, entry } = readRecords(injection.model.file);
    expect(records).toHaveLength(1);
    expect(injection.model.file.metadataProps).toEqual([entry]);
    expect(records[0]).toEqual(JSON.parse(JSON.stringify(injection.record)));
    expect(records[0]).toEqual({
      tool: `${plan.tool.name} ${plan.tool.version}`,
      block: 'se',
      blockVersion: 1,
      init: 'neutral',
      seed: 5,
      digest: await structureDigest(original.file),
      weightsAs: 'initializer',
      widths: {},
      sites: [
        {
          id: '2_1',
          value: 'branch',
          tapped: 'branch',
          site: expect.objectContaining({ channels: 8, channelAxis: 1, rank: 4, dataType: 1, opset: 17 }),
          options: plan.sites[0]?.options,
          names: expect.objectContaining({
            squeeze: 'branch/se/squeeze',
            'reduce.weight': 'branch/se/reduce.weight',
          }),
          redirected: [
            { node: 'second', input: 0 },
            { node: 'second', input: 1 },
          ],
        },
        expect.objectContaining({ id: '2_2', value: 'first', redirected: [{ node: 'y', input: 0 }] }),
      ],
    });
  });

  it('says below IR 4 that weights are Constant nodes', async () => {
    const { injection } = await injectTaps(strangeModel('ir3-inputs'), [
      { value: 'branch', readers: ['sum'] },
    ]);
    expect(injection.record?.weightsAs).toBe('constant');
    const before = (await openBytes(strangeModel('ir3-inputs'))).view;
    expect([...injection.model.view.inputs.keys()]).toEqual([...before.inputs.keys()]);
    expect([...injection.model.view.initializers.keys()]).toEqual([...before.initializers.keys()]);
  });

  it('puts every weight into the file as it was drawn', async () => {
    const { injection } = await injectTaps(PLAIN, [{ value: 'branch' }], {
      blockOptions: { gate: 'hardsigmoid' },
    });
    const weights = await weightNumbers(injection.model, injection.record?.sites[0]?.names ?? {});
    expect([...weights].map(([name, numbers]) => [name, numbers.length])).toEqual([
      ['reduce.weight', 128],
      ['reduce.bias', 8],
      ['expand.weight', 128],
      ['expand.bias', 16],
    ]);
    expect(weights.get('expand.bias')?.every((x) => x === 3)).toBe(true);
    expect(weights.get('expand.weight')?.every((x) => x === 0)).toBe(true);
    expect(weights.get('reduce.weight')?.every((x) => x !== 0 && Math.abs(x) <= 1 / 4)).toBe(true);
  });

  it('gives a site the same weights whatever other sites there are', async () => {
    const weightsOf = async (ids: readonly string[]): Promise<ReadonlyMap<string, Float64Array>> => {
      const taps = [
        { value: 'stem', id: '2_1' },
        { value: 'branch', id: '2_2' },
      ].filter(({ id }) => ids.includes(id));
      const { injection } = await injectTaps(PLAIN, taps, { init: 'xavier-uniform' });
      return weightNumbers(
        injection.model,
        injection.record?.sites.find(({ id }) => id === '2_2')?.names ?? {},
      );
    };
    const alone = await weightsOf(['2_2']);
    expect(alone.size).toBe(4);
    expect(await weightsOf(['2_1', '2_2'])).toEqual(alone);
  });

  it('takes a block of one’s own', async () => {
    const own: BlockDefinition = { ...se, name: 'mine', version: 4 };
    const rewritten = await rewrite(memorySource(PLAIN), { block: own });
    expect(rewritten.plan).toMatchObject({ block: 'mine', blockVersion: 4 });
    expect(rewritten.model.view.producers.has('branch/mine/scale')).toBe(true);
    expect((await errorOf(strip(rewritten.model))).code).toBe('blocks/unknown-block');
    const { patch } = await strip(rewritten.model, { blocks: [own] });
    expect(Buffer.compare(await patchedBytes(patch), PLAIN)).toBe(0);
  });
});

describe('a second injection', () => {
  it('finds nothing to do where the first one found all', async () => {
    const first = await rewrite(memorySource(PLAIN));
    const bytes = await patchedBytes(first.patch);
    const second = await rewrite(memorySource(bytes));
    expect(first.plan.sites).toHaveLength(1);
    expect(second.plan.sites).toHaveLength(0);
    expect(Buffer.compare(await patchedBytes(second.patch), bytes)).toBe(0);
  });

  it('on the same value does not clash, and is listed behind the first', async () => {
    const first = await injectTaps(PLAIN, [{ value: 'branch', readers: ['sum'] }], { seed: 1 });
    const second = await injectTaps(first.bytes, [{ value: 'branch', readers: ['branch/se/scale'] }], {
      seed: 2,
    });
    expect(lintModel(second.injection.model.file)).toEqual([]);
    const { records } = readRecords(second.injection.model.file);
    expect(records.map(({ seed }) => seed)).toEqual([1, 2]);
    const names = records.flatMap(({ sites }) => sites.flatMap((site) => Object.values(site.names)));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('branch/se/squeeze_1');
  });
});

describe('a plan that does not fit', () => {
  /** Applies a plan after changing it as an editor of JSON could. */
  async function applyChanged(
    change: (plan: InjectionPlan) => Partial<InjectionPlan>,
    bytes = READ_OFTEN,
    block?: BlockDefinition,
  ): Promise<{ code: string; message: string }> {
    const { original, plan } = await injectTaps(READ_OFTEN, [
      { value: 'branch', readers: ['first'], id: '2_1' },
      { value: 'branch', readers: ['output'], id: '2_2' },
    ]);
    const model = bytes === READ_OFTEN ? original : await openBytes(bytes);
    return errorOf(applyPlan(model, { ...plan, ...change(plan) }, ...(block === undefined ? [] : [block])));
  }

  const withSite = (change: (site: Site) => Partial<Site>) => (plan: InjectionPlan) => ({
    sites: plan.sites.map((planned, at) =>
      at > 0 ? planned : { ...planned, site: { ...planned.site, ...change(planned.site) } },
    ),
  });
  const input = (node: number, index: number): Use => ({ kind: 'input', node, input: index });

  it.each<[string, (plan: InjectionPlan) => Partial<InjectionPlan>, string]>([
    [
      'a model of another structure',
      ({ model }) => ({ model: { ...model, digest: 'f'.repeat(64) } }),
      'it was made for another model (digest "ffffffffffff", this one has "',
    ],
    [
      'a plan of another version',
      () => ({ planVersion: 2 as 1 }),
      'it has version 2, this tool reads version 1',
    ],
    [
      'another version of the block',
      () => ({ blockVersion: 9 }),
      'it is for version 9 of block "se", not version 1 of "se"',
    ],
    ['a seed that is none', () => ({ seed: Number.NaN }), 'its seed "NaN" is no whole number'],
    [
      'two sites of one id',
      ({ sites }) => ({ sites: sites.map((site) => ({ ...site, site: { ...site.site, id: '2_1' } })) }),
      'it has two sites "2_1"',
    ],
    [
      'a value that is not there',
      withSite(() => ({ value: 'nosuch' })),
      'site "2_1" redirects a use of "nosuch" that the model does not have',
    ],
    [
      'a use by another input',
      withSite(() => ({ uses: [input(1, 1)] })),
      'site "2_1" redirects a use of "branch" that the model does not have',
    ],
    [
      'a use by no node',
      withSite(() => ({ uses: [input(99, 0)] })),
      'site "2_1" redirects a use of "branch" that the model does not have',
    ],
    [
      'a capture that is none',
      withSite(() => ({ uses: [{ kind: 'capture', node: 1 }] })),
      'site "2_1" redirects a use of "branch" that the model does not have',
    ],
    ['no use', withSite(() => ({ uses: [] })), 'site "2_1" redirects no use of "branch"'],
    [
      'a use twice',
      withSite(() => ({ uses: [input(1, 0), input(1, 0)] })),
      'two of its sites redirect one use of "branch"',
    ],
    [
      'a use of two sites',
      withSite(() => ({ uses: [{ kind: 'output', index: 1 }] })),
      'two of its sites redirect one use of "branch"',
    ],
  ])('names %s', async (_what, change, why) => {
    const error = await applyChanged(change);
    expect(error.code).toBe('splice/stale-plan');
    expect(error.message).toContain(`the plan does not fit: ${why}`);
    expect(error.message).toMatch(/; plan again$/);
  });

  it.each<[string, Record<string, OptionValue>]>([
    ['no such option', { nosuch: 1 }],
    ['no such gate', { gate: 'nosuch' }],
    ['no number of channels', { reducedChannels: -1 }],
    ['no neutral start', { gate: 'sigmoid' }],
  ])('has options that are checked once more: %s', async (_what, options) => {
    const change = ({ sites }: InjectionPlan) => ({
      sites: sites.map((planned: PlannedSite) => ({
        ...planned,
        options: { ...planned.options, ...options },
      })),
    });
    expect((await applyChanged(change)).code).toBe('blocks/invalid-option');
  });

  it('is for another model, block or graph output', async () => {
    expect((await applyChanged(() => ({}), PLAIN)).code).toBe('splice/stale-plan');
    expect((await applyChanged(() => ({}), READ_OFTEN, { ...se, name: 'mine' })).message).toContain(
      'it is for version 1 of block "se", not version 1 of "mine"',
    );
    const twice = modelFromText(
      `net (float[N,8,6,6] x) => (float[N,8,6,6] y, float[N,8,6,6] y) { y = Relu (x) }`,
    );
    const { original, plan } = await injectTaps(twice, [{ value: 'y' }]);
    const [planned] = plan.sites;
    if (planned === undefined) throw new Error('there is no site');
    const half = { ...planned, site: { ...planned.site, uses: planned.site.uses.slice(1) } };
    const error = await errorOf(applyPlan(original, { ...plan, sites: [half] }));
    expect(error.message).toContain('site "2_1" redirects one of several graph outputs "y"');
  });

  it('names a graph input that is a graph output too: its name is taken on both sides', async () => {
    const bytes = modelFromText('net (float[N,8,6,6] x) => (float[N,8,6,6] x) { y = Relu (x) }');
    const error = await errorOf(injectTaps(bytes, [{ value: 'x' }]));
    expect(error.code).toBe('splice/stale-plan');
    expect(error.message).toContain('"x" is a graph input and a graph output');
  });
});

describe('an edited plan', () => {
  it('may change options, and leave them to be decided', async () => {
    const { original, plan } = await injectTaps(PLAIN, [{ value: 'branch' }]);
    const sites = plan.sites.map((planned) => ({
      ...planned,
      options: { reducedChannels: 3, gate: 'auto' },
    }));
    const { record, model } = await applyPlan(original, { ...plan, sites });
    expect(record?.sites[0]?.options).toEqual({ ...plan.sites[0]?.options, reducedChannels: 3 });
    expect(formatModel(model.file)).toContain('float[3,16,1,1] branch/se/reduce.weight');
  });
});

describe('a result over 2 GiB', () => {
  it('is refused before any weight is drawn', async () => {
    const bytes = modelFromText('net (float[N,8,6,6] x) => (float[N,8,6,6] y) { v = Relu (x) y = Relu (v) }');
    const started = performance.now();
    const error = await errorOf(
      injectTaps(bytes, [{ value: 'v' }], { blockOptions: { reducedChannels: 40_000_000 } }),
    );
    expect(error.code).toBe('splice/result-too-large');
    // Drawing them takes tens of seconds.
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
