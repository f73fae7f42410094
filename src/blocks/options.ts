import { SeInjectError } from '../errors.ts';
import type { BlockDefinition, OptionDefinition, OptionValue, ResolvedOptions } from './block.ts';

/**
 * Checks the options that a user set against a block's definitions and fills in the defaults.
 *
 * Throws `blocks/invalid-option` for an option that the block does not have and for a value that it does not take.
 *
 * @example
 * ```ts
 * fillOptions(se, { reductionRatio: 8 })['bias']; // → true
 * ```
 */
export function fillOptions(
  block: BlockDefinition,
  given: Readonly<Record<string, OptionValue | undefined>>,
): ResolvedOptions {
  const filled: Record<string, OptionValue> = {};
  for (const [name, definition] of Object.entries(block.options)) filled[name] = definition.default;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    // An own property: every object has a "constructor".
    const definition = Object.hasOwn(block.options, name) ? block.options[name] : undefined;
    if (definition === undefined) {
      const known = Object.keys(block.options).join(', ');
      throw invalid(name, value, `block "${block.name}" has no such option: it has ${known}`);
    }
    checkValue(name, value, definition);
    filled[name] = value;
  }
  return filled;
}

/** The error of an option's value that is refused. */
export function invalid(option: string, value: OptionValue, why: string): SeInjectError {
  return new SeInjectError('blocks/invalid-option', `option "${option}" is "${value}": ${why}`, {
    details: { option, value },
  });
}

function checkValue(name: string, value: OptionValue, definition: OptionDefinition): void {
  if (value === definition.default) return;
  const { type, choices, minimum, integer } = definition;
  if (type === 'boolean' && typeof value !== 'boolean') throw invalid(name, value, 'use true or false');
  if (type === 'choice' && !(typeof value === 'string' && choices?.includes(value))) {
    throw invalid(name, value, `use one of ${(choices ?? []).join(', ')}`);
  }
  if (type !== 'number') return;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(name, value, 'use a number');
  if (minimum !== undefined && value < minimum) throw invalid(name, value, `the least is ${minimum}`);
  if (integer === true && !Number.isInteger(value)) throw invalid(name, value, 'use a whole number');
}
