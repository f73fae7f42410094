import onnxProto from 'onnx-proto';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import {
  type BlockDefinition,
  type BlockSite,
  defineBlock,
  type OptionValue,
  type ResolvedOptions,
} from '../../src/blocks/block.ts';
import { ACTIVATIONS, GATES } from '../../src/blocks/functions.ts';
import { NEUTRAL } from '../../src/blocks/initializers.ts';
import { se } from '../../src/blocks/se.ts';
import { seReference } from '../../src/blocks/se-reference.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { openModel } from '../../src/splice/model.ts';
import { planInjection } from '../../src/splice/plan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { handReport, handSite } from '../helpers/hand-site.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { openSession, waveNumbers } from '../helpers/run-model.ts';
import { weightNumbers } from '../helpers/weight-numbers.ts';

const { onnx } = onnxProto;

/** The unit roundoff of float32, which the reference's bounds count in. */
const ROUNDOFF = 2 ** -24;

/** Float64 arithmetic in another order: a few roundings of sums of at most a few hundred terms. */
const FLOAT64_TOLERANCE = 1e-12;

const BATCH = 2;
const CHANNELS = 6;
const REDUCED = 4;

interface Layout {
  readonly name: string;
  readonly dims: readonly number[];
  readonly last: boolean;
  readonly opset: number;
}

const LAYOUTS: readonly Layout[] = [
  { name: '1-D', dims: [BATCH, CHANNELS, 11], last: false, opset: 13 },
  { name: '2-D', dims: [BATCH, CHANNELS, 3, 5], last: false, opset: 13 },
  { name: '2-D', dims: [BATCH, CHANNELS, 28, 28], last: false, opset: 18 },
  { name: '3-D', dims: [BATCH, CHANNELS, 2, 3, 4], last: false, opset: 18 },
  { name: '1-D channels last', dims: [BATCH, 11, CHANNELS], last: true, opset: 18 },
  { name: '2-D channels last', dims: [BATCH, 3, 5, CHANNELS], last: true, opset: 13 },
  { name: '2-D channels last', dims: [BATCH, 3, 5, CHANNELS], last: true, opset: 18 },
];

/** Each activation with each gate; which of them have biases alternates. */
const SETTINGS = ACTIVATIONS.flatMap((activation, row) =>
  GATES.map((gate, column) => ({ activation, gate, bias: (row + column) % 2 === 0 })),
);

