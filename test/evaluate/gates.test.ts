import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { collectGates } from '../../src/evaluate/collect-gates.ts';
import { GateStatistics } from '../../src/evaluate/gate-statistics.ts';
import type { GateSite } from '../../src/evaluate/open-gates.ts';
import { openGates } from '../../src/evaluate/open-gates.ts';
import { gatesFigure } from '../../src/report/gates-figure.ts';
import { renderGates } from '../../src/report/render-gates.ts';
import { plainPaint } from '../../src/report/render-text.ts';
import { openModel } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { datasetOf, floats } from '../helpers/datasets.ts';
import { errorOf } from '../helpers/error-of.ts';
import { type FakeModel, fakeRuntime } from '../helpers/fake-runtime.ts';
import { MNIST_NET } from '../helpers/mnist.ts';
import { openSession, runModel } from '../helpers/run-model.ts';
import { injectBytes } from '../helpers/verify-bytes.ts';

describe('GateStatistics', () => {
  it('gives mean and spread by channel and by class', () => {
    const statistics = new GateStatistics(2, [0, 1]);
    statistics.add(Float32Array.of(9, 0.25, 0.5), 1, 0);
    statistics.add(Float32Array.of(0.75, 0.5), 0, 0);
    statistics.add(Float32Array.of(0.5, 0.5), 0, 4);
    const summary = statistics.summary();
    expect(summary).toMatchObject({ samples: 3, mean: [0.5, 0.5], min: [0.25, 0.5], max: [0.75, 0.5] });
    expect(summary.std[0]).toBeCloseTo(Math.sqrt(2 / 48), 12);
    expect([...summary.byClass.keys()]).toEqual([0, 4]);
    expect(summary.byClass.get(0)).toEqual({ samples: 2, mean: [0.5, 0.5], std: [0.25, 0] });
  });

  it('tells how much of the variance lies between classes', () => {
    const dependence = (rows: readonly (readonly [label: number | null, gate: number])[]) => {
      const statistics = new GateStatistics(1, [0, 1]);
      for (const [label, gate] of rows) statistics.add(Float64Array.of(gate), 0, label);
      return statistics.summary().classDependence;
    };
    expect(
      dependence([
        [0, 0.25],
        [0, 0.25],
        [1, 0.75],
        [1, 0.75],
      ]),
    ).toBe(1);
    expect(
      dependence([
        [0, 0.25],
        [0, 0.75],
        [1, 0.25],
        [1, 0.75],
      ]),
    ).toBe(0);
    // Means 0.3 and 0.6 about 0.45 with two each: 4 * 0.15^2 of 0.09 + 4 * 0.1^2.
    expect(
      dependence([
        [0, 0.2],
        [0, 0.4],
        [1, 0.5],
        [1, 0.7],
      ]),
    ).toBeCloseTo(0.09 / 0.13, 12);
    expect(
      dependence([
        [0, 0.5],
        [1, 0.5],
      ]),
    ).toBe(null);
    expect(
      dependence([
        [null, 0.5],
        [null, 0.7],
      ]),
    ).toBe(null);
  });

  it('counts gates at their bounds', () => {
    const statistics = new GateStatistics(4, [0, 2]);
    statistics.add(Float64Array.of(0.02, 0.03, 1.97, 1.99), 0, null);
    expect(statistics.summary().saturation).toEqual({ low: 0.25, high: 0.25 });
  });
});

/** A model of two "gates": what it is fed, and a constant. */
const GATES: FakeModel = {
  inputs: [{ name: 'x', dataType: 'float32', shape: ['N', 2] }],
  outputs: [],
  run(x) {
    const rows = x.dims[0] ?? 0;
    return {
      moving: { dataType: 'float32', dims: [rows, 2, 1, 1], data: Float32Array.from(x.data as Float32Array) },
      still: {
        dataType: 'float32',
        dims: [rows, 2, 1, 1],
        data: new Float32Array(2 * rows).map((_, i) => (i % 2 === 0 ? 0 : 0.5)),
      },
      map: { dataType: 'float32', dims: [rows, 2, 3, 3], data: new Float32Array(18 * rows) },
    };
  },
};

function site(id: string, value: string, isLast = true): GateSite {
  return { id, block: 'se', value, channels: 2, bounds: [0, 1], parameters: 100, macs: 50, isLast };
}

