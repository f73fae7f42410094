/**
 * The element types of ONNX 1.20 (`TensorProto.DataType`) by their number in the file.
 *
 * Types that came after this list are kept as numbers: they are passed through, never guessed at.
 */
export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
} as const;

/** An element type as its number in the file; see {@link DataType}. */
export type DataTypeNumber = number;

const NAMES = new Map<number, string>(Object.entries(DataType).map(([name, number]) => [number, name]));

/** Bits of one element, by type; strings have none. */
const BITS = new Map<number, number>([
  [DataType.FLOAT, 32],
  [DataType.UINT8, 8],
  [DataType.INT8, 8],
  [DataType.UINT16, 16],
  [DataType.INT16, 16],
  [DataType.INT32, 32],
  [DataType.INT64, 64],
  [DataType.BOOL, 8],
  [DataType.FLOAT16, 16],
  [DataType.DOUBLE, 64],
  [DataType.UINT32, 32],
  [DataType.UINT64, 64],
  [DataType.COMPLEX64, 64],
  [DataType.COMPLEX128, 128],
  [DataType.BFLOAT16, 16],
  [DataType.FLOAT8E4M3FN, 8],
  [DataType.FLOAT8E4M3FNUZ, 8],
  [DataType.FLOAT8E5M2, 8],
  [DataType.FLOAT8E5M2FNUZ, 8],
  [DataType.UINT4, 4],
  [DataType.INT4, 4],
  [DataType.FLOAT4E2M1, 4],
  [DataType.FLOAT8E8M0, 8],
  [DataType.UINT2, 2],
  [DataType.INT2, 2],
]);

const FLOATING: ReadonlySet<number> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.DOUBLE,
  DataType.BFLOAT16,
]);

const NUMBERS: ReadonlyMap<string, DataTypeNumber> = new Map(Object.entries(DataType));

/** The number of an element type by the name that the ONNX spec has for it. */
export function dataTypeNumber(name: string): DataTypeNumber | undefined {
  return NUMBERS.get(name);
}

/** The name of an element type as the ONNX spec writes it; an unknown one by its number. */
export function dataTypeName(dataType: DataTypeNumber): string {
  return NAMES.get(dataType) ?? `data type ${dataType}`;
}

/** Bits of one element, or nothing for strings and for types this tool has not heard of. */
export function dataTypeBits(dataType: DataTypeNumber): number | undefined {
  return BITS.get(dataType);
}

/** Tells the types in which a network's features are computed: FLOAT, FLOAT16, DOUBLE and BFLOAT16. */
export function isFloating(dataType: DataTypeNumber): boolean {
  return FLOATING.has(dataType);
}
