import { type Command, Option } from 'commander';
import type { OptionDefinition, OptionValue } from '../blocks/block.ts';
import { BLOCKS } from '../blocks/registry.ts';
import { usageError } from './failure.ts';

/** The options of all built-in blocks by name; blocks that share one mean the same by it. */
function blockOptions(): ReadonlyMap<string, OptionDefinition> {
  return new Map(BLOCKS.flatMap((block) => Object.entries(block.options)));
}

/** Adds the options of the blocks to a command, in the words of their definitions. */
export function addBlockOptions(command: Command): void {
  for (const [name, definition] of blockOptions()) command.addOption(toOption(name, definition));
}

/** The block options that were given, by their names in the library. */
export function givenBlockOptions(values: Readonly<Record<string, unknown>>): Record<string, OptionValue> {
  const given: Record<string, OptionValue> = {};
  for (const [name, definition] of blockOptions()) {
    const value = values[name];
    // A `--no-...` option that was not given reads as true: the default, which not every block has.
    if (value === undefined || (definition.type === 'boolean' && value === definition.default)) continue;
    if (definition.type === 'boolean') given[name] = value === true;
    else given[name] = definition.type === 'number' ? toNumber(name, String(value)) : String(value);
  }
  return given;
}

function toOption(name: string, definition: OptionDefinition): Option {
  const { type, choices, help } = definition;
  const flag = toKebab(name);
  if (type === 'boolean') {
    const isOn = definition.default === true;
    return new Option(isOn ? `--no-${flag}` : `--${flag}`, isOn ? `without ${help}` : help).default(
      undefined,
    );
  }
  const text = definition.default === 'auto' ? help : `${help} (default: ${definition.default})`;
  const option = new Option(`--${flag} <${type === 'number' ? 'n' : 'name'}>`, text);
  return choices === undefined ? option : option.choices([...choices]);
}

/** `reductionRatio` as an option is `--reduction-ratio`. */
export function toKebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The number that a text spells, and nothing else. */
export function toNumber(name: string, text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(number)) return number;
  throw usageError(`--${toKebab(name)} "${text}" is no number`);
}
