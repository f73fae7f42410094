import { describe, expect, it } from 'vitest';
import type { WeightSpec } from '../../src/blocks/block.ts';
import {
  checkInit,
  drawWeight,
  INIT_NAMES,
  initHelp,
  NEUTRAL,
  NEUTRAL_HARD,
  NEUTRAL_SATURATED,
  RECIPES,
} from '../../src/blocks/initializers.ts';
import { se } from '../../src/blocks/se.ts';
import { blockSite, seOptions } from '../helpers/block-site.ts';
import { errorOf } from '../helpers/error-of.ts';

const SITE = blockSite({ channels: 512 });
const LAST = blockSite({ channels: 512, channelAxis: 3 });

function draw(name: string, init: string, given = {}, site = SITE, seed = 3, label = '4_1'): Float64Array {
  const options = seOptions(site, { reducedChannels: 128, ...given }, init);
  const weight = se.weights(site, options).find((spec: WeightSpec) => spec.name === name);
  if (weight === undefined) throw new Error(`there is no weight "${name}"`);
  return drawWeight(se, options, weight, init, seed, label);
}

/** Not by `toEqual`: where 65,536 numbers differ, it takes minutes to say so. */
function same(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((x, at) => Object.is(x, b[at]));
}

function variance(numbers: Float64Array): number {
  return numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length;
}

/** 65,536 numbers: the relative standard error of a variance is under sqrt(2/65536) = 0.6 %. */
const WITHIN = 0.02;

function expectUniform(numbers: Float64Array, bound: number): void {
  const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(largest).toBeLessThanOrEqual(bound);
  expect(largest).toBeGreaterThan(bound * 0.98);
  expect(Math.abs(variance(numbers) / (bound ** 2 / 3) - 1)).toBeLessThan(
    numbers.length > 1000 ? WITHIN : 0.2,
  );
}

describe('kaiming-uniform', () => {
  it('is PyTorch’s default: U(±1/sqrt(fan-in)), for weights and biases', () => {
    expectUniform(draw('reduce.weight', 'kaiming-uniform'), 1 / Math.sqrt(512));
    expectUniform(draw('expand.weight', 'kaiming-uniform'), 1 / Math.sqrt(128));
    expectUniform(draw('reduce.bias', 'kaiming-uniform'), 1 / Math.sqrt(512));
    expectUniform(draw('expand.bias', 'kaiming-uniform'), 1 / Math.sqrt(128));
  });
});

describe('kaiming-normal', () => {
  it('is N(0, 2/fan-out), biases zero', () => {
    expect(Math.abs(variance(draw('reduce.weight', 'kaiming-normal')) / (2 / 128) - 1)).toBeLessThan(WITHIN);
    expect(Math.abs(variance(draw('expand.weight', 'kaiming-normal')) / (2 / 512) - 1)).toBeLessThan(WITHIN);
    const beyond = draw('expand.weight', 'kaiming-normal').filter(
      (x) => Math.abs(x) > 2 * Math.sqrt(2 / 512),
    );
    expect(Math.abs(beyond.length / 65_536 - 0.0455)).toBeLessThan(0.004);
    expect(draw('reduce.bias', 'kaiming-normal').every((x) => x === 0)).toBe(true);
    expect(draw('expand.bias', 'kaiming-normal').every((x) => x === 0)).toBe(true);
  });
});

describe('xavier-uniform', () => {
  it('is U(±sqrt(6/(fan-in + fan-out))), biases zero', () => {
    expectUniform(draw('reduce.weight', 'xavier-uniform'), Math.sqrt(6 / 640));
    expectUniform(draw('expand.weight', 'xavier-uniform'), Math.sqrt(6 / 640));
    expect(draw('expand.bias', 'xavier-uniform').every((x) => x === 0)).toBe(true);
  });
});

describe('timm', () => {
  it('is N(0, 2/fan-out), biases as PyTorch has them', () => {
    expect(Math.abs(variance(draw('expand.weight', 'timm')) / (2 / 512) - 1)).toBeLessThan(WITHIN);
    expectUniform(draw('reduce.bias', 'timm'), 1 / Math.sqrt(512));
  });
});

describe('the other normal recipes', () => {
  it.each([
    ['torchvision', 2 / 512],
    ['he', 2 / 128],
    ['xavier-normal', 2 / 640],
    ['normal', 1e-4],
    ['normal(0.02)', 4e-4],
  ])('%s has its variance, biases zero', (init, expected) => {
    expect(Math.abs(variance(draw('expand.weight', init)) / expected - 1)).toBeLessThan(WITHIN);
    expect(draw('expand.bias', init).every((x) => x === 0)).toBe(true);
  });
});

