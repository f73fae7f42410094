import { type Command, Option } from 'commander';
import type { BlockDefinition, OptionDefinition, OptionValue } from '../blocks/block.ts';
import { blockPresetNamed } from '../blocks/presets.ts';
import { BLOCKS, blockNamed } from '../blocks/registry.ts';
import { loadBlock } from '../node/load-block.ts';
import { usageError } from './failure.ts';

/**
 * The options of all built-in blocks by name; blocks that share one mean the same by it. Each is told of as the first
 * block that has it tells of it, with what any of them takes.
 */
function blockOptions(): ReadonlyMap<string, OptionDefinition> {
  const all = new Map<string, OptionDefinition>();
  for (const [name, definition] of BLOCKS.flatMap((block) => Object.entries(block.options))) {
    const { choices, ...first } = all.get(name) ?? definition;
    const both = [...(choices ?? []), ...(definition.choices ?? [])];
    all.set(name, both.length === 0 ? first : { ...first, choices: [...new Set(both)] });
  }
  return all;
}

/** Adds the options of the blocks to a command, in the words of their definitions. */
export function addBlockOptions(command: Command): void {
  for (const [name, definition] of blockOptions()) command.addOption(toOption(name, definition));
  command.option(
    '--set <key=value>',
    'an option of the block by its name in the library, as limit=0.5: for blocks of your own; may be repeated',
    (setting: string, before: readonly string[] = []) => [...before, setting],
  );
}

/** A block as the command line names it: a built-in one by its name, or a module by its path. */
export async function toBlock(text: string): Promise<BlockDefinition> {
  return isModulePath(text) ? loadBlock(text) : blockNamed(text);
}

/** Whether a block is named by the path of its module. */
export function isModulePath(text: string): boolean {
  return /[/\\]|\.[cm]?[jt]s$/.test(text);
}

/** The block options that were given, by their names in the library: of a preset, by flags, by `--set`. */
export function givenBlockOptions(
  values: Readonly<Record<string, unknown>>,
  block: BlockDefinition,
): Record<string, OptionValue> {
  const preset = values['preset'];
  const given: Record<string, OptionValue> = {};
  if (preset !== undefined) Object.assign(given, blockPresetNamed(String(preset)).blockOptions);
  for (const [name, definition] of blockOptions()) {
    const value = values[name];
    // A `--no-...` option that was not given reads as true: the default, which not every block has.
    if (value === undefined || (definition.type === 'boolean' && value === definition.default)) continue;
    if (definition.type === 'boolean') given[name] = value === true;
    else given[name] = definition.type === 'number' ? toNumber(name, String(value)) : String(value);
  }
  const settings = values['set'];
  for (const setting of Array.isArray(settings) ? settings.map(String) : []) {
    const at = setting.indexOf('=');
    if (at < 1) throw usageError(`--set "${setting}" is no key=value`);
    const name = setting.slice(0, at);
    given[name] = toValue(
      name,
      setting.slice(at + 1),
      Object.hasOwn(block.options, name) ? block.options[name] : undefined,
    );
  }
  return given;
}

function toValue(name: string, text: string, definition: OptionDefinition | undefined): OptionValue {
  if (text === definition?.default) return text;
  if (definition?.type === 'number') return toNumber(name, text);
  if (definition?.type !== 'boolean') return text;
  if (text === 'true' || text === 'false') return text === 'true';
  throw usageError(`--set ${name}="${text}" is neither true nor false`);
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
