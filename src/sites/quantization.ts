import type { ValueTypes } from '../graph/types.ts';
import { type GraphView, producerOf, type Use, usesOf, type ValueId } from '../graph/view.ts';
import { DataType, type DataTypeNumber, dataTypeName, isFloating } from '../onnx/data-type.ts';
import type { UsedValue } from './condense.ts';
import { LAYOUTS } from './operators.ts';
import type { SiteQuantization } from './site.ts';

const MICROSOFT = 'com.microsoft';

/** First versions of QuantizeLinear: for 8 bits, and for what `com.microsoft` has had before. */
const QUANTIZE_OPSET = 10;
const ALL_TYPES_OPSET = 21;

/** Nodes that hand quantized features on as they are. */
const CHAIN_LIMIT = 16;

/**
 * The place behind the quantizer, where a floating-point value goes there and nowhere else: only the integers are what
 * the network computes on. Where these are read back once, that is the place; where they are read by several, they are.
 */
export function behindQuantizer(view: GraphView, place: UsedValue): UsedValue {
  const integers = onlyReader(view, place.value, 'QuantizeLinear');
  if (integers === undefined || place.uses.length !== 1) return place;
  const value = onlyReader(view, integers, 'DequantizeLinear') ?? integers;
  return { value, uses: usesOf(view, value) };
}

/** What the only node that reads a value gives, where it is of a type and the value is its data. */
function onlyReader(view: GraphView, value: ValueId, opType: string): ValueId | undefined {
  const [use, ...more] = usesOf(view, value);
  if (use?.kind !== 'input' || use.input !== 0 || more.length > 0) return undefined;
  const proto = view.nodes[use.node];
  return proto?.opType === opType ? proto.output[0] : undefined;
}

/**
 * How the features of a value are quantized: nothing where they are not, and a sentence where they are in a way that
 * scaled features cannot be put back into.
 */
export function quantizationOf(
  view: GraphView,
  types: ValueTypes,
  { value, uses }: UsedValue,
  tappedType: DataTypeNumber,
): SiteQuantization | string | undefined {
  const producer = producerOf(view, value);
  const isFloat = tappedType === DataType.UNDEFINED || isFloating(tappedType);
  if (isFloat && producer?.opType !== 'DequantizeLinear') return undefined;
  const [integers = '', scale = '', zeroPoint = ''] = isFloat
    ? (producer?.input ?? [])
    : (scaledBehind(view, value) ?? scaledBefore(view, value, uses) ?? []);
  const dataType = isFloat ? (types.get(integers)?.dataType ?? DataType.UNDEFINED) : tappedType;
  if (scale === '') return `its features are ${dataTypeName(dataType)} without a scale that could be told`;
  if (types.get(scale)?.shape?.some((size) => size !== 1))
    return 'its features are quantized by more than one scale';
  const domain = isFloat ? (producer?.domain ?? '') : domainFor(view, dataType);
  if (domain === undefined)
    return `its features are ${dataTypeName(dataType)}, which QuantizeLinear has from opset ${ALL_TYPES_OPSET} on`;
  if (zeroPoint === '' && dataType !== DataType.UINT8 && (domain !== '' || view.opset < ALL_TYPES_OPSET))
    return `its features are ${dataTypeName(dataType)} without a zero point, which QuantizeLinear takes for UINT8`;
  return { tapped: isFloat ? 'dequantized' : 'integers', dataType, scale, zeroPoint, domain };
}

function domainFor({ model, opset }: GraphView, dataType: DataTypeNumber): string | undefined {
  const isByte = dataType === DataType.UINT8 || dataType === DataType.INT8;
  if (opset >= (isByte ? QUANTIZE_OPSET : ALL_TYPES_OPSET)) return '';
  return model.opsetImport.some(({ domain }) => domain === MICROSOFT) ? MICROSOFT : undefined;
}

/** A value with its scale and zero point. */
type Scaled = readonly [value: ValueId, scale: ValueId | undefined, zeroPoint: ValueId | undefined];

/** Scale and zero point by the node that gave the integers, past those that only move them. */
function scaledBehind(view: GraphView, value: ValueId): Scaled | undefined {
  let at = value;
  for (let passed = 0; passed < CHAIN_LIMIT; passed += 1) {
    const producer = producerOf(view, at);
    if (producer === undefined) return undefined;
    const scale = OUTPUT_SCALES[producer.opType];
    if (scale !== undefined) return [value, producer.input[scale], producer.input[scale + 1]];
    if (!MOVERS.has(producer.opType)) return undefined;
    at = producer.input[0] ?? '';
  }
  return undefined;
}

/** Scale and zero point by the first node that reads the integers as scaled ones. */
function scaledBefore(view: GraphView, value: ValueId, uses: readonly Use[]): Scaled | undefined {
  for (const use of uses) {
    const reader = use.kind === 'input' ? view.nodes[use.node] : undefined;
    const at = use.kind === 'input' ? INPUT_SCALES[reader?.opType ?? '']?.(use.input) : undefined;
    if (at !== undefined) return [value, reader?.input[at], reader?.input[at + 1]];
  }
  return undefined;
}

/** What gives integers of the scale that it reads. */
const MOVERS: ReadonlySet<string> = new Set([...LAYOUTS, 'Transpose', 'MaxPool', 'Identity']);

/** Index of the input that scales the output, the zero point behind it. */
const OUTPUT_SCALES: Readonly<Record<string, number | undefined>> = {
  QuantizeLinear: 1,
  QLinearConv: 6,
  QLinearMatMul: 6,
  QLinearAdd: 6,
  QLinearMul: 6,
  QLinearConcat: 0,
  QLinearAveragePool: 3,
  QLinearGlobalAveragePool: 3,
  QLinearReduceMean: 3,
  QLinearSigmoid: 3,
  QLinearLeakyRelu: 3,
};

const ofFirst = (input: number): number | undefined => (input === 0 ? 1 : undefined);
const ofEither = (input: number): number | undefined => (input === 0 || input === 3 ? input + 1 : undefined);

/** Index of the input that scales another one, the zero point behind it. */
const INPUT_SCALES: Readonly<Record<string, ((input: number) => number | undefined) | undefined>> = {
  DequantizeLinear: ofFirst,
  QLinearConv: ofFirst,
  QLinearMatMul: ofEither,
  QLinearAdd: ofEither,
  QLinearMul: ofEither,
  QLinearConcat: (input) => (input >= 2 && input % 3 === 2 ? input + 1 : undefined),
  QLinearAveragePool: ofFirst,
  QLinearGlobalAveragePool: ofFirst,
  QLinearReduceMean: ofFirst,
  QLinearSigmoid: ofFirst,
  QLinearLeakyRelu: ofFirst,
};