interface Run {
  readonly site: BlockSite;
  readonly options: ResolvedOptions;
  readonly features: Float64Array;
  readonly weights: ReadonlyMap<string, Float64Array>;
  /** The block's values in onnxruntime, by the names within the block; `x` is the tapped value. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** Injects a block into a network of nothing else and runs it, its inner values given out. */
async function run(
  layout: Layout,
  given: Readonly<Record<string, OptionValue>>,
  init: string,
  {
    block = se,
    features = waveNumbers(count(layout.dims)),
  }: { block?: BlockDefinition; features?: Float64Array } = {},
): Promise<Run> {
  const type = `float[${layout.dims.join()}]`;
  const model = await openModel(
    memorySource(
      modelFromText(`<ir_version: 8, opset_import: ["" : ${layout.opset}]>
        net (${type} image) => (${type} y) { x = Identity (image) y = Identity (x) }`),
    ),
  );
  const site = handSite(model, { value: 'x', channelsLast: layout.last });
  const blockOptions = { reducedChannels: REDUCED, ...given };
  const plan = await planInjection(model, handReport([site]), { block, blockOptions, init, seed: 11 });
  const injection = await applyPlan(model, plan, block);
  const [recorded] = injection.record?.sites ?? [];
  if (recorded === undefined) throw new Error('nothing was injected');
  const inner = Object.entries(recorded.names).filter(([, name]) => injection.model.view.producers.has(name));
  const outputs = onnx.ModelProto.encode({
    graph: { output: [{ name: 'x' }, ...inner.map(([, name]) => ({ name }))] },
  }).finish();
  const session = await openSession(Buffer.concat([await patchedBytes(injection.patch), outputs]));
  const image = new Tensor('float32', Float32Array.from(features), layout.dims);
  const results = await session.run({ image });
  await session.release();
  const value = (name: string): Float32Array => results[name]?.data as Float32Array;
  return {
    site: recorded.site,
    options: recorded.options,
    features: Float64Array.from(value('x')),
    weights: await weightNumbers(injection.model, recorded.names),
    values: new Map([['x', value('x')], ...inner.map(([local, name]) => [local, value(name)] as const)]),
  };
}

/** The block by its definition, one sample and one channel at a time, on lists of lists. */
function naive(
  { site, options, features, weights }: Run,
  layout: Layout,
): { squeeze: number[]; hidden: number[]; gate: number[] } {
  const { channels } = site;
  const positions = features.length / (BATCH * channels);
  const pixel = (n: number, c: number, p: number): number =>
    features[
      layout.last ? n * positions * channels + p * channels + c : n * channels * positions + c * positions + p
    ] ?? 0;
  const range = (length: number): number[] => Array.from({ length }, (_, index) => index);
  const matrix = (name: string, rows: number, columns: number): number[][] => {
    const numbers = weights.get(`${name}.weight`) ?? new Float64Array(0);
    return range(rows).map((row) =>
      range(columns).map(
        (column) => numbers[layout.last ? column * rows + row : row * columns + column] ?? Number.NaN,
      ),
    );
  };
  const layer = (name: string, x: number[], rows: number): number[] => {
    const bias = weights.get(`${name}.bias`);
    return matrix(name, rows, x.length).map(
      (row, r) =>
        row.reduce((sum, w, c) => sum + w * (x[c] ?? 0), 0) +
        (bias === undefined ? 0 : (bias[r] ?? Number.NaN)),
    );
  };
  const relu6 = (x: number): number => Math.min(6, Math.max(0, x));
  const sigma = (x: number): number => (1 + Math.tanh(x / 2)) / 2;
  const activate: Record<string, (x: number) => number> = {
    relu: (x) => Math.max(x, 0),
    silu: (x) => x / (1 + Math.exp(-x)),
    hardswish: (x) => (x * relu6(x + 3)) / 6,
    gelu: (x) => x * normalDistribution(x),
    leakyrelu: (x) => Math.max(x, x / 100),
  };
  const gates: Record<string, (x: number) => number> = {
    sigmoid: sigma,
    '2*sigmoid': (x) => 1 + Math.tanh(x / 2),
    hardsigmoid: (x) => relu6(x + 3) / 6,
    tanh: (x) => (Math.exp(2 * x) - 1) / (Math.exp(2 * x) + 1),
    relu: (x) => Math.max(x, 0),
  };
  const result = { squeeze: [] as number[], hidden: [] as number[], gate: [] as number[] };
  for (const n of range(BATCH)) {
    const z = range(channels).map(
      (c) => range(positions).reduce((sum, p) => sum + pixel(n, c, p), 0) / positions,
    );
    const h = layer('reduce', z, REDUCED).map(
      (x) => activate[String(options['activation'])]?.(x) ?? Number.NaN,
    );
    const s = layer('expand', h, channels).map((x) => gates[String(options['gate'])]?.(x) ?? Number.NaN);
    result.squeeze.push(...z);
    result.hidden.push(...h);
    result.gate.push(...s);
  }
  return result;
}

/** The standard normal distribution by its alternating series, for the small numbers that there are here. */
function normalDistribution(x: number): number {
  let [power, sum] = [x, x];
  for (let n = 1; n < 80; n += 1) {
    power *= -(x * x) / (2 * n);
    sum += power / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}

function reference(
  { site, options, features, weights }: Run,
  layout: Layout,
): ReturnType<typeof seReference> {
  return seReference({ data: features, dims: layout.dims }, weights, site, options);
}

/** The largest error of the gate, in units of what the reference allows for each element. */
function excess(found: Float32Array | undefined, expected: Float64Array, bound: Float64Array): number {
  if (found?.length !== expected.length) throw new Error('the gate has another shape');
  return expected.reduce(
    (most, x, at) => Math.max(most, Math.abs((found[at] ?? Number.NaN) - x) / ((bound[at] ?? 0) * ROUNDOFF)),
    0,
  );
}

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (x, at) => Math.abs(x - (b[at] ?? Number.NaN))).reduce(
    (most, x) => Math.max(x, most),
    0,
  );
}