describe('the other neutral starts', () => {
  it('saturate a sigmoid or a tanh, or sit at the corner of a hard sigmoid', () => {
    for (const [init, given, bias] of [
      [NEUTRAL_SATURATED, {}, 20],
      [NEUTRAL_SATURATED, { gate: 'tanh' }, 20],
      [NEUTRAL_HARD, {}, 3],
      [NEUTRAL, { gate: 'relu' }, 1],
    ] as const) {
      expect(draw('expand.weight', init, given).every((x) => x === 0)).toBe(true);
      expect(draw('expand.bias', init, given).every((x) => x === bias)).toBe(true);
    }
  });

  it('are refused with another gate', async () => {
    const error = await errorOf(() => draw('expand.bias', NEUTRAL_SATURATED, { gate: 'hardsigmoid' }));
    expect(error.message).toContain('is for the gate "sigmoid"');
    expect((await errorOf(() => draw('expand.bias', NEUTRAL_HARD, { gate: 'relu' }))).message).toContain(
      'is for the gate "hardsigmoid"',
    );
  });
});

describe('neutral', () => {
  it('has a zero expand layer behind a random reduce layer, which can so be trained', () => {
    expect(draw('expand.weight', NEUTRAL).every((x) => x === 0)).toBe(true);
    expect(draw('expand.bias', NEUTRAL).every((x) => x === 0)).toBe(true);
    expect(same(draw('reduce.weight', NEUTRAL), draw('reduce.weight', 'kaiming-uniform'))).toBe(true);
    expect(same(draw('reduce.bias', NEUTRAL), draw('reduce.bias', 'kaiming-uniform'))).toBe(true);
  });

  it('has an expand bias of 3 under a hard sigmoid', () => {
    expect(draw('expand.weight', NEUTRAL, { gate: 'hardsigmoid' }).every((x) => x === 0)).toBe(true);
    expect(draw('expand.bias', NEUTRAL, { gate: 'hardsigmoid' }).every((x) => x === 3)).toBe(true);
  });

  it('is refused where there is none', async () => {
    const given = { gate: 'hardsigmoid', bias: false };
    const error = await errorOf(() => draw('expand.weight', NEUTRAL, given));
    expect(error.code).toBe('blocks/invalid-option');
    expect(error.message).toContain(
      'block "se" has no initialization that changes nothing with these options',
    );
    expect(error.details).toEqual({ option: 'init', value: NEUTRAL, block: 'se' });
    expect((await errorOf(() => checkInit(se, seOptions(SITE, given), NEUTRAL))).message).toBe(error.message);
  });
});

describe('every initialization', () => {
  it.each(INIT_NAMES)(
    '%s gives other numbers for another seed, site and weight, and the same for the same',
    (init) => {
      const numbers = draw('reduce.weight', init);
      expect(same(draw('reduce.weight', init), numbers)).toBe(true);
      expect(same(draw('reduce.weight', init, {}, SITE, 4), numbers)).toBe(false);
      expect(same(draw('reduce.weight', init, {}, SITE, 3, '4_2'), numbers)).toBe(false);
      expect(same(draw('reduce.weight', init), draw('expand.weight', init))).toBe(false);
      checkInit(se, seOptions(SITE, {}, init), init);
    },
  );

  it.each(INIT_NAMES)('%s gives the same layer where channels are last, stored transposed', (init) => {
    for (const [name, outputs, inputs] of [
      ['reduce.weight', 128, 512],
      ['expand.weight', 512, 128],
    ] as const) {
      const first = draw(name, init);
      const last = draw(name, init, {}, LAST);
      const turned = Float64Array.from(
        last,
        (_, at) => first[(at % outputs) * inputs + Math.floor(at / outputs)] ?? 0,
      );
      expect(same(last, turned)).toBe(true);
    }
    expect(same(draw('expand.bias', init, {}, LAST), draw('expand.bias', init))).toBe(true);
  });

  it('says where it is from', () => {
    expect(INIT_NAMES).toEqual([NEUTRAL, NEUTRAL_SATURATED, NEUTRAL_HARD, ...Object.keys(RECIPES)]);
    for (const name of Object.keys(RECIPES)) expect(initHelp(name)).toMatch(/U\(|N\(/);
    expect(initHelp(NEUTRAL_SATURATED)).toContain('its gradient is 0');
  });

  it.each(['msra', 'constructor', 'normal(x)', 'normal(1e999)', ''])(
    'is refused where it is not known: "%s"',
    async (init) => {
      const error = await errorOf(() => draw('reduce.weight', init));
      expect(error.code).toBe('blocks/invalid-option');
      expect(error.message).toBe(`unknown initialization "${init}": use one of ${INIT_NAMES.join(', ')}`);
      expect((await errorOf(() => checkInit(se, seOptions(SITE), init))).message).toBe(error.message);
    },
  );
});
