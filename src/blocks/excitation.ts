import type { BlockSite, ResolvedOptions } from './block.ts';
import { ACTIVATION_CURVES, IDENTITY } from './curves.ts';
import { addActivation } from './functions.ts';
import { addDense, type Draft } from './layers.ts';
import { addNormalization, normalizationParameters, normalized } from './normalization.ts';
import { isWide } from './squeeze.ts';
import { apply, dense, type Tracked } from './tracked.ts';

/** What an excitation is told by the options of its block. */
function settings(options: ResolvedOptions): {
  readonly reduced: number;
  readonly bias: boolean;
  readonly activation: string;
  readonly kind: string;
} {
  return {
    reduced: Number(options['reducedChannels']),
    bias: options['bias'] !== false,
    activation: String(options['activation']),
    kind: String(options['normalization'] ?? 'none'),
  };
}

/** Adds reduce, normalization, activation and expand: the two layers between squeeze and gate. */
export function addExcitation(draft: Draft, input: string, options: ResolvedOptions): string {
  const { channels } = draft.site;
  const { reduced, bias, activation, kind } = settings(options);
  addDense(draft, 'reduce', input, { inputs: channels, outputs: reduced, bias });
  const hidden = addNormalization(draft, 'norm', 'reduce', reduced, { kind, wide: isWide(options) });
  addActivation(draft, 'act', hidden, activation);
  return addDense(draft, 'expand', 'act', { inputs: reduced, outputs: channels, bias });
}

/** The same in float64, with the hidden units. */
export function excited(
  x: Tracked,
  weights: ReadonlyMap<string, Float64Array>,
  site: BlockSite,
  options: ResolvedOptions,
): { readonly hidden: Tracked; readonly expanded: Tracked } {
  const { reduced, activation, kind } = settings(options);
  const normal = normalized(dense(x, weights, 'reduce', reduced, site), weights, 'norm', kind);
  const hidden = apply(normal, ACTIVATION_CURVES[activation] ?? IDENTITY);
  return { hidden, expanded: dense(hidden, weights, 'expand', site.channels, site) };
}

/** Weights and biases of an excitation: 2 R C, and R + C where there are biases. */
export function excitationParameters(site: BlockSite, options: ResolvedOptions): number {
  const { reduced, bias, kind } = settings(options);
  const { channels } = site;
  const biases = bias ? reduced + channels : 0;
  return 2 * reduced * channels + biases + normalizationParameters(kind, reduced);
}

/** Multiply-accumulates of an excitation for one position: 2 R C. */
export function excitationMacs(site: BlockSite, options: ResolvedOptions): number {
  return 2 * settings(options).reduced * site.channels;
}
