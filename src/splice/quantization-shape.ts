import type { SiteQuantization } from '../sites/site.ts';
import { isCount, isString, type Shape } from './shape.ts';

/** What a {@link SiteQuantization} is in a record or a plan, which are untrusted. */
export const QUANTIZATION: Shape<SiteQuantization> = {
  tapped: (value) => value === 'integers' || value === 'dequantized',
  dataType: isCount,
  scale: (value) => isString(value) && value !== '',
  zeroPoint: isString,
  domain: (value) => value === '' || value === 'com.microsoft',
};
