import type { BlockSite, Features, ReferenceResult, ResolvedOptions } from './block.ts';
import { GATE_CURVES, IDENTITY } from './curves.ts';
import { excited } from './excitation.ts';
import { squeezed } from './squeeze.ts';
import { apply, multiply, readFeatures, toResult } from './tracked.ts';

/**
 * The SE block in float64, straight from the paper's equations 2 and 3 and the declared options.
 *
 * It reads nothing of the nodes that are built: what it checks must not be what it was made from.
 */
export function seReference(
  features: Features,
  weights: ReadonlyMap<string, Float64Array>,
  site: BlockSite,
  options: ResolvedOptions,
): ReferenceResult & { readonly gateBound: Float64Array } {
  const x = readFeatures(features, site);
  const kind = String(options['squeeze'] ?? 'avg');
  const squeeze = squeezed(x, kind);
  const { hidden, expanded } = excited(squeeze, weights, site, options);
  const gate = apply(expanded, GATE_CURVES[String(options['gate'])] ?? IDENTITY);
  // Without a squeeze there is a gate for every position, and no channel of which a hidden unit could be dead.
  return toResult(site, kind === 'none' ? { gate, scaled: multiply(x, gate) } : { squeeze, hidden, gate });
}
