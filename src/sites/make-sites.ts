import { stageOf } from '../graph/strides.ts';
import type { ValueId } from '../graph/view.ts';
import { DataType, type DataTypeNumber, dataTypeName } from '../onnx/data-type.ts';
import { type Block, reject } from './block.ts';
import { writtenPlace } from './condense.ts';
import { impliedShape } from './implied-shape.ts';
import { behindQuantizer, quantizationOf } from './quantization.ts';
import { channelAxisOf, channelsOf, type Reading, stepBehind, typeOf } from './reading.ts';
import type { Rejection, Site } from './site.ts';

/** Makes sites of the blocks that can take attention, numbered by stage in the order of the graph. */
export function makeSites(
  reading: Reading,
  blocks: readonly Block[],
  isSelected: (block: Block) => boolean,
): { readonly sites: readonly Site[]; readonly rejections: readonly Rejection[] } {
  const sites: Site[] = [];
  const rejections: Rejection[] = [];
  const counts = new Map<number, number>();
  /** The id of the next site of a stage. */
  const idOf = (stage: number): string => {
    const n = (counts.get(stage) ?? 0) + 1;
    counts.set(stage, n);
    return `${stage}_${n}`;
  };
  const inOrder = blocks.toSorted((a, b) => (reading.place[a.reader] ?? 0) - (reading.place[b.reader] ?? 0));
  for (const block of inOrder) {
    const made = makeSite(reading, block, isSelected, idOf);
    if ('reason' in made) rejections.push(made);
    else sites.push(made);
  }
  return { sites, rejections };
}

function makeSite(
  reading: Reading,
  block: Block,
  isSelected: (block: Block) => boolean,
  idOf: (stage: number) => string,
): Site | Rejection {
  const no = (reason: Rejection['reason'], detail: string): Rejection =>
    reject(reading, block.anchor, reason, detail);
  if (block.gate !== undefined)
    return no('has-gate', 'the block has a channel gate already: a second one is not added');
  if (!isSelected(block))
    return no('not-selected', `is of the kind "${block.kind}", which was not asked for`);
  if (isBlocked(reading, block.value)) {
    return no(
      'blocked-layout',
      "its features are in onnxruntime's blocked layout, which has no channel axis: export without the layout optimization",
    );
  }
  const { written } = reading;
  const place = writtenPlace(reading, block);
  if (place === undefined)
    return no(
      'merges-branches',
      'its features go to others under the same name: they cannot be scaled for the block alone',
    );
  const { value, uses } = behindQuantizer(written, place);
  const dataType = dataTypeOf(reading, value, block.value);
  const quantization = quantizationOf(written, reading.types, { value, uses }, dataType);
  if (typeof quantization === 'string')
    return no('integer-arithmetic', `${quantization}: a gate needs floating point`);
  if (dataType === DataType.UNDEFINED || FLOAT8.test(dataTypeName(dataType))) {
    return no(
      'unsupported-data-type',
      `a gate cannot be computed in the element type of its features (${dataTypeName(dataType)})`,
    );
  }
  // What only hands a value on keeps its shape.
  const shape =
    typeOf(reading, value)?.shape ?? typeOf(reading, block.value)?.shape ?? impliedShape(reading, block);
  if (shape === undefined) return no('unknown-rank', 'the number of axes of its features cannot be told');
  if (shape.length < 3 || shape.length > 5)
    return no('unknown-rank', `its features have ${shape.length} axes: a map has 3 to 5`);
  const channelAxis = channelAxisOf(reading, block.value);
  const channels = shape[channelAxis];
  if (typeof channels !== 'number')
    return no('unknown-channels', 'the number of channels of its features cannot be told');
  const sizes = shape.filter((_, axis) => axis !== 0 && axis !== channelAxis);
  const known = sizes.filter((size) => typeof size === 'number');
  const stride = reading.strides.get(block.value) ?? 1;
  const stage = stageOf(stride);
  return {
    id: idOf(stage),
    kind: block.kind,
    variant: block.variant,
    value,
    uses,
    channels,
    channelAxis,
    rank: shape.length,
    dataType,
    stride,
    stage,
    spatial: known.length === sizes.length ? known : null,
    node: block.reader,
    nodes: block.nodes,
    block: block.around,
    inputChannels: channelsOf(reading, block.around.input),
    outputChannels: channelsOf(reading, block.around.output),
    ...(quantization === undefined ? {} : { quantization }),
  };
}

/** Eight bits and fewer of floating point hold weights, not gates. */
const FLOAT8 = /^FLOAT[48]E/;

/** The element type of a value; where an operator of another domain hides it, that of what it was computed from. */
function dataTypeOf(reading: Reading, value: ValueId, origin: ValueId): DataTypeNumber {
  const own = typeOf(reading, value)?.dataType ?? DataType.UNDEFINED;
  if (own !== DataType.UNDEFINED) return own;
  let at: ValueId | undefined = origin;
  for (let passed = 0; passed < 16 && at !== undefined; passed += 1) {
    const dataType = typeOf(reading, at)?.dataType ?? DataType.UNDEFINED;
    if (dataType !== DataType.UNDEFINED) return dataType;
    at = stepBehind(reading, at)?.inputs[0];
  }
  return DataType.UNDEFINED;
}

/** Whether a value was written by onnxruntime's blocked convolutions, looking through what keeps the layout. */
function isBlocked(reading: Reading, value: ValueId): boolean {
  let at = value;
  for (let passed = 0; passed < 16; passed += 1) {
    const step = stepBehind(reading, at);
    if (step === undefined) return false;
    if (step.convolution !== undefined) return step.convolution.blocked;
    if (step.role === 'layout' || step.role === 'transpose') return false;
    at = step.inputs[0] ?? '';
  }
  return false;
}
