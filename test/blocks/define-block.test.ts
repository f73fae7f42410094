import { describe, expect, it } from 'vitest';
import { type BlockDefinition, defineBlock } from '../../src/blocks/block.ts';
import { se } from '../../src/blocks/se.ts';
import { errorOf } from '../helpers/error-of.ts';

/** A definition that TypeScript would not let through, as a module of JavaScript may have it. */
const malformed = (change: unknown): BlockDefinition => {
  const whole: unknown = typeof change === 'object' && change !== null ? { ...se, ...change } : change;
  return whole as BlockDefinition;
};

const option = (given: unknown): unknown => ({ options: { limit: given } });

describe('defineBlock', () => {
  it.each<[unknown, string]>([
    [undefined, 'block is no block: it must be an object'],
    [{ name: 'my block' }, 'block "my block" is no block: "name" must be a word of letters, digits, - and _'],
    [{ version: 0 }, '"version" must be a whole number from 1 on'],
    [{ description: '' }, '"description" must be a line of text'],
    [{ build: undefined, cost: 3 }, '"build" must be a function; "cost" must be a function'],
    [{ reference: 'none' }, '"reference" must be a function'],
    [{ referense: () => undefined }, 'it has no part "referense"'],
    [{ options: [3] }, 'option "0" must be an object'],
    [{ options: null }, '"options" must be an object'],
    [option({ type: 'text', default: 'a', help: '' }), 'option "limit" must have a "type"'],
    [option({ type: 'number', default: '1', help: '' }), 'option "limit" must have a "default" of its type'],
    [option({ type: 'choice', default: 'a', help: '' }), 'option "limit" must have "choices"'],
    [option({ type: 'choice', default: 'c', choices: ['a'], help: '' }), 'must have a "default" of its type'],
    [option({ type: 'boolean', default: true }), 'option "limit" must have a line of "help"'],
    [{ options: { 'no-dash': { type: 'number', default: 1, help: '' } } }, 'must be named in camelCase'],
  ])('refuses %j', async (change, message) => {
    const error = await errorOf(() => defineBlock(malformed(change)));
    expect(error.code).toBe('blocks/invalid-definition');
    expect(error.message).toContain(message);
  });

  it('takes a block without a reference, and a default that depends on the site', () => {
    const { reference: _reference, ...rest } = se;
    expect(defineBlock({ ...rest, name: 'My_block-2' }).reference).toBeUndefined();
  });
});
