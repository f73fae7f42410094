import type { BlockDefinition, Features } from '../blocks/block.ts';
import type { RecordedSite } from '../splice/index.ts';
import { equalBytes } from '../wire/bytes.ts';
import { type FloatFormat, floatFormat, toFloat64, toNumbers } from './numbers.ts';
import type { RuntimeTensor } from './runtime.ts';
import type { BlockWeights } from './weights.ts';

/** ONNX attributes are float32: the 1/6 of a hard sigmoid is off by this much whatever the features are. */
const ATTRIBUTE_ROUNDOFF = 2 ** -24;

/** What came of comparing the scaled features. */
type Comparison = Pick<OracleResult, 'maxRel' | 'comparable'>;

/** That of features of another number. */
const UNLIKE: Comparison = { maxRel: Number.POSITIVE_INFINITY, comparable: true };

/** Roundings that a block without bounds of its own may lose beside one for each channel and position. */
const GENERIC_ROUNDINGS = 64;

/** What a runtime gave for one block. */
export interface BlockRun {
  readonly tapped: RuntimeTensor;
  readonly gate: RuntimeTensor;
  readonly scaled: RuntimeTensor;
  readonly weights: BlockWeights;
}

/** One block of one run against its float64 reference. */
export interface OracleResult {
  /** Largest distance of the gate from the reference. */
  readonly maxAbs: number;
  /** Largest distance of gate or scaled value, in parts of the bound. */
  readonly maxRel: number;
  readonly gateMin: number;
  readonly gateMean: number;
  readonly gateMax: number;
  readonly squeezeMaxAbs: number;
  /** Largest magnitude that a sum over all positions of a channel reaches: what a pooling in float16 must hold. */
  readonly sumMaxAbs: number;
  readonly deadUnits: number;
  /** Whether features and squeeze are finite throughout. */
  readonly finite: boolean;
  /** Whether all could be compared: what overflows its type, or is nothing but rounding, could not. */
  readonly comparable: boolean;
}

/**
 * Question 3: does the block compute what it should?
 *
 * The features that the runtime gave are put through the block's float64 reference, with the weights that it was fed and
 * the *declared* options. The gate may differ from the reference by the reference's own forward error bound (each sum of
 * n terms may lose n roundings, and so may each that it feeds), the scaled value by that times the feature and two
 * roundings more. Gives nothing where the block has no reference or the type cannot be read.
 */
export function checkBlock(
  block: BlockDefinition,
  recorded: RecordedSite,
  run: BlockRun,
): OracleResult | undefined {
  const data = features64(run.tapped);
  const gate = toFloat64(run.gate);
  const scaled = toNumbers(run.scaled);
  const own = floatFormat(run.tapped.dataType);
  if (block.reference === undefined || data === undefined || gate === undefined || scaled === undefined)
    return undefined;
  if (own === undefined) return undefined;
  const format = { ...own, unitRoundoff: Math.max(own.unitRoundoff, ATTRIBUTE_ROUNDOFF) };
  const features = { data, dims: run.tapped.dims };
  const reference = block.reference(features, run.weights, recorded.site, recorded.options);
  const gateBound = reference.gateBound ?? genericBound(reference.gate, features, recorded);
  const { comparable, ...gateCheck } = compareGate(gate, reference.gate, gateBound, format);
  const scaledCheck =
    reference.scaled === undefined
      ? compareScaled(data, scaled, reference.gate, gateBound, recorded, run.tapped.dims, format)
      : compareOwn(data, scaled, reference.scaled, reference.scaledBound, gateBound, format);
  const positions = data.length / Math.max(1, reference.squeeze.length);
  const squeezeMaxAbs = reference.squeeze.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return {
    ...gateCheck,
    maxRel: Math.max(gateCheck.maxRel, scaledCheck.maxRel),
    squeezeMaxAbs,
    sumMaxAbs: squeezeMaxAbs * positions,
    deadUnits: countDead(reference.hidden, run.tapped.dims[0] ?? 1),
    finite: reference.squeeze.every(Number.isFinite),
    comparable: comparable && scaledCheck.comparable,
  };
}

/** Where features are widened: maps of the same size follow each other, and each of them would be memory of its own. */
let widened = new Float64Array(0);

/** The features in float64, until those of the next block are asked for. */
function features64(tensor: RuntimeTensor): Float64Array | undefined {
  if (tensor.dataType !== 'float32') return toFloat64(tensor);
  const { length } = tensor.data;
  if (widened.length < length) widened = new Float64Array(length);
  const own = widened.subarray(0, length);
  own.set(tensor.data);
  return own;
}

/** What `ReferenceResult.gateBound` says of blocks that have none. */
function genericBound(
  gate: Float64Array,
  { data, dims }: Features,
  { site: { channels } }: RecordedSite,
): Float64Array {
  const positions = data.length / Math.max(1, channels * (dims[0] ?? 1));
  const largest = gate.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return new Float64Array(gate.length).fill((positions + channels + GENERIC_ROUNDINGS) * largest);
}

