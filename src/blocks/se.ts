import { SeInjectError } from '../errors.ts';
import { DataType, dataTypeName, isFloating } from '../onnx/data-type.ts';
import {
  BLOCK_INPUT,
  type BlockDefinition,
  type BlockSite,
  defineBlock,
  type NodeSpec,
  type ResolvedOptions,
  type WeightSpec,
} from './block.ts';
import { ACTIVATIONS, activationNodes, GATES, gateConstants, gateNodes } from './functions.ts';
import { NEUTRAL } from './initializers.ts';
import { invalid } from './options.ts';
import { REDUCTION_OPTIONS, resolveReduction } from './reduction.ts';
import { seReference } from './se-reference.ts';

/**
 * The Squeeze-and-Excitation block: global average pooling, reduce, activation, expand, gate, scale.
 *
 * The usual form is two 1x1 convolutions on the pooled map, which needs no Reshape and so works for any batch and any
 * spatial size; where channels are last it is ReduceMean and MatMul on that axis. (Hu et al. 2017, arXiv 1709.01507.)
 */
export const se: BlockDefinition = defineBlock({
  name: 'se',
  version: 1,
  description: 'Squeeze-and-Excitation (Hu et al. 2017)',
  options: {
    ...REDUCTION_OPTIONS,
    bias: {
      type: 'boolean',
      default: true,
      help: 'biases in the excitation (the paper found none better for ResNets)',
    },
    activation: {
      type: 'choice',
      default: 'relu',
      choices: ACTIVATIONS,
      help: 'activation between reduce and expand',
    },
    gate: {
      type: 'choice',
      default: 'auto',
      choices: GATES,
      help: 'the bounded function that gives the gate (default: 2*sigmoid with a neutral start, else the paper’s sigmoid)',
    },
    squeezeType: {
      type: 'choice',
      default: 'float32',
      choices: ['float32', 'same'],
      help: 'in float16, pool in float32 between Casts, or in float16, where large maps overflow',
    },
  },
  resolve(options, site, init) {
    refuseUnsupported(site);
    const neutral = init === NEUTRAL;
    const gate = options['gate'] === 'auto' ? (neutral ? '2*sigmoid' : 'sigmoid') : String(options['gate']);
    if (neutral && gate === 'sigmoid') {
      throw invalid(
        'gate',
        gate,
        'no trainable start of a plain sigmoid is neutral, a zero layer gives 0.5: use the gate "2*sigmoid", or a saturating bias with weights of your own',
      );
    }
    const squeezeType = site.dataType === DataType.FLOAT16 ? String(options['squeezeType']) : 'same';
    return { ...options, ...resolveReduction(options, site), gate, squeezeType };
  },
  weights(site, options) {
    const reduced = Number(options['reducedChannels']);
    const layers = [
      layer('reduce', site.channels, reduced, site),
      layer('expand', reduced, site.channels, site),
    ];
    const biased = options['bias'] === true;
    return [
      ...layers.flatMap(({ weight, bias }) => (biased ? [weight, bias] : [weight])),
      ...gateConstants(String(options['gate'])),
      ...axesConstant(site),
    ];
  },
  build(site, options) {
    const last = isChannelsLast(site);
    const dense = last ? matMulLayer : convLayer;
    const biased = options['bias'] === true;
    const squeeze = squeezeNodes(site, options);
    const act = activationNodes(String(options['activation']), 'reduce', 'act', site.opset);
    return [
      ...squeeze,
      ...dense('reduce', 'squeeze', biased, site),
      ...act,
      ...dense('expand', 'act', biased, site),
      ...gateNodes(String(options['gate']), 'expand', 'gate'),
      { name: 'scale', opType: 'Mul', inputs: [BLOCK_INPUT, 'gate'] },
    ];
  },
  cost(site, options) {
    const reduced = Number(options['reducedChannels']);
    const biases = options['bias'] === true ? reduced + site.channels : 0;
    const layers = 2 * reduced * site.channels;
    const positions = site.spatial?.reduce((product, size) => product * size, 1);
    // The scale multiplies every feature once; pooling only adds.
    const macs = positions === undefined ? null : layers + site.channels * positions;
    return { parameters: layers + biases, macs };
  },
  neutral(options) {
    const gate = options['gate'];
    if (gate === '2*sigmoid')
      return new Map([
        ['expand.weight', 0],
        ['expand.bias', 0],
      ]);
    // Where ReLU6(x + 3)/6 meets its upper corner; without a bias there is no way to get there.
    if (gate === 'hardsigmoid' && options['bias'] === true)
      return new Map([
        ['expand.weight', 0],
        ['expand.bias', 3],
      ]);
    return undefined;
  },
  reference: seReference,
});

