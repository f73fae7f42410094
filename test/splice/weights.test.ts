import { zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { resnet } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { SeInjectError } from '../../src/errors.ts';
import { encodeNumbers } from '../../src/onnx/encode.ts';
import { writeNpy } from '../../src/onnx/npy.ts';
import { writeSafetensors } from '../../src/onnx/safetensors.ts';
import { parseWeights, type WeightArray } from '../../src/onnx/weight-arrays.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { type BlockWeight, readBlockWeights } from '../../src/splice/block-weights.ts';
import { loadWeights } from '../../src/splice/load-weights.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { type InjectOptions, planInjection } from '../../src/splice/plan.ts';
import { rewrite } from '../../src/splice/rewrite.ts';
import { strip } from '../../src/splice/strip.ts';
import { checkEdit } from '../../src/verify/edit.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { strangeModel } from '../helpers/strange-model.ts';

const RESNET = resnet({ depth: 18 }).model;
const CHANNELS_LAST = resnet({ depth: 18, style: STYLES.tf2onnxRaw }).model;

async function inject(bytes: Uint8Array, options: InjectOptions = {}): Promise<OpenModel> {
  const { patch } = await rewrite(memorySource(bytes), options);
  return openBytes(await patchedBytes(patch));
}

async function bytesOf({ file }: OpenModel): Promise<Uint8Array> {
  return file.source.read(0, file.source.size);
}

/** The weights as a file that was trained elsewhere would have them. */
function arraysOf(
  weights: readonly BlockWeight[],
  change: (value: number, index: number) => number = (value) => value,
): Map<string, WeightArray> {
  return new Map(
    parseWeights(
      writeSafetensors(
        new Map(
          weights.map(({ name, dims, dataType, numbers }) => [
            name,
            { dataType, dims, bytes: encodeNumbers(numbers.map(change), dataType) },
          ]),
        ),
      ),
    ),
  );
}

/** What training does. */
const train = (value: number, index: number): number => value + Math.sin(index) / 8;

describe('readBlockWeights', () => {
  it('gives the names and shapes that PyTorch has', async () => {
    const weights = await readBlockWeights(await inject(RESNET, { init: 'kaiming-normal' }));
    expect(weights).toHaveLength(8 * 4);
    expect(weights.slice(0, 4).map(({ name, dims, local }) => [name, dims, local])).toEqual([
      ['2_1.fc1.weight', [8, 8, 1, 1], 'reduce.weight'],
      ['2_1.fc1.bias', [8], 'reduce.bias'],
      ['2_1.fc2.weight', [8, 8, 1, 1], 'expand.weight'],
      ['2_1.fc2.bias', [8], 'expand.bias'],
    ]);
    expect(weights[0]).toMatchObject({
      site: '2_1',
      block: 'se',
      initializer: expect.stringMatching(/\/se\/reduce.weight$/),
    });
  });

  it('turns the matrices of channels-last blocks the way PyTorch has them', async () => {
    const seeded = {
      init: 'kaiming-normal',
      seed: 5,
      include: ['2_1'],
      blockOptions: { reducedChannels: 3 },
    };
    const first = await readBlockWeights(await inject(RESNET, seeded));
    const last = await readBlockWeights(await inject(CHANNELS_LAST, seeded));
    expect(last[0]?.spec.dims).toEqual([8, 3]);
    const shapes = (weights: readonly BlockWeight[]) => weights.map(({ name, dims }) => [name, dims]);
    expect(shapes(last)).toEqual(shapes(first));
    // What is drawn does not depend on how it is stored.
    expect(last.map(({ numbers }) => numbers)).toEqual(first.map(({ numbers }) => numbers));
  });

  it('tells two injections apart', async () => {
    const once = await inject(RESNET, { include: ['5_2'] });
    const twice = await inject(await bytesOf(once), { include: ['5_1', '2_1'] });
    const sitesOf = async (model: OpenModel): Promise<string[]> => [
      ...new Set((await readBlockWeights(model)).map(({ name }) => name.replace(/\.fc.*/, ''))),
    ];
    expect(await sitesOf(twice)).toEqual(['5_2', '2_1', '5_1']);
    // What is left of stage 5 is numbered anew.
    const first = await inject(RESNET, { include: ['5_1'] });
    const second = await inject(await bytesOf(first), { include: ['5_1'] });
    expect(await sitesOf(second)).toEqual(['injection1.5_1', '5_1']);
    const { sites } = await loadWeights(second, { arrays: arraysOf(await readBlockWeights(second), train) });
    expect(sites).toEqual(['5_1', '5_1']);
  });

  it('refuses a model without blocks', async () => {
    expect((await errorOf(readBlockWeights(await openBytes(RESNET)))).code).toBe('splice/no-record');
  });
});

describe('loadWeights', () => {
  it.each<[string, () => Uint8Array, InjectOptions]>([
    ['channels first', () => RESNET, {}],
    ['channels last', () => CHANNELS_LAST, {}],
    ['Constant nodes', () => strangeModel('ir3-inputs'), {}],
    ['a random start', () => RESNET, { init: 'kaiming-normal', placement: 'post' }],
  ])('brings trained weights back: %s', async (_what, build, options) => {
    const original = build();
    const model = await inject(original, options);
    const weights = await readBlockWeights(model);
    const { patch } = await loadWeights(model, { arrays: arraysOf(weights, train) });
    const loaded = await openBytes(await patchedBytes(patch));
    const found = await readBlockWeights(loaded);
    expect(found.map(({ numbers }) => numbers)).toEqual(
      weights.map(({ numbers }) => Float64Array.from(Float32Array.from(numbers.map(train)))),
    );
    const check = await checkEdit(await openBytes(original), loaded);
    expect(check).toMatchObject({ ok: true, findings: [], untrained: true });
    const stripped = await strip(loaded);
    expect(stripped).toMatchObject({ exact: true, findings: [] });
    expect(Buffer.compare(await patchedBytes(stripped.patch), original)).toBe(0);
  });

  it('lets verification tell what was changed since', async () => {
    const model = await inject(RESNET);
    const { patch } = await loadWeights(model, { arrays: arraysOf(await readBlockWeights(model), train) });
    const bytes = (await patchedBytes(patch)).slice();
    const loaded = await openBytes(bytes);
    const tensor = loaded.file.graph.initializer.find(({ name }) => name.endsWith('/se/expand.bias'));
    bytes.fill(0x3e, tensor!.span.end - 4, tensor!.span.end);
    const check = await checkEdit(await openBytes(RESNET), await openBytes(bytes));
    expect(check).toMatchObject({ ok: true, untrained: false });
    expect(check.findings).toHaveLength(1);
    expect(check.findings[0]?.message).toMatch(/are not what was loaded: trained or changed since$/);
  });

  it('gives the bytes back where nothing was trained, but for the record', async () => {
    const model = await inject(RESNET, { include: ['5_1'] });
    const { patch } = await loadWeights(model, { arrays: arraysOf(await readBlockWeights(model)) });
    const again = await loadWeights(await openBytes(await patchedBytes(patch)), {
      arrays: arraysOf(await readBlockWeights(model)),
    });
    expect(Buffer.compare(await patchedBytes(again.patch), await patchedBytes(patch))).toBe(0);
  });
});

describe('weights for an injection', () => {
  let weights: readonly BlockWeight[];
  beforeAll(async () => {
    weights = await readBlockWeights(await inject(RESNET, { init: 'kaiming-normal', seed: 2 }));
  });

  it('are loaded, with the gate of the paper, and recorded', async () => {
    const given = { arrays: arraysOf(weights) };
    const model = await inject(RESNET, { weights: given });
    expect((await readBlockWeights(model)).map(({ numbers }) => numbers)).toEqual(
      weights.map(({ numbers }) => numbers),
    );
    const check = await checkEdit(await openBytes(RESNET), model);
    expect(check).toMatchObject({ ok: true, findings: [], untrained: true });
    expect(check.record).toMatchObject({
      init: 'loaded',
      sites: [{ options: { gate: 'sigmoid' } }, {}, {}, {}, {}, {}, {}, {}],
    });
    const other = await inject(RESNET, { weights: given, blockOptions: { gate: 'hardsigmoid' } });
    expect((await checkEdit(await openBytes(RESNET), other)).record?.sites[0]?.options['gate']).toBe(
      'hardsigmoid',
    );
  });

  it('may come as .npz, as a fully connected layer has them, and in float64', async () => {
    const zip = zipSync(
      Object.fromEntries(
        weights.map(({ name, dims, numbers }) => [
          `${name}.npy`,
          writeNpy({ dataType: 'float64', dims: dims.slice(0, 2), data: numbers }),
        ]),
      ),
    );
    const model = await inject(RESNET, { weights: { arrays: parseWeights(zip) } });
    expect((await readBlockWeights(model)).map(({ numbers }) => numbers)).toEqual(
      weights.map(({ numbers }) => numbers),
    );
  });

  it('may have other names', async () => {
    const renamed = new Map(
      [...arraysOf(weights)].map(([name, array]) => [
        name === '2_2.fc1.bias' ? 'odd' : name.replace(/^(\d)_(\d)/, 'layer$1.$2.se'),
        array,
      ]),
    );
    const names = Object.fromEntries(
      weights.map(({ site }) => [site, site.replace(/^(\d)_(\d)/, 'layer$1.$2.se')]),
    );
    const model = await inject(RESNET, {
      weights: { arrays: renamed, names: { ...names, '2_2.fc1.bias': 'odd' } },
    });
    expect((await readBlockWeights(model)).map(({ numbers }) => numbers)).toEqual(
      weights.map(({ numbers }) => numbers),
    );
  });

  it('that do not fit are listed in one error', async () => {
    const arrays = arraysOf(weights);
    const [first, second, third] = ['2_1.fc1.weight', '3_1.fc2.bias', '5_2.fc1.weight'] as const;
    arrays.delete(first);
    arrays.set(second, { ...arrays.get(second)!, dims: [3] });
    arrays.set(third, { ...arrays.get(third)!, numbers: () => new Float64Array(8 * 64).fill(Number.NaN) });
    arrays.set('conv1.weight', arrays.get('2_1.fc1.bias')!);
    const error = await errorOf(inject(RESNET, { weights: { arrays, names: { '9_9': 'x' } } }));
    expect(error).toBeInstanceOf(SeInjectError);
    expect(error).toMatchObject({
      code: 'blocks/invalid-weights',
      details: {
        missing: ['2_1.fc1.weight [8,8,1,1]'],
        misshapen: ['3_1.fc2.bias [16] is [3] of FLOAT', '5_2.fc1.weight [8,64,1,1] holds infinities or NaN'],
        surplus: ['"conv1.weight" [8]', '"9_9" of the map'],
      },
    });
    expect(error.message).toContain('\nmissing (1): 2_1.fc1.weight [8,8,1,1]\nmisshapen (2): 3_1.fc2.bias');
  });

  it('are asked for by a plan that was made for them, and by no other', async () => {
    const model = await openBytes(RESNET);
    const sites = findSites(model.view, model.types);
    const given = { arrays: arraysOf(weights) };
    const plan = await planInjection(model, sites, { weights: given });
    expect(plan.init).toBe('loaded');
    expect((await errorOf(applyPlan(model, plan))).code).toBe('blocks/invalid-option');
    const neutral = await planInjection(model, sites);
    expect((await errorOf(applyPlan(model, neutral, undefined, given))).code).toBe('blocks/invalid-option');
    expect((await errorOf(planInjection(model, sites, { weights: given, init: 'neutral' }))).code).toBe(
      'blocks/invalid-option',
    );
  });
});