function compareGate(
  gate: Float64Array,
  expected: Float64Array,
  gateBound: Float64Array,
  format: FloatFormat,
): Pick<OracleResult, 'maxAbs' | 'maxRel' | 'gateMin' | 'gateMean' | 'gateMax' | 'comparable'> {
  let comparable = true;
  let maxAbs = 0;
  let maxRel = gate.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  let gateMin = Number.POSITIVE_INFINITY;
  let gateMax = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (let index = 0; index < gate.length; index += 1) {
    const value = gate[index]!;
    const wanted = expected[index] ?? Number.NaN;
    const error = distance(value, wanted);
    const bound = (gateBound[index] ?? 0) * format.unitRoundoff + format.minNormal;
    if (error > 0 && isLost(wanted, bound, format)) comparable = false;
    else {
      maxAbs = Math.max(maxAbs, error);
      if (error > 0) maxRel = worse(maxRel, error / bound);
    }
    gateMin = Math.min(gateMin, value);
    gateMax = Math.max(gateMax, value);
    sum += value;
  }
  return { maxAbs, maxRel, gateMin, gateMax, gateMean: sum / Math.max(1, gate.length), comparable };
}

function compareScaled(
  features: Float64Array,
  scaled: ArrayLike<number>,
  expected: Float64Array,
  gateBound: Float64Array,
  { site }: RecordedSite,
  dims: readonly number[],
  format: FloatFormat,
): Comparison {
  if (scaled.length !== features.length) return UNLIKE;
  const { unitRoundoff, minNormal } = format;
  let comparable = true;
  // Elements behind the channel axis share a gate; a gate of the features' own size has one for each.
  const own = expected.length === features.length;
  const inner = own ? 1 : dims.slice(site.channelAxis + 1).reduce((product, dim) => product * dim, 1);
  const perSample = features.length / Math.max(1, dims[0] ?? 1);
  let worst = 0;
  for (let first = 0; first < features.length; first += inner) {
    const at = own
      ? first
      : Math.floor(first / perSample) * site.channels + ((first / inner) % site.channels);
    const gate = expected[at] ?? Number.NaN;
    const relative = ((gateBound[at] ?? 0) + 2 * Math.abs(gate)) * unitRoundoff;
    for (let index = first; index < first + inner; index += 1) {
      const x = features[index]!;
      // No division for what is no worse than what was seen; what is no number goes on.
      const bound = Math.abs(x) * relative + minNormal;
      if (Math.abs(scaled[index]! - x * gate) <= worst * bound) continue;
      const error = distance(scaled[index]!, x * gate);
      if (error === 0) continue;
      if (isLost(x * gate, bound, format)) comparable = false;
      else worst = worse(worst, error / bound);
    }
  }
  return { maxRel: worst, comparable };
}

/** The scaled value against a reference of its own, for blocks that do more than multiply by one gate. */
function compareOwn(
  features: Float64Array,
  scaled: ArrayLike<number>,
  expected: Float64Array,
  given: Float64Array | undefined,
  gateBound: Float64Array,
  format: FloatFormat,
): Comparison {
  if (scaled.length !== features.length || expected.length !== features.length) return UNLIKE;
  const { unitRoundoff, minNormal } = format;
  let comparable = true;
  const generic = gateBound.reduce((most, value) => Math.max(most, value), 0);
  let worst = 0;
  for (let index = 0; index < features.length; index += 1) {
    const value = expected[index] ?? Number.NaN;
    const error = distance(scaled[index] ?? Number.NaN, value);
    if (error === 0) continue;
    const roundings =
      given?.[index] ?? generic * Math.max(1, Math.abs(features[index] ?? 0)) + 2 * Math.abs(value);
    const bound = roundings * unitRoundoff + minNormal;
    if (isLost(value, bound, format)) comparable = false;
    else worst = worse(worst, error / bound);
  }
  return { maxRel: worst, comparable };
}

/** Whether a number is more than the type holds, or has no bound: what led to it was, or was nothing but rounding. */
function isLost(value: number, bound: number, { max }: FloatFormat): boolean {
  return !Number.isFinite(bound) || Math.abs(value) > max;
}

/** The larger of two: what is no number is the worst of all. */
function worse(a: number, b: number): number {
  return Number.isNaN(b) ? Number.POSITIVE_INFINITY : Math.max(a, b);
}

/** How far apart two numbers are; NaN on both sides, or the same infinity, is no distance. */
function distance(a: number, b: number): number {
  if (Object.is(a, b)) return 0;
  const difference = Math.abs(a - b);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}

function countDead(hidden: Float64Array, batch: number): number {
  const units = hidden.length / batch;
  let dead = 0;
  for (let unit = 0; unit < units; unit += 1) {
    let alive = false;
    for (let sample = 0; sample < batch; sample += 1) alive ||= (hidden[sample * units + unit] ?? 0) !== 0;
    if (!alive) dead += 1;
  }
  return dead;
}

/**
 * Whether the scaled value has the bits of the tapped one. Providers that take subnormal numbers for zero (GPUs may)
 * are allowed that.
 */
export function sameBits(tapped: RuntimeTensor, scaled: RuntimeTensor, flushesSubnormals: boolean): boolean {
  if (tapped.dataType !== scaled.dataType || tapped.dataType === 'string' || scaled.dataType === 'string')
    return false;
  if (equalBytes(bytesOf(tapped.data), bytesOf(scaled.data))) return true;
  if (tapped.data.length !== scaled.data.length) return false;
  const format = floatFormat(tapped.dataType);
  if (!flushesSubnormals || format === undefined) return false;
  const before = toFloat64(tapped);
  const after = toFloat64(scaled);
  if (before === undefined || after === undefined) return false;
  return before.every(
    (value, index) =>
      Object.is(value, after[index]) || (Math.abs(value) < format.minNormal && after[index] === 0),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
