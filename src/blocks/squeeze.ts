import { DataType } from '../onnx/data-type.ts';
import { BLOCK_INPUT, type BlockSite, type OptionDefinition, type ResolvedOptions } from './block.ts';
import { addPooling, addWide, type Draft } from './layers.ts';
import { add, apply, reduce, type Tracked } from './tracked.ts';

/** What a map is squeezed to: the paper's table 11, timm's `add_maxpool`, and the NoSqueeze of table 16. */
export const SQUEEZES: readonly string[] = ['avg', 'max', 'avg+max', 'none'];

/** The option of the squeeze, where a block has a choice of it. */
export const SQUEEZE_OPTION: OptionDefinition = {
  type: 'choice',
  default: 'avg',
  choices: SQUEEZES,
  help: 'what a channel is squeezed to: average, maximum, half of both, or not at all (a gate for each position)',
};

/** The option of the type that sums over a map are taken in. */
export const SQUEEZE_TYPE_OPTION: OptionDefinition = {
  type: 'choice',
  default: 'float32',
  choices: ['float32', 'same'],
  help: 'in float16, pool in float32 between Casts, or in float16, where large maps overflow',
};

/** Decides the type of the squeeze: float32 is a choice in float16 alone. */
export function resolveSqueezeType(options: ResolvedOptions, site: BlockSite): string {
  return site.dataType === DataType.FLOAT16 ? String(options['squeezeType']) : 'same';
}

/** Whether the squeeze is in float32 between Casts. */
export function isWide(options: ResolvedOptions): boolean {
  return options['squeezeType'] === 'float32';
}

/** Adds the squeeze as node `squeeze`, and gives the value that the excitation reads. */
export function addSqueeze(draft: Draft, options: ResolvedOptions, kind = 'avg'): string {
  if (kind === 'none') return BLOCK_INPUT;
  const inner = kind === 'avg' ? 'squeeze_mean' : 'squeeze_wide';
  return addWide(
    draft,
    'squeeze',
    [BLOCK_INPUT],
    isWide(options),
    (name, [x = BLOCK_INPUT], dataType) => {
      if (kind !== 'avg+max') {
        addPooling(draft, name, x, kind === 'max' ? 'max' : 'avg');
        return;
      }
      const both = [addPooling(draft, 'squeeze_avg', x, 'avg'), addPooling(draft, 'squeeze_max', x, 'max')];
      draft.node('squeeze_sum', 'Add', both);
      draft.node(name, 'Mul', ['squeeze_sum', draft.constant('squeeze.half', 0.5, dataType)]);
    },
    inner,
  );
}

/** The squeeze in float64. */
export function squeezed(x: Tracked, kind = 'avg'): Tracked {
  if (kind === 'none') return x;
  if (kind === 'max') return reduce(x, 'max', 'positions');
  const mean = reduce(x, 'mean', 'positions');
  if (kind !== 'avg+max') return mean;
  return apply(add(mean, reduce(x, 'max', 'positions')), { of: (sum) => sum / 2, slope: 0.5, relative: 1 });
}
