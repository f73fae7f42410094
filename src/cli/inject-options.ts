import { type Command, Option } from 'commander';
import type { BlockDefinition } from '../blocks/block.ts';
import { INIT_NAMES, initHelp } from '../blocks/initializers.ts';
import { BLOCK_PRESETS, blockPresetNamed } from '../blocks/presets.ts';
import { BLOCKS } from '../blocks/registry.ts';
import type { SiteOptions } from '../sites/find-sites.ts';
import { PLACEMENTS, type Placement } from '../sites/index.ts';
import { type GivenWeights, INJECT_DEFAULTS, type InjectOptions } from '../splice/index.ts';
import { addBlockOptions, givenBlockOptions, toBlock, toKebab, toNumber } from './block-options.ts';
import { usageError } from './failure.ts';
import { KIND_NAMES, toKinds } from './kinds.ts';

/** How much a command says. */
export type Volume = 'quiet' | 'normal' | 'verbose';

/** Whether a result is verified: where it can be, not at all, or without fail. */
export type VerifyMode = 'auto' | 'off' | 'require';

/** Adds the options that choose a block, its places and its start. */
export function addPlanOptions(command: Command): void {
  command
    .option(
      '--block <name>',
      `the block: one of ${BLOCKS.map(({ name }) => name).join(', ')}, or a module of your own as ./my-block.mjs (default: ${INJECT_DEFAULTS.block})`,
    )
    .addOption(
      new Option(
        '--preset <name>',
        'block, options and placement as a network family has them; what is given besides goes before',
      ).choices(Object.keys(BLOCK_PRESETS)),
    )
    .option(
      '--init <name>',
      `how its weights start: ${INIT_NAMES.join(', ')} (default: ${INJECT_DEFAULTS.init})`,
    )
    .option('--seed <n>', `seed of what is random (default: ${INJECT_DEFAULTS.seed})`)
    .option(
      '--include <pattern>',
      'only these sites, by id or tapped value, with * and ?; may be repeated, or a list with commas',
      collect,
    )
    .option('--exclude <pattern>', 'not these sites, likewise', collect)
    .option(
      '--kinds <list>',
      `families of blocks to look for: auto (what suits the network), all, or some of ${KIND_NAMES.join(', ')} (default: auto)`,
      collect,
    )
    .addOption(
      new Option(
        '--placement <name>',
        `where in its block: at the end of the branch, before the branch, behind the sum, on the skip, or behind the 3x3 convolution inside (default: ${INJECT_DEFAULTS.placement})`,
      ).choices([...PLACEMENTS]),
    )
    .option('--stages <list>', 'only these stages, as 2-4 or 2,4 (default: all)', collect)
    .option('--skip-last-stage', 'not the last stage: it costs most and gives least')
    .option(
      '--max-added-params <n>',
      'the parameters that may be added at most, or their share as 4%: the sites of the last stage go first',
    );
  addBlockOptions(command);
}

/** What is looked for, and what is done there. */
export interface LookOptions extends Required<Omit<InjectOptions, 'weights'>> {
  /** Weights that were read, where any are given. */
  readonly weights?: GivenWeights;
  readonly block: BlockDefinition;
  readonly kinds: NonNullable<SiteOptions['kinds']>;
}

/** The options of {@link addPlanOptions} as the library takes them. */
export async function toLookOptions(values: Readonly<Record<string, unknown>>): Promise<LookOptions> {
  const seed = values['seed'];
  const preset = values['preset'] === undefined ? undefined : blockPresetNamed(String(values['preset']));
  const block = await toBlock(text(values['block']) ?? preset?.block ?? String(INJECT_DEFAULTS.block));
  const init = text(values['init']) ?? INJECT_DEFAULTS.init;
  initHelp(init);
  return {
    block,
    init,
    seed: seed === undefined ? INJECT_DEFAULTS.seed : toSeed(String(seed)),
    include: patterns(values['include']),
    exclude: patterns(values['exclude']),
    placement: toPlacement(values['placement'] ?? preset?.placement),
    stages: patterns(values['stages']),
    skipLastStage: values['skipLastStage'] === true,
    maxAddedParams: text(values['maxAddedParams']),
    kinds: toKinds(patterns(values['kinds'])),
    blockOptions: givenBlockOptions(values, block),
  };
}

/** Throws where options that a plan has decided are given beside one; a block may be, for plans of a user's own. */
export async function refuseBesidePlan(options: LookOptions): Promise<void> {
  const defaults: Readonly<Record<string, unknown>> = { ...(await toLookOptions({})) };
  const given = Object.entries(options).find(
    ([name, value]) => name !== 'block' && JSON.stringify(value) !== JSON.stringify(defaults[name]),
  );
  if (given === undefined) return;
  const name = given[0] === 'blockOptions' ? (Object.keys(options.blockOptions)[0] ?? given[0]) : given[0];
  throw usageError(
    `--plan and --${toKebab(name)} do not go together: the plan says what is done, edit it there`,
  );
}

/** Adds what says how a command speaks. */
export function addVolumeOptions(command: Command): void {
  command
    .option('--json', 'the report as JSON on stdout, alone')
    .option('--quiet', 'say nothing but errors')
    .option('--verbose', 'say everything: each site, what was turned down, causes of errors');
}

/** How much is to be said; throws for what cannot be said together. */
export function toVolume(values: Readonly<Record<string, unknown>>): Volume {
  const given = ['json', 'quiet', 'verbose'].filter((name) => values[name] === true);
  if (given.length > 1) throw usageError(`--${given[0]} and --${given[1]} do not go together: leave one out`);
  return values['quiet'] === true ? 'quiet' : values['verbose'] === true ? 'verbose' : 'normal';
}

/** An option that may be repeated, and takes a list with commas. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',').filter((part) => part !== '')];
}

/** What {@link collect} has collected. */
export function patterns(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function toPlacement(value: unknown): Placement {
  return PLACEMENTS.find((placement) => placement === value) ?? INJECT_DEFAULTS.placement;
}

function toSeed(value: string): number {
  const seed = toNumber('seed', value);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw usageError(`--seed "${value}" is no whole number from 0 on`);
}
