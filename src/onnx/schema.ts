/**
 * The messages of ONNX 1.20 (onnx.proto, IR version 12): the name and the wire form of every field.
 *
 * The scan uses it to say where it is and to refuse a known field in a wire form that no ONNX writer gives it. Fields
 * that are not listed are unknown: they are passed over, and stay in the file as they are.
 */

/** How a field is written. Lists of numbers (the plurals) may be packed or not: a reader must take both. */
export type FieldForm =
  | 'varint'
  | 'fixed32'
  | 'fixed64'
  | 'bytes'
  | 'varints'
  | 'fixed32s'
  | 'fixed64s'
  | MessageName;

/** A field of a message. */
export interface FieldSchema {
  /** Name in onnx.proto, camelCased. */
  readonly name: string;
  readonly form: FieldForm;
}

/** A message by its field numbers. */
export type MessageSchema = Readonly<Record<number, FieldSchema>>;

/** Names of the messages below. */
export type MessageName =
  | 'ModelProto'
  | 'GraphProto'
  | 'NodeProto'
  | 'AttributeProto'
  | 'TensorProto'
  | 'SparseTensorProto'
  | 'SegmentProto'
  | 'ValueInfoProto'
  | 'TypeProto'
  | 'TensorTypeProto'
  | 'ElementTypeProto'
  | 'MapTypeProto'
  | 'OpaqueTypeProto'
  | 'TensorShapeProto'
  | 'DimensionProto'
  | 'OperatorSetIdProto'
  | 'StringStringEntryProto'
  | 'TrainingInfoProto'
  | 'FunctionProto'
  | 'TensorAnnotation'
  | 'DeviceConfigurationProto'
  | 'NodeDeviceConfigurationProto'
  | 'ShardingSpecProto'
  | 'ShardedDimProto'
  | 'SimpleShardedDimProto'
  | 'IntIntListEntryProto';

function message(fields: Record<number, readonly [name: string, form: FieldForm]>): MessageSchema {
  const schema: Record<number, FieldSchema> = {};
  for (const [number, [name, form]] of Object.entries(fields)) schema[Number(number)] = { name, form };
  return schema;
}

