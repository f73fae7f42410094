/**
 * The blocks by their papers, one sample at a time, on lists of lists: slow, plain, and without a line of what they
 * check.
 */
import type { ResolvedOptions } from '../../src/blocks/block.ts';

/** One sample: a list of positions for each channel. */
export type Maps = readonly (readonly number[])[];

/** A block's inputs as a naive implementation wants them. */
export interface NaiveInput {
  readonly x: Maps;
  /** Sizes of the spatial axes. */
  readonly spatial: readonly number[];
  /** A matrix [outputs][inputs], however it is stored. */
  readonly matrix: (name: string) => number[][];
  /** A weight as a flat list, or nothing where the block has none of the name. */
  readonly list: (name: string) => number[] | undefined;
  readonly options: ResolvedOptions;
}

const sum = (list: readonly number[]): number => list.reduce((total, x) => total + x, 0);
const mean = (list: readonly number[]): number => sum(list) / list.length;
const variance = (list: readonly number[]): number => mean(list.map((x) => (x - mean(list)) ** 2));
const column = (maps: Maps, p: number): number[] => maps.map((map) => map[p] ?? Number.NaN);
const relu6 = (x: number): number => Math.min(6, Math.max(0, x));

const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  sigmoid: (x) => (1 + Math.tanh(x / 2)) / 2,
  '2*sigmoid': (x) => 1 + Math.tanh(x / 2),
  hardsigmoid: (x) => relu6(x + 3) / 6,
  tanh: (x) => 1 - 2 / (Math.exp(2 * x) + 1),
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  hardswish: (x) => (x * relu6(x + 3)) / 6,
  leakyrelu: (x) => Math.max(x, x / 100),
};

function named(name: unknown): (x: number) => number {
  const found = FUNCTIONS[String(name)];
  if (found === undefined) throw new Error(`there is no function "${name}"`);
  return found;
}

function layer({ matrix, list }: NaiveInput, name: string, x: readonly number[]): number[] {
  const bias = list(`${name}.bias`);
  return matrix(`${name}.weight`).map((row, r) => sum(row.map((w, c) => w * (x[c] ?? 0))) + (bias?.[r] ?? 0));
}

function normal(input: NaiveInput, x: readonly number[]): number[] {
  const { list, options } = input;
  const kind = options['normalization'] ?? (list('norm.weight') === undefined ? 'none' : 'layer');
  if (kind === 'none') return [...x];
  return x.map((value, at) => {
    const centre = kind === 'layer' ? mean(x) : (list('norm.mean')?.[at] ?? Number.NaN);
    const spread = kind === 'layer' ? variance(x) : (list('norm.variance')?.[at] ?? Number.NaN);
    const unit = (value - centre) / Math.sqrt(spread + 1e-5);
    return unit * (list('norm.weight')?.[at] ?? Number.NaN) + (list('norm.bias')?.[at] ?? Number.NaN);
  });
}

function excitation(input: NaiveInput, squeeze: readonly number[]): number[] {
  const hidden = normal(input, layer(input, 'reduce', squeeze)).map(named(input.options['activation']));
  return layer(input, 'expand', hidden);
}

const perChannel = (x: Maps, gates: readonly number[]): number[][] =>
  x.map((map, c) => map.map((value) => value * (gates[c] ?? Number.NaN)));

const perPosition = (x: Maps, gates: readonly number[]): number[][] =>
  x.map((map) => map.map((value, p) => value * (gates[p] ?? Number.NaN)));

function places(spatial: readonly number[]): number[][] {
  return spatial.reduce<number[][]>(
    (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, at) => [...place, at])),
    [[]],
  );
}

