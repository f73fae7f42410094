import { DataType } from './data-type.ts';
import type { Dim, TypeProto } from './model-file.ts';
import { onnx } from './proto.ts';

/** Decodes the bytes of a TypeProto that have been checked. */
export function toTypeProto(bytes: Uint8Array): TypeProto {
  const proto = onnx.TypeProto.decode(bytes);
  if (proto.tensorType != null) return tensor('tensor', proto.tensorType);
  if (proto.sparseTensorType != null) return tensor('sparseTensor', proto.sparseTensorType);
  if (proto.sequenceType != null) return other('sequence');
  if (proto.mapType != null) return other('map');
  if (proto.optionalType != null) return other('optional');
  return other('none');
}

function tensor(
  kind: 'tensor' | 'sparseTensor',
  type: { elemType?: number | null; shape?: InstanceType<typeof onnx.TensorShapeProto> | object | null },
): TypeProto {
  const shape = type.shape == null ? undefined : onnx.TensorShapeProto.fromObject(type.shape).dim.map(toDim);
  return { kind, elemType: type.elemType ?? DataType.UNDEFINED, shape };
}

function toDim(dim: { value?: string; dimValue?: unknown; dimParam?: string | null }): Dim {
  if (dim.dimValue != null) {
    const value = Number(dim.dimValue);
    // Exporters write 0 and -1 where they mean "unknown".
    return value > 0 ? value : undefined;
  }
  return dim.dimParam == null || dim.dimParam === '' ? undefined : dim.dimParam;
}

function other(kind: TypeProto['kind']): TypeProto {
  return { kind, elemType: DataType.UNDEFINED, shape: undefined };
}