/** Every message of ONNX by its name. */
export const MESSAGES: Readonly<Record<MessageName, MessageSchema>> = {
  ModelProto: message({
    1: ['irVersion', 'varint'],
    2: ['producerName', 'bytes'],
    3: ['producerVersion', 'bytes'],
    4: ['domain', 'bytes'],
    5: ['modelVersion', 'varint'],
    6: ['docString', 'bytes'],
    7: ['graph', 'GraphProto'],
    8: ['opsetImport', 'OperatorSetIdProto'],
    14: ['metadataProps', 'StringStringEntryProto'],
    20: ['trainingInfo', 'TrainingInfoProto'],
    25: ['functions', 'FunctionProto'],
    26: ['configuration', 'DeviceConfigurationProto'],
  }),
  GraphProto: message({
    1: ['node', 'NodeProto'],
    2: ['name', 'bytes'],
    5: ['initializer', 'TensorProto'],
    10: ['docString', 'bytes'],
    11: ['input', 'ValueInfoProto'],
    12: ['output', 'ValueInfoProto'],
    13: ['valueInfo', 'ValueInfoProto'],
    14: ['quantizationAnnotation', 'TensorAnnotation'],
    15: ['sparseInitializer', 'SparseTensorProto'],
    16: ['metadataProps', 'StringStringEntryProto'],
  }),
  NodeProto: message({
    1: ['input', 'bytes'],
    2: ['output', 'bytes'],
    3: ['name', 'bytes'],
    4: ['opType', 'bytes'],
    5: ['attribute', 'AttributeProto'],
    6: ['docString', 'bytes'],
    7: ['domain', 'bytes'],
    8: ['overload', 'bytes'],
    9: ['metadataProps', 'StringStringEntryProto'],
    10: ['deviceConfigurations', 'NodeDeviceConfigurationProto'],
  }),
  AttributeProto: message({
    1: ['name', 'bytes'],
    2: ['f', 'fixed32'],
    3: ['i', 'varint'],
    4: ['s', 'bytes'],
    5: ['t', 'TensorProto'],
    6: ['g', 'GraphProto'],
    7: ['floats', 'fixed32s'],
    8: ['ints', 'varints'],
    9: ['strings', 'bytes'],
    10: ['tensors', 'TensorProto'],
    11: ['graphs', 'GraphProto'],
    13: ['docString', 'bytes'],
    14: ['tp', 'TypeProto'],
    15: ['typeProtos', 'TypeProto'],
    20: ['type', 'varint'],
    21: ['refAttrName', 'bytes'],
    22: ['sparseTensor', 'SparseTensorProto'],
    23: ['sparseTensors', 'SparseTensorProto'],
  }),
  TensorProto: message({
    1: ['dims', 'varints'],
    2: ['dataType', 'varint'],
    3: ['segment', 'SegmentProto'],
    4: ['floatData', 'fixed32s'],
    5: ['int32Data', 'varints'],
    6: ['stringData', 'bytes'],
    7: ['int64Data', 'varints'],
    8: ['name', 'bytes'],
    9: ['rawData', 'bytes'],
    10: ['doubleData', 'fixed64s'],
    11: ['uint64Data', 'varints'],
    12: ['docString', 'bytes'],
    13: ['externalData', 'StringStringEntryProto'],
    14: ['dataLocation', 'varint'],
    16: ['metadataProps', 'StringStringEntryProto'],
  }),
  SparseTensorProto: message({
    1: ['values', 'TensorProto'],
    2: ['indices', 'TensorProto'],
    3: ['dims', 'varints'],
  }),
  SegmentProto: message({ 1: ['begin', 'varint'], 2: ['end', 'varint'] }),
  ValueInfoProto: message({
    1: ['name', 'bytes'],
    2: ['type', 'TypeProto'],
    3: ['docString', 'bytes'],
    4: ['metadataProps', 'StringStringEntryProto'],
  }),
  TypeProto: message({
    1: ['tensorType', 'TensorTypeProto'],
    4: ['sequenceType', 'ElementTypeProto'],
    5: ['mapType', 'MapTypeProto'],
    6: ['denotation', 'bytes'],
    7: ['opaqueType', 'OpaqueTypeProto'],
    8: ['sparseTensorType', 'TensorTypeProto'],
    9: ['optionalType', 'ElementTypeProto'],
  }),
  TensorTypeProto: message({ 1: ['elemType', 'varint'], 2: ['shape', 'TensorShapeProto'] }),
  ElementTypeProto: message({ 1: ['elemType', 'TypeProto'] }),
  MapTypeProto: message({ 1: ['keyType', 'varint'], 2: ['valueType', 'TypeProto'] }),
  OpaqueTypeProto: message({ 1: ['domain', 'bytes'], 2: ['name', 'bytes'] }),
  TensorShapeProto: message({ 1: ['dim', 'DimensionProto'] }),
  DimensionProto: message({
    1: ['dimValue', 'varint'],
    2: ['dimParam', 'bytes'],
    3: ['denotation', 'bytes'],
  }),
  OperatorSetIdProto: message({ 1: ['domain', 'bytes'], 2: ['version', 'varint'] }),
  StringStringEntryProto: message({ 1: ['key', 'bytes'], 2: ['value', 'bytes'] }),
  TrainingInfoProto: message({
    1: ['initialization', 'GraphProto'],
    2: ['algorithm', 'GraphProto'],
    3: ['initializationBinding', 'StringStringEntryProto'],
    4: ['updateBinding', 'StringStringEntryProto'],
  }),
  FunctionProto: message({
    1: ['name', 'bytes'],
    2: ['sinceVersion', 'varint'],
    3: ['status', 'varint'],
    4: ['input', 'bytes'],
    5: ['output', 'bytes'],
    6: ['attribute', 'bytes'],
    7: ['node', 'NodeProto'],
    8: ['docString', 'bytes'],
    9: ['opsetImport', 'OperatorSetIdProto'],
    10: ['domain', 'bytes'],
    11: ['attributeProto', 'AttributeProto'],
    12: ['valueInfo', 'ValueInfoProto'],
    13: ['overload', 'bytes'],
    14: ['metadataProps', 'StringStringEntryProto'],
  }),
  TensorAnnotation: message({
    1: ['tensorName', 'bytes'],
    2: ['quantParameterTensorNames', 'StringStringEntryProto'],
  }),
  DeviceConfigurationProto: message({
    1: ['name', 'bytes'],
    2: ['numDevices', 'varint'],
    3: ['device', 'bytes'],
  }),
  NodeDeviceConfigurationProto: message({
    1: ['configurationId', 'bytes'],
    2: ['shardingSpec', 'ShardingSpecProto'],
    3: ['pipelineStage', 'varint'],
  }),
  ShardingSpecProto: message({
    1: ['tensorName', 'bytes'],
    2: ['device', 'varints'],
    3: ['indexToDeviceGroupMap', 'IntIntListEntryProto'],
    4: ['shardedDim', 'ShardedDimProto'],
  }),
  ShardedDimProto: message({ 1: ['axis', 'varint'], 2: ['simpleSharding', 'SimpleShardedDimProto'] }),
  SimpleShardedDimProto: message({
    1: ['dimValue', 'varint'],
    2: ['dimParam', 'bytes'],
    3: ['numShards', 'varint'],
  }),
  IntIntListEntryProto: message({ 1: ['key', 'varint'], 2: ['value', 'varints'] }),
};