function collect(sites: readonly GateSite[], options: Parameters<typeof collectGates>[3] = {}) {
  const data = datasetOf([floats(0, 0.1, 0.9), floats(1, 0.3, 0.9), floats(1, 0.3, 0.7)], {
    classNames: ['a<b', 'b'],
  });
  return collectGates(
    fakeRuntime({ m: GATES }),
    { path: 'm', source: { path: 'm' }, sites, findings: [] },
    data,
    options,
  );
}

describe('collectGates', () => {
  it('finds constant and dead gates and proposes to take them out', async () => {
    const report = await collect([site('2_1', 'moving'), site('3_1', 'still')]);
    expect(report.data).toMatchObject({ samples: 3, labelled: true });
    expect(report.sites[0]).toMatchObject({
      id: '2_1',
      isConstant: false,
      constantChannels: 0,
      deadChannels: [],
    });
    expect(report.sites[0]?.byClass.map(({ name, samples }) => [name, samples])).toEqual([
      ['a<b', 1],
      ['b', 2],
    ]);
    expect(report.sites[1]).toMatchObject({
      isConstant: true,
      constant: null,
      deadChannels: [0],
      constantChannels: 2,
    });
    expect(report.proposal).toEqual({
      sites: ['3_1'],
      isExact: false,
      parameters: 100,
      macs: 50,
      bytes: null,
    });
    const text = renderGates(
      { ...report, path: 'm.se.onnx', proposal: { ...report.proposal!, bytes: 4321 } },
      plainPaint,
    ).join('\n');
    expect(text).toMatch(/^3_1 +2 +0\.250 +0\.000 +0\.000 +0\.500 +- +50\.0% +0\.0% +1 +all$/m);
    expect(text).toMatch(/^Candidates to take out: 3_1, whose gates do not depend on the input\.$/m);
    expect(text).toMatch(
      /^Saves 100 parameters, 50 MACs, 4\.32 KB: se-inject strip m\.se\.onnx --sites 3_1$/m,
    );
    expect(text).toMatch(/so measure it with eval\.$/m);
  });

  it('does not propose what strip cannot take out, and passes over maps', async () => {
    const report = await collect([site('3_1', 'still', false), site('4_1', 'map'), site('2_1', 'moving')]);
    expect(report.proposal).toBe(null);
    expect(report.sites.map(({ id }) => id)).toEqual(['3_1', '2_1']);
    expect(report.findings).toEqual([expect.stringMatching(/^4_1: its gate has the shape \[3, 2, 3, 3\]/)]);
    expect(renderGates(report, plainPaint).join('\n')).toMatch(/^Every block answers to its input/m);
    expect((await errorOf(collect([]))).code).toBe('evaluate/unsupported-model');
    const maps = await collect([site('4_1', 'map')]);
    expect(renderGates(maps, plainPaint).join('\n')).toMatch(
      /^No gate could be read: only channel gates can be shown\.$/m,
    );
  });

  it('lists as many classes as a report can hold', async () => {
    const channels = 8192;
    const model: FakeModel = {
      ...GATES,
      run: (x) => ({
        wide: {
          dataType: 'float32',
          dims: [x.dims[0] ?? 0, channels],
          data: new Float32Array(channels * (x.dims[0] ?? 0)),
        },
      }),
    };
    const data = datasetOf([
      ...Array.from({ length: 20 }, (_, label) => floats(label, 0, 0)),
      floats(19, 0, 0),
    ]);
    const wide = { ...site('5_1', 'wide'), channels };
    const report = await collectGates(
      fakeRuntime({ m: model }),
      { path: 'm', source: { path: 'm' }, sites: [wide], findings: [] },
      data,
    );
    const indices = report.sites[0]?.byClass.map(({ index }) => index);
    expect(indices).toEqual([...Array.from({ length: 15 }, (_, i) => i), 19]);
    expect(report.sites[0]?.classesLeftOut).toBe(4);
  });

  it('knows no saturation of gates without bounds, and draws what they were', async () => {
    const report = await collect([{ ...site('2_1', 'moving'), bounds: null }]);
    expect(report.sites[0]).toMatchObject({
      bounds: null,
      saturation: { low: 0, high: 0 },
      isConstant: false,
    });
    expect(gatesFigure(report)).toContain('d="M44,125.4L348,40.6"');
  });

  it('stops where it is told to, after so many samples', async () => {
    expect((await collect([site('2_1', 'moving')], { limit: 2 })).data).toMatchObject({
      samples: 2,
      limit: 2,
    });
    const stopped = await collect([site('2_1', 'moving')], { batch: 1, shouldStop: () => true });
    expect(stopped.data).toMatchObject({ samples: 1, interrupted: true });
  });

  it('is drawn with a panel for each site and a line for each class, harmless in markup', async () => {
    const report = await collect([site('2_1', 'moving'), site('3_1', 'still')]);
    const svg = gatesFigure({ ...report, path: '<m>&"' });
    expect(svg.match(/>SE_\d_1</g)).toEqual(['>SE_2_1<', '>SE_3_1<']);
    expect(svg).toContain('<title>Gates of &lt;m&gt;&amp;&quot; on 3 samples of some data</title>');
    expect(svg).toContain('>a&lt;b</text>');
    // Two panels of three lines each, all samples in black.
    expect(svg.match(/fill="none" stroke="#[0-9a-f]{6}" stroke-width/g)).toHaveLength(6);
    // Channels 0 and 1 are the ends of the axis; the gates 0.1 and 0.9 of class 0 lie between 0 at 136 and 1 at 30.
    expect(svg).toContain('d="M44,125.4L348,40.6"');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(gatesFigure(report, [1]).match(/fill="none" stroke="#/g)).toHaveLength(4);
    expect(gatesFigure({ ...report, sites: [] })).toMatch(
      /^<svg [^>]*>\n<title>.*\n<rect.*\/>\n\n<\/svg>\n$/,
    );
  });
});

describe('openGates', () => {
  it.each([
    ['se', [0, 1]],
    ['eca', [0, 1]],
    ['cbam', [0, 1]],
    ['gct', null],
  ] as const)('finds the channel gates of %s, and their bounds', async (block, bounds) => {
    const model = await injectBytes(readFileSync(MNIST_NET), { block, init: 'kaiming-uniform' });
    const { sites, findings } = openGates(await openModel(memorySource(model)));
    expect(findings).toEqual([]);
    expect(sites.map((one) => one.bounds)).toEqual([bounds, bounds, bounds]);
  });

  it('does not take for a gate what is added', async () => {
    const model = await injectBytes(readFileSync(MNIST_NET), { block: 'gc' });
    const { sites, findings } = openGates(await openModel(memorySource(model)));
    expect([sites, findings.length]).toEqual([[], 3]);
    expect(findings[0]).toBe('0_1: its block has no gate that the features are multiplied by');
  });

  it('reads the gates out and changes nothing else', async () => {
    const injected = await injectBytes(readFileSync(MNIST_NET), { init: 'kaiming-uniform', seed: 3 });
    const { patch, sites, findings } = openGates(await openModel(memorySource(injected)));
    expect(findings).toEqual([]);
    expect(sites.map(({ id, channels, bounds, isLast }) => [id, channels, bounds, isLast])).toEqual([
      ['0_1', 16, [0, 1], true],
      ['1_1', 32, [0, 1], true],
      ['2_1', 64, [0, 1], true],
    ]);
    const opened = await patchedBytes(patch);
    const session = await openSession(opened);
    expect(session.outputNames).toEqual(['logits', ...sites.map(({ value }) => value)]);
    await session.release();
    const [closed, open] = [await runModel(injected), await runModel(opened)];
    expect(open['logits']).toEqual(closed['logits']);
    for (const { value } of sites) {
      const bytes = open[value] ?? new Uint8Array(0);
      for (const gate of new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)) {
        expect(gate).toBeGreaterThan(0.05);
        expect(gate).toBeLessThan(0.95);
      }
    }
  });

  it('knows the bounds of a neutral gate, and a model without a record', async () => {
    const injected = await injectBytes(readFileSync(MNIST_NET));
    expect(openGates(await openModel(memorySource(injected))).sites[0]?.bounds).toEqual([0, 2]);
    const plain = await openModel(memorySource(readFileSync(MNIST_NET)));
    expect((await errorOf(() => openGates(plain))).code).toBe('splice/no-record');
  });

  it('tells the last injection from those before', async () => {
    const once = await injectBytes(readFileSync(MNIST_NET), { include: ['0_1'] });
    const twice = await injectBytes(once, { include: ['2_1'] });
    const { sites } = openGates(await openModel(memorySource(twice)));
    expect(sites.map(({ id, isLast }) => [id, isLast])).toEqual([
      ['0_1', false],
      ['2_1', true],
    ]);
  });
});
