import { describe, expect, it } from 'vitest';
import { defineBlock, type OptionValue } from '../../src/blocks/block.ts';
import { fillOptions } from '../../src/blocks/options.ts';
import { BLOCKS, blockNamed } from '../../src/blocks/registry.ts';
import { se } from '../../src/blocks/se.ts';
import { errorOf } from '../helpers/error-of.ts';

describe('fillOptions', () => {
  it('gives every option its default', () => {
    const filled = fillOptions(se, {});
    expect(Object.keys(filled)).toEqual(Object.keys(se.options));
    for (const [name, { default: value }] of Object.entries(se.options)) expect(filled[name]).toBe(value);
  });

  it('takes what is given, and an undefined value as not given', () => {
    const filled = fillOptions(se, {
      reductionRatio: 8,
      bias: false,
      gate: 'hardsigmoid',
      activation: undefined,
    });
    expect(filled).toEqual({ ...fillOptions(se, {}), reductionRatio: 8, bias: false, gate: 'hardsigmoid' });
  });

  it('takes a default back as it is written', () => {
    expect(fillOptions(se, { gate: 'auto', reductionRatio: 'auto' })).toEqual(fillOptions(se, {}));
  });

  it.each<[string, OptionValue, string]>([
    ['ratio', 8, 'block "se" has no such option: it has reductionRatio, '],
    ['constructor', 1, 'block "se" has no such option'],
    ['__proto__', 1, 'block "se" has no such option'],
    ['bias', 'yes', 'use true or false'],
    ['bias', 1, 'use true or false'],
    ['activation', 'mish', 'use one of relu, silu, hardswish'],
    ['activation', true, 'use one of relu, silu, hardswish'],
    ['activation', 'auto', 'use one of relu, silu, hardswish'],
    ['gate', 'softmax', 'use one of 2*sigmoid, sigmoid, hardsigmoid'],
    ['reductionRatio', '8', 'use a number'],
    ['reductionRatio', Number.NaN, 'use a number'],
    ['reductionRatio', Number.POSITIVE_INFINITY, 'use a number'],
    ['reductionRatio', 0.5, 'the least is 1'],
    ['reducedChannels', 0, 'the least is 1'],
    ['reducedChannels', 7.5, 'use a whole number'],
    ['channelDivisor', 'auto', 'use a number'],
    ['roundLimit', -0.1, 'the least is 0'],
  ])('refuses %s = %s', async (name, value, why) => {
    // A key "__proto__" of a literal would be no property.
    const own = Object.defineProperty({}, name, { value, enumerable: true });
    const error = await errorOf(() => fillOptions(se, own));
    expect(error.code).toBe('blocks/invalid-option');
    expect(error.message).toContain(`option "${name}" is "${value}": ${why}`);
    expect(error.details).toEqual({ option: name, value });
  });
});

describe('the built-in blocks', () => {
  it.each(BLOCKS)('$name explains its options, and its defaults are among what it takes', (block) => {
    expect(blockNamed(block.name)).toBe(block);
    expect(block.description).not.toBe('');
    for (const [name, { type, default: value, help, choices }] of Object.entries(block.options)) {
      expect(help, name).not.toBe('');
      expect(choices !== undefined, name).toBe(type === 'choice');
      if (value !== 'auto')
        expect(type === 'choice' ? choices?.includes(String(value)) : typeof value, name).toBe(
          type === 'choice' ? true : type,
        );
      expect(fillOptions(block, { [name]: value })[name]).toBe(value);
    }
  });

  it('are named in the error for one that there is not', async () => {
    const error = await errorOf(() => blockNamed('sae'));
    expect(error.code).toBe('blocks/unknown-block');
    expect(error.message).toBe(
      `unknown block "sae": use one of ${BLOCKS.map(({ name }) => name).join(', ')}`,
    );
  });

  it('come through the door of a user’s own', () => {
    expect(defineBlock({ ...se, name: 'mine' })).toEqual({ ...se, name: 'mine' });
    expect(Object.isFrozen(se)).toBe(true);
  });
});
