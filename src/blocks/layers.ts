import { SeInjectError } from '../errors.ts';
import { DataType, type DataTypeNumber, dataTypeName, isFloating } from '../onnx/data-type.ts';
import type { AttributeValue } from '../onnx/encode.ts';
import type { ResolvedOptions, WeightSpec } from './block.ts';
import { BLOCK_INPUT, type BlockDefinition, type BlockSite, type NodeSpec } from './block.ts';

/** A block while it is put together: its nodes, and the weights that they read, by the names within the block. */
export class Draft {
  /** The place that it is for. */
  readonly site: BlockSite;
  /** The nodes so far, sorted. */
  readonly nodes: NodeSpec[] = [];
  readonly #weights: WeightSpec[] = [];
  readonly #constants = new Map<string, WeightSpec>();
  readonly #axes = new Map<string, WeightSpec>();

  constructor(site: BlockSite) {
    this.site = site;
  }

  /** The weights so far: what is trained first, constants behind it, axes last. */
  get weights(): readonly WeightSpec[] {
    return [...this.#weights, ...this.#constants.values(), ...this.#axes.values()];
  }

  /** Adds a node and gives its name. */
  node(
    name: string,
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): string {
    this.nodes.push({ name, opType, inputs, ...(attributes === undefined ? {} : { attributes }) });
    return name;
  }

  /** Adds a weight, once for each name, and gives its name. */
  weight(weight: WeightSpec): string {
    if (!this.#weights.some(({ name }) => name === weight.name)) this.#weights.push(weight);
    return weight.name;
  }

  /** Adds a number that is no weight, once for each name, and gives its name. */
  constant(name: string, value: number, dataType?: DataTypeNumber): string {
    const type = dataType === undefined || dataType === this.site.dataType ? {} : { dataType };
    this.#constants.set(name, { name, dims: [], role: 'constant', value: [value], ...type, ...NO_FANS });
    return name;
  }

  /** Adds a list of axes, once for each name, and gives its name. */
  axes(name: string, value: readonly number[]): string {
    const dims = [value.length];
    const dataType = DataType.INT64;
    this.#axes.set(name, { name, dims, role: 'constant', value, dataType, ...NO_FANS });
    return name;
  }
}

const NO_FANS = { fanIn: 1, fanOut: 1 };

/** The two functions of a block that follow from how it is put together. */
export function drafted(
  assemble: (draft: Draft, options: ResolvedOptions) => void,
): Pick<BlockDefinition, 'weights' | 'build'> {
  const draw = (site: BlockSite, options: ResolvedOptions): Draft => {
    const draft = new Draft(site);
    assemble(draft, options);
    return draft;
  };
  return {
    weights: (site, options) => draw(site, options).weights,
    build: (site, options) => draw(site, options).nodes,
  };
}

/** A fully connected layer. */
export interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** Name of its node, where that is not the layer's: a layer that is passed twice has its weights once. */
  readonly node?: string;
}

/** Adds a fully connected layer over the channels: a 1x1 convolution, or a product where channels are last. */
export function addDense(draft: Draft, name: string, input: string, layer: DenseLayer): string {
  const { site } = draft;
  const { inputs, outputs, node = name } = layer;
  const fans = { fanIn: inputs, fanOut: outputs };
  const last = isChannelsLast(site);
  const dims = last ? [inputs, outputs] : [outputs, inputs, ...ones(site)];
  const weight = draft.weight({
    name: `${name}.weight`,
    dims,
    role: 'weight',
    transposed: last,
    ...fans,
  });
  const bias = layer.bias
    ? [draft.weight({ name: `${name}.bias`, dims: [outputs], role: 'bias', ...fans })]
    : [];
  if (!last) {
    const attributes = { kernel_shape: { ints: ones(site) } };
    return draft.node(node, 'Conv', [input, weight, ...bias], attributes);
  }
  if (!layer.bias) return draft.node(node, 'MatMul', [input, weight]);
  const product = draft.node(`${node}_product`, 'MatMul', [input, weight]);
  return draft.node(node, 'Add', [product, ...bias]);
}

/** Adds a weight of one number for each channel, in a shape that broadcasts over the features. */
export function addPerChannel(
  draft: Draft,
  name: string,
  channels: number,
  weight: Pick<WeightSpec, 'role' | 'start'> & { readonly fan?: number },
): string {
  const { fan = 1, ...rest } = weight;
  const dims = isChannelsLast(draft.site) ? [channels] : [channels, ...ones(draft.site)];
  return draft.weight({ name, dims, fanIn: fan, fanOut: fan, ...rest });
}

/** Adds a reduction that keeps its axes with size 1; from some opset on, the axes are an input. */
export function addReduction(
  draft: Draft,
  name: string,
  opType: 'ReduceMean' | 'ReduceMax' | 'ReduceSum' | 'ReduceSumSquare',
  input: string,
  over: { readonly name: string; readonly axes: readonly number[] },
): string {
  const keepdims = { keepdims: { int: 1 } };
  const since = opType === 'ReduceSum' ? 13 : 18;
  if (draft.site.opset >= since) {
    return draft.node(name, opType, [input, draft.axes(`${over.name}.axes`, over.axes)], keepdims);
  }
  return draft.node(name, opType, [input], { axes: { ints: over.axes }, ...keepdims });
}

/** Adds the average or the maximum over all positions. */
export function addPooling(draft: Draft, name: string, input: string, kind: 'avg' | 'max'): string {
  if (!isChannelsLast(draft.site)) {
    return draft.node(name, kind === 'avg' ? 'GlobalAveragePool' : 'GlobalMaxPool', [input]);
  }
  return addReduction(
    draft,
    name,
    kind === 'avg' ? 'ReduceMean' : 'ReduceMax',
    input,
    positionsOf(draft.site),
  );
}

/**
 * Adds nodes that compute in float32 between Casts where the features are of a type of 16 bits and `wide` is wanted:
 * sums over a map pass what float16 holds.
 */
export function addWide(
  draft: Draft,
  name: string,
  inputs: readonly string[],
  wide: boolean,
  body: (name: string, inputs: readonly string[], dataType: DataTypeNumber) => void,
  inner = `${name}_wide`,
): string {
  const { dataType } = draft.site;
  if (!wide) {
    body(name, inputs, dataType);
    return name;
  }
  const cast = (output: string, input: string, to: DataTypeNumber): string =>
    draft.node(output, 'Cast', [input], { to: { int: to } });
  const floats = inputs.map((input) =>
    cast(input === BLOCK_INPUT ? `${name}_float` : `${name}_${input}_float`, input, DataType.FLOAT),
  );
  body(inner, floats, DataType.FLOAT);
  return cast(name, inner, dataType);
}

/** The axes of the positions. */
export function positionsOf(site: BlockSite): { readonly name: string; readonly axes: readonly number[] } {
  const first = isChannelsLast(site) ? 1 : 2;
  return { name: 'squeeze', axes: Array.from({ length: site.rank - 2 }, (_, axis) => axis + first) };
}

/** The axis of the channels. */
export function channelsOf(site: BlockSite): { readonly name: string; readonly axes: readonly number[] } {
  return { name: 'channels', axes: [site.channelAxis] };
}

/** Whether channels are the last axis. */
export function isChannelsLast(site: BlockSite): boolean {
  return site.channelAxis === site.rank - 1;
}

/** 1 for each spatial axis. */
export function ones(site: BlockSite): number[] {
  return Array.from({ length: site.rank - 2 }, () => 1);
}

/** How many positions a map has, where its sizes are known. */
export function positionCount(site: BlockSite): number | undefined {
  return site.spatial?.reduce((product, size) => product * size, 1);
}

/** Throws for features and opsets that no block works with, and below the opset that `operator` needs. */
export function refuseUnsupported(site: BlockSite, needed = 7, operator = ''): void {
  const { dataType, opset } = site;
  if (!isFloating(dataType)) {
    throw new SeInjectError(
      'blocks/unsupported-data-type',
      `features of type ${dataTypeName(dataType)} cannot be scaled by a gate: the block needs a float type`,
      { details: { dataType } },
    );
  }
  if (opset < 7) {
    throw unsupportedOpset(site, 7, 'where Mul does not broadcast as the scale needs');
  }
  if (dataType === DataType.BFLOAT16 && opset < 22) {
    throw unsupportedOpset(site, 22, 'where convolution and pooling have no BFLOAT16');
  }
  if (opset < needed) throw unsupportedOpset(site, needed, `which has no ${operator}`);
}

function unsupportedOpset({ opset, dataType }: BlockSite, needed: number, why: string): SeInjectError {
  return new SeInjectError(
    'blocks/unsupported-opset',
    `the model imports opset ${opset}, ${why}: convert it to opset ${needed} or newer first`,
    { details: { opset, needed, ...(dataType === DataType.BFLOAT16 ? { dataType } : {}) } },
  );
}
