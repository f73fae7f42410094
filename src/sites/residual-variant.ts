import { kernelSize } from './convolution.ts';
import type { Reading } from './reading.ts';
import type { Branch } from './region.ts';

/** Names the form of a residual branch as the literature does, or `general`. */
export function residualVariant(reading: Reading, { steps, sources }: Branch): string {
  const main = [...steps].filter(({ convolution }) => convolution !== undefined);
  const first = [...steps].filter(({ inputs }) => inputs.some((value) => sources.has(value)));
  const preactivated =
    first.length > 0 && first.every(({ role }) => role === 'norm' || role === 'activation');
  if (preactivated && main.some(({ convolution }) => convolution?.form === 'conv')) return 'preactivation';
  const sizes = main
    .sort((a, b) => (reading.place[a.node] ?? 0) - (reading.place[b.node] ?? 0))
    .map(({ convolution }) => (convolution === undefined || kernelSize(convolution) === 1 ? 1 : 3));
  const depthwise = main.some(({ convolution }) => convolution?.depthwise === true);
  if (depthwise) return 'separable';
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
