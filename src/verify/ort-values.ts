/** Crosses between onnxruntime's tensors and ours; its JavaScript API is the same in Node and in the browser. */
import { isRuntimeDataType, type RuntimeDataType, type RuntimeTensor, type RuntimeValue } from './runtime.ts';

/** An input or output as an onnxruntime session describes it. */
export type OrtMetadata =
  | { readonly name: string; readonly isTensor: false }
  | {
      readonly name: string;
      readonly isTensor: true;
      readonly type: string;
      readonly shape: readonly (number | string)[];
    };

/** A tensor of onnxruntime whose data lies in memory. */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/** An input or output of a session. */
export function runtimeValue(metadata: OrtMetadata): RuntimeValue {
  const { name } = metadata;
  if (!metadata.isTensor) return { name, dataType: undefined, shape: undefined };
  const { type, shape } = metadata;
  return {
    name,
    dataType: isRuntimeDataType(type) ? type : undefined,
    // A scalar and an undeclared shape are both [] here.
    shape: shape.length === 0 ? undefined : shape,
  };
}

/** A result. Its data is a copy of onnxruntime's, so that it may be kept and handed on. */
export function runtimeTensor(tensor: OrtTensor): RuntimeTensor {
  const { type, dims, data } = tensor;
  if (type === 'float16' && !(data instanceof Uint16Array)) {
    // A Float16Array, where the engine has it (Node 24, Chromium 135).
    const view = data as ArrayBufferView;
    return {
      dataType: 'float16',
      dims: [...dims],
      data: new Uint16Array(view.buffer, view.byteOffset, view.byteLength / Uint16Array.BYTES_PER_ELEMENT),
    };
  }
  return { dataType: type as RuntimeDataType, dims: [...dims], data } as RuntimeTensor;
}
