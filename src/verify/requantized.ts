import { constantOf } from '../graph/constants.ts';
import type { GraphView } from '../graph/view.ts';
import { DataType } from '../onnx/data-type.ts';
import type { RecordedSite } from '../splice/index.ts';
import { toNumbers } from './numbers.ts';
import type { RuntimeTensors } from './runtime.ts';

/** A quantizer's numbers: one step in the features, and the integers that there are. */
export interface Quantizer {
  readonly tapped: 'integers' | 'dequantized';
  readonly step: number;
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

/** Scaled features before and after they are quantized again, by name. */
export interface Requantized {
  readonly gated: string;
  readonly scaled: string;
  readonly quantizer: Quantizer | undefined;
}

const RANGES: ReadonlyMap<number, readonly [low: number, high: number]> = new Map([
  [DataType.UINT8, [0, 255]],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT16, [0, 65_535]],
  [DataType.INT16, [-32_768, 32_767]],
]);

/** Roundings of float32 on the way from features to integers and back. */
const SLACK = 2 ** -20;

/** The quantizer of a recorded site, or nothing where there is none or its numbers are not constants of these types. */
export function quantizerOf(view: GraphView, { quantization }: RecordedSite): Quantizer | undefined {
  if (quantization === undefined) return undefined;
  const { tapped, dataType, scale, zeroPoint } = quantization;
  const step = constantOf(view, scale)?.numbers?.[0];
  const zero = zeroPoint === '' ? 0 : constantOf(view, zeroPoint)?.numbers?.[0];
  const range = RANGES.get(dataType);
  if (step === undefined || zero === undefined || range === undefined) return undefined;
  const [low, high] = range;
  return { tapped, step, zeroPoint: zero, low, high };
}

/**
 * How far the readers' values are from the scaled features, clipped to the quantizer's range, in parts of half a step:
 * 1 is what rounding to the nearest integer allows. 0 where nothing is quantized.
 */
export function requantizationError(
  { quantizer, gated, scaled }: Requantized,
  values: RuntimeTensors,
): number {
  if (quantizer === undefined) return 0;
  const given = values.get(scaled);
  const wanted = values.get(gated);
  const after = given && toNumbers(given);
  const before = wanted && toNumbers(wanted);
  if (after === undefined || before === undefined) return 0;
  if (after.length !== before.length) return Number.POSITIVE_INFINITY;
  const { tapped, step, zeroPoint, low, high } = quantizer;
  const least = (low - zeroPoint) * step;
  const most = (high - zeroPoint) * step;
  let worst = 0;
  for (let at = 0; at < before.length; at += 1) {
    const number = after[at]!;
    const feature = tapped === 'integers' ? (number - zeroPoint) * step : number;
    // NaN may become any integer, and is said by the block's own check.
    const distance = Math.abs(feature - Math.min(most, Math.max(least, before[at]!)));
    const allowed = step / 2 + Math.abs(feature) * SLACK;
    if (distance > worst * allowed) worst = distance / allowed;
  }
  return worst;
}
