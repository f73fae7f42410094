import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

/** A model's message, as a tool that reads and writes ONNX sees it. */
export type ModelMessage = InstanceType<typeof onnxProto.onnx.ModelProto>;

/** A node's message. */
export type NodeMessage = onnxProto.onnx.INodeProto;

/** What another tool makes of a file: the whole of it is decoded, changed and encoded again. */
export function remodel(bytes: Uint8Array, change: (model: ModelMessage) => void): Uint8Array {
  const model = onnx.ModelProto.decode(bytes);
  change(model);
  return onnx.ModelProto.encode(model).finish();
}

/** The node of a model that gives a value. */
export function nodeOf(model: ModelMessage, value: string): NodeMessage {
  const node = model.graph?.node?.find(({ output }) => output?.includes(value));
  if (node === undefined) throw new Error(`nothing gives "${value}"`);
  return node;
}

/** The initializer of a name. */
export function initializerOf(model: ModelMessage, name: string): onnxProto.onnx.ITensorProto {
  const tensor = model.graph?.initializer?.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new Error(`there is no initializer "${name}"`);
  return tensor;
}

/** Changes the text of the record in a file's metadata. */
export function rerecord(bytes: Uint8Array, change: (text: string) => string): Uint8Array {
  return remodel(bytes, (model) => {
    const entry = model.metadataProps.find(({ key }) => key === 'se-inject');
    if (entry === undefined) throw new Error('there is no record');
    entry.value = change(entry.value ?? '');
  });
}
