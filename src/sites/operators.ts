/** Activations that are one operator. */
export const ACTIVATIONS: ReadonlySet<string> = new Set([
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Elu',
  'Selu',
  'Celu',
  'ThresholdedRelu',
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Tanh',
  'Softplus',
  'Softsign',
  'Mish',
  'Gelu',
  'Swish',
  'FastGelu',
  'QuickGelu',
  'BiasGelu',
  'ScaledTanh',
  'ParametricSoftplus',
  'QLinearSigmoid',
  'QLinearLeakyRelu',
  'Softmax',
  'QLinearSoftmax',
  'MultiThreshold',
]);

/** Normalizations that are one operator. */
export const NORMS: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'InstanceNormalization',
  'GroupNormalization',
  'GroupNorm',
  'LayerNormalization',
  'SimplifiedLayerNormalization',
  'RMSNormalization',
  'LpNormalization',
  'MeanVarianceNormalization',
  'LRN',
]);

/** Quantize and dequantize in one node. */
export const FAKE_QUANTIZERS: ReadonlySet<string> = new Set([
  'Quant',
  'IntQuant',
  'FloatQuant',
  'BipolarQuant',
  'FakeQuantize',
  'FixNeuron',
  'BFPFixNeuron',
  'MXFixNeuron',
  'BFPQuantizeDequantize',
  'MXQuantizeDequantize',
]);

/** What passes its input on, in another type or precision at most. */
export const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Dropout',
  'Cast',
  'CastLike',
  'QuantizeLinear',
  'DequantizeLinear',
  'Floor',
  'Ceil',
  'Round',
  'DynamicQuantizeLinear',
  'RequantShift',
  'VitisQuantizeLinear',
  'VitisDequantizeLinear',
  'ExtendedQuantizeLinear',
  'ExtendedDequantizeLinear',
  'Trunc',
  'IntTrunc',
  ...FAKE_QUANTIZERS,
]);

/** Arithmetic that is affine in its one data operand where the others are constants. */
export const ARITHMETIC: ReadonlySet<string> = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Sum',
  'Neg',
  'ImageScaler',
  'Affine',
  'Scale',
  'QLinearAdd',
  'QLinearMul',
]);

/** What gives the same entries in the same order under other axes. */
export const RESHAPINGS: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** What moves numbers about and computes none. */
export const LAYOUTS: ReadonlySet<string> = new Set([
  ...RESHAPINGS,
  'Slice',
  'DynamicSlice',
  'Crop',
  'CenterCropPad',
  'Pad',
  'Split',
  'SplitToSequence',
  'SequenceAt',
  'Gather',
  'GatherND',
  'Expand',
  'Tile',
  'SpaceToDepth',
]);

/** What makes a map larger. */
export const UPSAMPLES: ReadonlySet<string> = new Set(['Resize', 'Upsample', 'DepthToSpace', 'MaxUnpool']);

/** Poolings and reductions. */
export const POOLS: ReadonlySet<string> = new Set([
  'MaxPool',
  'AveragePool',
  'LpPool',
  'QLinearAveragePool',
  'NhwcMaxPool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'GlobalLpPool',
  'QLinearGlobalAveragePool',
  'ReduceMean',
  'ReduceMax',
  'ReduceSum',
  'ReduceL1',
  'ReduceL2',
  'ReduceMin',
  'ReduceProd',
  'ReduceLogSumExp',
  'ReduceSumSquare',
  'QLinearReduceMean',
]);

/** Functions of each element by itself. */
export const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...[...ACTIVATIONS].filter((name) => !name.endsWith('Softmax')),
  ...PASSING,
  ...ARITHMETIC,
  'Abs',
  'Exp',
  'Log',
  'Sqrt',
  'Reciprocal',
  'Erf',
  'Sign',
  'Pow',
  'Max',
  'Min',
  'Clip',
  'Where',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Equal',
  'Not',
  'And',
  'Or',
  'Sin',
  'Cos',
  'Atan',
]);

/** Recurrent layers. */
export const RECURRENT: ReadonlySet<string> = new Set([
  'LSTM',
  'GRU',
  'RNN',
  'Scan',
  'Loop',
  'DynamicQuantizeLSTM',
]);

/** Sums of operands of one shape. */
export const SUMS: ReadonlySet<string> = new Set(['Add', 'Sum', 'QLinearAdd']);

/** Products of operands. */
export const PRODUCTS: ReadonlySet<string> = new Set(['Mul', 'QLinearMul']);

/** Joins along an axis. */
export const CONCATS: ReadonlySet<string> = new Set(['Concat', 'QLinearConcat']);
