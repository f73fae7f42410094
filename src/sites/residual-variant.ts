import { kernelSize } from './convolution.ts';
import type { Reading } from './reading.ts';
import type { Branch } from './region.ts';

/** The most convolutions of a form that has a name. */
const LONGEST_NAMED = 3;

/** Names the form of a residual branch as the literature does, or `general`. */
export function residualVariant(reading: Reading, { steps, sources }: Branch): string {
  const all = [...steps];
  const main = all.filter(({ convolution }) => convolution !== undefined);
  const first = all.filter(({ inputs }) => inputs.some((value) => sources.has(value)));
  const preactivated =
    first.length > 0 && first.every(({ role }) => role === 'norm' || role === 'activation');
  if (preactivated && main.some(({ convolution }) => convolution?.form === 'conv')) return 'preactivation';
  if (main.some(({ convolution }) => convolution?.depthwise === true)) return 'separable';
  if (main.length > LONGEST_NAMED) return 'general';
  const sizes = main
    .sort((a, b) => (reading.place[a.node] ?? 0) - (reading.place[b.node] ?? 0))
    .map(({ convolution }) => (convolution === undefined || kernelSize(convolution) === 1 ? 1 : 3));
  switch (sizes.join('')) {
    case '33':
      return 'basic';
    case '131':
      return 'bottleneck';
    case '31':
      return 'fused';
    default:
      return 'general';
  }
}