function layer(
  name: string,
  inputs: number,
  outputs: number,
  site: BlockSite,
): { readonly weight: WeightSpec; readonly bias: WeightSpec } {
  const fans = { fanIn: inputs, fanOut: outputs };
  const last = isChannelsLast(site);
  const dims = last ? [inputs, outputs] : [outputs, inputs, ...ones(site)];
  return {
    weight: { name: `${name}.weight`, dims, role: 'weight', transposed: last, ...fans },
    bias: { name: `${name}.bias`, dims: [outputs], role: 'bias', ...fans },
  };
}

function convLayer(name: string, input: string, biased: boolean, site: BlockSite): NodeSpec[] {
  const inputs = [input, `${name}.weight`, ...(biased ? [`${name}.bias`] : [])];
  return [{ name, opType: 'Conv', inputs, attributes: { kernel_shape: { ints: ones(site) } } }];
}

function matMulLayer(name: string, input: string, biased: boolean): NodeSpec[] {
  const product = biased ? `${name}_product` : name;
  const matMul: NodeSpec = { name: product, opType: 'MatMul', inputs: [input, `${name}.weight`] };
  return biased ? [matMul, { name, opType: 'Add', inputs: [product, `${name}.bias`] }] : [matMul];
}

function squeezeNodes(site: BlockSite, options: ResolvedOptions): NodeSpec[] {
  if (options['squeezeType'] === 'same') return [pooling(site, 'squeeze', BLOCK_INPUT)];
  return [
    cast('squeeze_float', BLOCK_INPUT, DataType.FLOAT),
    pooling(site, 'squeeze_mean', 'squeeze_float'),
    cast('squeeze', 'squeeze_mean', site.dataType),
  ];
}

function pooling(site: BlockSite, name: string, input: string): NodeSpec {
  if (!isChannelsLast(site)) return { name, opType: 'GlobalAveragePool', inputs: [input] };
  const keepdims = { keepdims: { int: 1 } };
  if (site.opset >= 18)
    return { name, opType: 'ReduceMean', inputs: [input, 'squeeze.axes'], attributes: keepdims };
  return {
    name,
    opType: 'ReduceMean',
    inputs: [input],
    attributes: { axes: { ints: spatialAxes(site) }, ...keepdims },
  };
}

/** From opset 18 on the axes of a reduction are an input. */
function axesConstant(site: BlockSite): WeightSpec[] {
  if (!isChannelsLast(site) || site.opset < 18) return [];
  const value = spatialAxes(site);
  const fans = { fanIn: 1, fanOut: 1 };
  return [
    {
      name: 'squeeze.axes',
      dims: [value.length],
      role: 'constant',
      value,
      dataType: DataType.INT64,
      ...fans,
    },
  ];
}

function cast(name: string, input: string, to: number): NodeSpec {
  return { name, opType: 'Cast', inputs: [input], attributes: { to: { int: to } } };
}

function isChannelsLast(site: BlockSite): boolean {
  return site.channelAxis === site.rank - 1;
}

function spatialAxes(site: BlockSite): number[] {
  return Array.from({ length: site.rank - 2 }, (_, axis) => axis + 1);
}

function ones(site: BlockSite): number[] {
  return Array.from({ length: site.rank - 2 }, () => 1);
}

function refuseUnsupported(site: BlockSite): void {
  const { dataType, opset } = site;
  if (!isFloating(dataType)) {
    throw new SeInjectError(
      'blocks/unsupported-data-type',
      `features of type ${dataTypeName(dataType)} cannot be scaled by a gate: the block needs a float type`,
      { details: { dataType } },
    );
  }
  if (opset < 7) {
    throw new SeInjectError(
      'blocks/unsupported-opset',
      `the model imports opset ${opset}, where Mul does not broadcast as the scale needs: convert it to opset 7 or newer first`,
      { details: { opset, needed: 7 } },
    );
  }
  if (dataType === DataType.BFLOAT16 && opset < 22) {
    throw new SeInjectError(
      'blocks/unsupported-opset',
      `the model imports opset ${opset}, where convolution and pooling have no BFLOAT16: convert it to opset 22 or newer first`,
      { details: { opset, needed: 22, dataType } },
    );
  }
}