function sameBits(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  if (a === undefined || b === undefined) throw new Error('there is nothing to compare');
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

describe.each(LAYOUTS)('$name, $dims, opset $opset', (layout) => {
  it.each(SETTINGS)(
    '$activation, $gate, bias $bias: the reference is right, and so is onnxruntime',
    async (given) => {
      const done = await run(layout, given, 'kaiming-uniform');
      const { squeeze, hidden, gate, gateBound } = reference(done, layout);
      const expected = naive(done, layout);
      expect(largest(squeeze, expected.squeeze)).toBeLessThan(FLOAT64_TOLERANCE);
      expect(largest(hidden, expected.hidden)).toBeLessThan(FLOAT64_TOLERANCE);
      expect(largest(gate, expected.gate)).toBeLessThan(FLOAT64_TOLERANCE);
      expect(excess(done.values.get('gate'), gate, gateBound)).toBeLessThan(1);
      // The scaled value is the tapped one times the gate, rounded once.
      const [x, s, y] = ['x', 'gate', 'scale'].map((name) => done.values.get(name) ?? new Float32Array(0));
      const positions = count(layout.dims) / (BATCH * CHANNELS);
      const product = Float32Array.from(x ?? [], (value, at) => {
        const [n, rest] = [Math.floor(at / (CHANNELS * positions)), at % (CHANNELS * positions)];
        return (
          value *
          (s?.[n * CHANNELS + (layout.last ? rest % CHANNELS : Math.floor(rest / positions))] ?? Number.NaN)
        );
      });
      expect(sameBits(y, product)).toBe(true);
    },
  );

  it.each(
    SETTINGS.filter(
      ({ gate, bias }) => gate === '2*sigmoid' || ((gate === 'hardsigmoid' || gate === 'relu') && bias),
    ),
  )('$activation, $gate, bias $bias: neutral changes no bit', async (given) => {
    const features = waveNumbers(count(layout.dims));
    // What a careless scale would change: signed zeros, numbers too small for a full fraction, huge ones.
    features.set([0, -0, 1.4e-45, -1e-40, 1e30, -1e30]);
    const { values } = await run(layout, given, NEUTRAL, { features });
    expect(values.get('gate')?.every((x) => x === 1)).toBe(true);
    const [x, y] = [values.get('x'), values.get('scale')];
    expect(sameBits(y, x)).toBe(true);
  });
});

describe('the bound of the gate', () => {
  const [, layout] = LAYOUTS;
  if (layout === undefined) throw new Error('there is no layout');

  const mutated = (change: (block: BlockDefinition) => Partial<BlockDefinition>): BlockDefinition =>
    defineBlock({ ...se, ...change(se) });

  it.each(GATES)(
    'allows for what large sums lose, which is more than the roundings of a %s',
    async (gate) => {
      const wide: Layout = { name: 'wide', dims: [BATCH, CHANNELS, 40, 40], last: false, opset: 17 };
      // Numbers up to two millions, of which each second one takes back the one before: their mean is around 1.
      const wave = waveNumbers(count(wide.dims));
      const features = wave.map((_, at) => (at % 2 === 0 ? 1e6 : -1e6) * (wave[at - (at % 2)] ?? 0) + 1);
      const done = await run(wide, { gate }, 'kaiming-uniform', { features });
      const { gate: expected, gateBound } = reference(done, wide);
      const found = done.values.get('gate');
      expect(excess(found, expected, gateBound)).toBeLessThan(1);
      expect(
        excess(
          found,
          expected,
          gateBound.map(() => 16),
        ),
      ).toBeGreaterThan(1);
    },
  );

  it('tells the HardSigmoid of MobileNetV3 from that of ONNX’s default', async () => {
    const wrong = mutated(({ build }) => ({
      build: (site, options) =>
        build(site, options).map((node) =>
          node.opType === 'HardSigmoid'
            ? { ...node, attributes: { alpha: { float: 0.2 }, beta: { float: 0.5 } } }
            : node,
        ),
    }));
    for (const given of [{ gate: 'hardsigmoid' }, { gate: 'sigmoid', activation: 'hardswish' }]) {
      const right = await run(layout, given, 'kaiming-uniform');
      const { gate, gateBound } = reference(right, layout);
      expect(excess(right.values.get('gate'), gate, gateBound)).toBeLessThan(1);
      const off = await run(layout, given, 'kaiming-uniform', { block: wrong });
      expect(excess(off.values.get('gate'), gate, gateBound)).toBeGreaterThan(10);
    }
  });

  it.each<[string, string, string]>([
    ['a maximum for the mean', 'GlobalAveragePool', 'GlobalMaxPool'],
    ['another activation', 'Relu', 'Sigmoid'],
    ['another gate', 'Sigmoid', 'Tanh'],
  ])('tells %s', async (_what, from, to) => {
    const wrong = mutated(({ build }) => ({
      build: (site, options) =>
        build(site, options).map((node) => (node.opType === from ? { ...node, opType: to } : node)),
    }));
    const done = await run(layout, {}, 'kaiming-uniform', { block: wrong });
    const { gate, gateBound } = reference(done, layout);
    expect(excess(done.values.get('gate'), gate, gateBound)).toBeGreaterThan(10);
  });

  it('tells a layer that reads the features and not their mean, by its shape', async () => {
    const wrong = mutated(({ build }) => ({
      build: (site, options) =>
        build(site, options).map((node) => ({
          ...node,
          inputs: node.inputs.map((input) => (input === 'squeeze' ? 'x' : input)),
        })),
    }));
    const done = await run(layout, {}, 'kaiming-uniform', { block: wrong });
    expect(done.values.get('gate')?.length).toBe(count(layout.dims));
    expect(done.values.get('gate')?.length).not.toBe(reference(done, layout).gate.length);
  });
});