/** The scaled features of each block. */
export const NAIVE: Readonly<Record<string, (input: NaiveInput) => number[][]>> = {
  se(input) {
    const { x, options } = input;
    const gate = named(options['gate']);
    if (options['squeeze'] === 'none') {
      const gates = (x[0] ?? []).map((_, p) => excitation(input, column(x, p)).map(gate));
      return x.map((map, c) => map.map((value, p) => value * (gates[p]?.[c] ?? Number.NaN)));
    }
    const squeezes: Record<string, (map: readonly number[]) => number> = {
      avg: mean,
      max: (map) => Math.max(...map),
      'avg+max': (map) => (mean(map) + Math.max(...map)) / 2,
    };
    const squeeze = x.map(squeezes[String(options['squeeze'])] ?? mean);
    return perChannel(x, excitation(input, squeeze).map(gate));
  },
  ese: (input) =>
    perChannel(input.x, layer(input, 'fc', input.x.map(mean)).map(named(input.options['gate']))),
  eca({ x, list, options }) {
    const kernel = list('conv.weight') ?? [];
    const pooled = x.map(mean);
    const gates = pooled.map((_, c) =>
      named(options['gate'])(sum(kernel.map((w, k) => w * (pooled[c + k - (kernel.length - 1) / 2] ?? 0)))),
    );
    return perChannel(x, gates);
  },
  sse: (input) =>
    perPosition(
      input.x,
      (input.x[0] ?? []).map((_, p) =>
        named(input.options['gate'])(layer(input, 'spatial', column(input.x, p))[0] ?? Number.NaN),
      ),
    ),
  scse(input) {
    const gate = named(input.options['gate']);
    const byChannel = perChannel(input.x, excitation(input, input.x.map(mean)).map(gate));
    const byPosition = NAIVE['sse']?.(input) ?? [];
    return byChannel.map((map, c) => map.map((value, p) => value + (byPosition[c]?.[p] ?? Number.NaN)));
  },
  cbam(input) {
    const { x, spatial, options, list } = input;
    const gate = named(options['gate']);
    const [fromMean, fromMax] = [mean, (map: readonly number[]) => Math.max(...map)].map((squeeze) =>
      excitation(input, x.map(squeeze)),
    );
    const gates = x.map((_, c) => gate((fromMean?.[c] ?? Number.NaN) + (fromMax?.[c] ?? Number.NaN)));
    const once = perChannel(x, gates);
    const all = places(spatial);
    const pair = [all.map((_, p) => mean(column(once, p))), all.map((_, p) => Math.max(...column(once, p)))];
    const size = Number(options['spatialKernel']);
    const kernel = places(spatial.map(() => size));
    const weight = list('spatial.weight') ?? [];
    const map = all.map((place) => {
      let total = list('spatial.bias')?.[0] ?? 0;
      for (const [tap, offset] of kernel.entries()) {
        const from = place.map((at, axis) => at + (offset[axis] ?? 0) - (size - 1) / 2);
        const p = all.findIndex((other) => other.join() === from.join());
        if (p === -1) continue;
        total +=
          (weight[tap] ?? 0) * (pair[0]?.[p] ?? 0) + (weight[kernel.length + tap] ?? 0) * (pair[1]?.[p] ?? 0);
      }
      return gate(total);
    });
    return perPosition(once, map);
  },
  gc(input) {
    const { x, options } = input;
    const logits = (x[0] ?? []).map((_, p) => layer(input, 'attention', column(x, p))[0] ?? Number.NaN);
    const whole = sum(logits.map(Math.exp));
    const context = x.map((map) => sum(map.map((value, p) => (value * Math.exp(logits[p] ?? 0)) / whole)));
    const transformed = excitation(input, context);
    if (options['fusion'] === 'scale') return perChannel(x, transformed.map(named(options['gate'])));
    return x.map((map, c) => map.map((value) => value + (transformed[c] ?? Number.NaN)));
  },
  ge({ x, list, options }) {
    const gathered = x.map(
      (map, c) => mean(map) * (list('gather.weight')?.[c] ?? 1) + (list('gather.bias')?.[c] ?? 0),
    );
    return perChannel(x, gathered.map(named(options['gate'])));
  },
  gct({ x, list }) {
    const embedded = x.map(
      (map, c) => (list('alpha')?.[c] ?? Number.NaN) * Math.sqrt(sum(map.map((value) => value ** 2)) + 1e-5),
    );
    const norm = Math.sqrt(mean(embedded.map((value) => value ** 2)) + 1e-5);
    const gates = embedded.map(
      (value, c) =>
        1 +
        Math.tanh(((list('gamma')?.[c] ?? Number.NaN) * value) / norm + (list('beta')?.[c] ?? Number.NaN)),
    );
    return perChannel(x, gates);
  },
  srm({ x, list, options }) {
    const gates = x.map((map, c) =>
      named(options['gate'])(
        (list('style.mean')?.[c] ?? Number.NaN) * mean(map) +
          (list('style.deviation')?.[c] ?? Number.NaN) * Math.sqrt(variance(map) + 1e-5) +
          (list('style.bias')?.[c] ?? Number.NaN),
      ),
    );
    return perChannel(x, gates);
  },
  simam: ({ x, options }) =>
    x.map((map) => {
      const spread = 4 * (variance(map) + Number(options['lambda']));
      return map.map((value) => value * named('sigmoid')((value - mean(map)) ** 2 / spread + 0.5));
    }),
  coord(input) {
    const { x, spatial, options } = input;
    const [height = 1, width = 1] = spatial;
    const gate = named(options['gate']);
    const gates = (name: string, lines: number, inLine: (p: number, line: number) => boolean): number[][] =>
      Array.from({ length: lines }, (_, line) => {
        const pooled = x.map((map) => mean(map.filter((__, p) => inLine(p, line))));
        const hidden = layer(input, 'reduce', pooled).map(named(options['activation']));
        return layer(input, name, hidden).map(gate);
      });
    const rows = gates('expand_rows', height, (p, row) => Math.floor(p / width) === row);
    const columns = gates('expand_columns', width, (p, at) => p % width === at);
    return x.map((map, c) =>
      map.map(
        (value, p) =>
          value * (rows[Math.floor(p / width)]?.[c] ?? Number.NaN) * (columns[p % width]?.[c] ?? Number.NaN),
      ),
    );
  },
};
