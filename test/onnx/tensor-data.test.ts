import { describe, expect, it } from 'vitest';
import { join, varint, type WireWriter, wireWriter } from '../../fixtures/wire-writer.ts';
import { DataType, dataTypeName } from '../../src/onnx/data-type.ts';
import type { TensorProto } from '../../src/onnx/model-file.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { decodeNumbers, elementCount, inlineNumbers } from '../../src/onnx/tensor-data.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';

const w = wireWriter();
const FIELD = {
  floatData: 4,
  int32Data: 5,
  int64Data: 7,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
} as const;

/** The one tensor of a model with these fields. */
async function scanTensor(...fields: readonly Uint8Array[]): Promise<TensorProto> {
  const model = await scanModel(memorySource(w.message(7, w.message(5, ...fields))));
  const [tensor] = model.graph.initializer;
  if (tensor === undefined) throw new Error('no tensor');
  return tensor;
}

async function numbersOf(
  dataType: number,
  count: number,
  ...data: readonly Uint8Array[]
): Promise<number[] | undefined> {
  const tensor = await scanTensor(w.int(1, count), w.int(2, dataType), w.text(8, 'weight'), ...data);
  const numbers = inlineNumbers(tensor);
  return numbers === undefined ? undefined : [...numbers];
}

const bytesOf = (array: ArrayBufferView<ArrayBuffer>): Uint8Array => new Uint8Array(array.buffer);

interface Case {
  readonly dataType: number;
  readonly numbers: readonly number[];
  readonly raw: Uint8Array;
  /** The typed field, with its numbers as they are written one by one. */
  readonly typed: readonly [field: keyof typeof FIELD, parts: readonly Uint8Array[]];
}

const ints = (numbers: readonly (number | bigint)[]): Uint8Array[] => numbers.map((number) => varint(number));

const CASES: readonly Case[] = [
  {
    dataType: DataType.FLOAT,
    numbers: [1.5, -0, Math.fround(0.1), 2 ** -149, Number.NEGATIVE_INFINITY],
    raw: bytesOf(Float32Array.of(1.5, -0, 0.1, 2 ** -149, Number.NEGATIVE_INFINITY)),
    typed: [
      'floatData',
      [1.5, -0, 0.1, 2 ** -149, Number.NEGATIVE_INFINITY].map((number) => bytesOf(Float32Array.of(number))),
    ],
  },
  {
    dataType: DataType.DOUBLE,
    numbers: [0.1, -1e300],
    raw: bytesOf(Float64Array.of(0.1, -1e300)),
    typed: ['doubleData', [0.1, -1e300].map((number) => bytesOf(Float64Array.of(number)))],
  },
  {
    dataType: DataType.FLOAT16,
    numbers: [1, -2, 65504, 2 ** -24, Number.POSITIVE_INFINITY],
    raw: bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1, 0x7c00)),
    typed: ['int32Data', ints([0x3c00, 0xc000, 0x7bff, 1, 0x7c00])],
  },
  {
    dataType: DataType.BFLOAT16,
    numbers: [1, -2, 2 ** -133, Number.POSITIVE_INFINITY],
    raw: bytesOf(Uint16Array.of(0x3f80, 0xc000, 1, 0x7f80)),
    typed: ['int32Data', ints([0x3f80, 0xc000, 1, 0x7f80])],
  },
  {
    dataType: DataType.UINT8,
    numbers: [0, 127, 128, 255],
    raw: Uint8Array.of(0, 127, 128, 255),
    typed: ['int32Data', ints([0, 127, 128, 255])],
  },
  {
    dataType: DataType.INT8,
    numbers: [-128, -1, 127],
    raw: bytesOf(Int8Array.of(-128, -1, 127)),
    typed: ['int32Data', ints([-128, -1, 127])],
  },
  {
    dataType: DataType.UINT16,
    numbers: [0, 65535],
    raw: bytesOf(Uint16Array.of(0, 65535)),
    typed: ['int32Data', ints([0, 65535])],
  },
  {
    dataType: DataType.INT16,
    numbers: [-32768, 32767],
    raw: bytesOf(Int16Array.of(-32768, 32767)),
    typed: ['int32Data', ints([-32768, 32767])],
  },
  {
    dataType: DataType.INT32,
    numbers: [-(2 ** 31), 2 ** 31 - 1],
    raw: bytesOf(Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
    typed: ['int32Data', ints([-(2 ** 31), 2 ** 31 - 1])],
  },
  {
    dataType: DataType.INT64,
    numbers: [-(2 ** 53), 2 ** 53, -1],
    raw: bytesOf(BigInt64Array.of(-(2n ** 53n), 2n ** 53n, -1n)),
    typed: ['int64Data', ints([-(2n ** 53n), 2n ** 53n, -1])],
  },
  {
    dataType: DataType.BOOL,
    numbers: [0, 1],
    raw: Uint8Array.of(0, 1),
    typed: ['int32Data', ints([0, 1])],
  },
  {
    dataType: DataType.UINT32,
    numbers: [0, 2 ** 32 - 1],
    raw: bytesOf(Uint32Array.of(0, 2 ** 32 - 1)),
    typed: ['uint64Data', ints([0, 2 ** 32 - 1])],
  },
  {
    dataType: DataType.UINT64,
    numbers: [2 ** 64 - 2048, 1],
    raw: bytesOf(BigUint64Array.of(2n ** 64n - 2048n, 1n)),
    typed: ['uint64Data', ints([2n ** 64n - 2048n, 1])],
  },
  // Packed from the low end, the last byte filled up.
  {
    dataType: DataType.UINT4,
    numbers: [1, 15, 8],
    raw: Uint8Array.of(0xf1, 0x08),
    typed: ['int32Data', ints([0xf1, 0x08])],
  },
  {
    dataType: DataType.INT4,
    numbers: [1, -1, -8],
    raw: Uint8Array.of(0xf1, 0x08),
    typed: ['int32Data', ints([0xf1, 0x08])],
  },
  {
    dataType: DataType.UINT2,
    numbers: [0, 1, 2, 3, 2],
    raw: Uint8Array.of(0b11100100, 0b10),
    typed: ['int32Data', ints([0b11100100, 0b10])],
  },
  {
    dataType: DataType.INT2,
    numbers: [0, 1, -2, -1, -2],
    raw: Uint8Array.of(0b11100100, 0b10),
    typed: ['int32Data', ints([0b11100100, 0b10])],
  },
];

/** A list of numbers, each behind a tag of its own. */
function unpacked(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const wireType = field === FIELD.floatData ? 5 : field === FIELD.doubleData ? 1 : 0;
  return join(...parts.flatMap((part) => [varint(field * 8 + wireType), part]));
}

describe.each(CASES.map((entry) => ({ ...entry, name: dataTypeName(entry.dataType) })))(
  '$name',
  ({ dataType, numbers, raw, typed: [field, parts] }) => {
    const number = FIELD[field];
    const half = Math.floor(parts.length / 2);

    it.each<[string, readonly Uint8Array[]]>([
      ['raw_data', [w.message(9, raw)]],
      [`packed ${field}`, [w.message(number, ...parts)]],
      [`unpacked ${field}`, [unpacked(number, parts)]],
      [
        'several packed lists',
        [w.message(number, ...parts.slice(0, half)), w.message(number, ...parts.slice(half))],
      ],
      [
        'unpacked lists with another field between them',
        [unpacked(number, parts.slice(0, half)), w.text(12, 'between'), unpacked(number, parts.slice(half))],
      ],
      [
        'packed and unpacked lists',
        [
          unpacked(number, parts.slice(0, half)),
          w.text(12, 'between'),
          w.message(number, ...parts.slice(half)),
        ],
      ],
      [
        'raw_data that stands twice: the last one counts',
        [
          w.message(
            9,
            raw.map((byte) => ~byte),
          ),
          w.message(9, raw),
        ],
      ],
    ])('is read from %s', async (_, data) => {
      expect(await numbersOf(dataType, numbers.length, ...data)).toEqual(numbers);
    });

    it('is refused where the bytes are fewer or more than the shape says', async () => {
      for (const data of [w.message(9, raw.subarray(1)), w.message(9, raw, Uint8Array.of(0))]) {
        const error = await errorOf(numbersOf(dataType, numbers.length, data));
        expect(error.code).toBe('onnx/tensor-data-size');
        expect(error.details).toMatchObject({ tensor: 'weight', elements: numbers.length, dataType });
      }
      const error = await errorOf(numbersOf(dataType, numbers.length + 8, w.message(number, ...parts)));
      expect(error.code).toBe('onnx/tensor-data-size');
    });
  },
);

describe('types without plain numbers', () => {
  it.each([
    ['STRING', DataType.STRING, w.text(6, 'a')],
    ['STRING in raw_data', DataType.STRING, w.text(9, 'a')],
    ['COMPLEX64', DataType.COMPLEX64, w.message(9, new Uint8Array(8))],
    ['COMPLEX128', DataType.COMPLEX128, w.message(9, new Uint8Array(16))],
    ['FLOAT8E4M3FN', DataType.FLOAT8E4M3FN, w.message(9, Uint8Array.of(0x38))],
    ['FLOAT8E5M2', DataType.FLOAT8E5M2, w.message(5, Uint8Array.of(0x3c))],
    ['FLOAT4E2M1', DataType.FLOAT4E2M1, w.message(9, Uint8Array.of(2))],
    ['FLOAT8E8M0', DataType.FLOAT8E8M0, w.message(9, Uint8Array.of(127))],
    ['a type that is still to come', 27, w.message(9, Uint8Array.of(1))],
    ['UNDEFINED', 0, w.message(9, Uint8Array.of(1))],
  ])('%s gives nothing', async (_, dataType, data) => {
    expect(await numbersOf(dataType, 1, data)).toBeUndefined();
  });
});

describe('inlineNumbers', () => {
  const { FLOAT } = DataType;

  it('reads scalars and empty tensors', async () => {
    const scalar = await scanTensor(w.int(2, FLOAT), w.float(4, 3));
    expect(inlineNumbers(scalar)).toEqual(Float64Array.of(3));
    expect(await numbersOf(FLOAT, 0, w.message(9))).toEqual([]);
    expect(await numbersOf(FLOAT, 0)).toEqual([]);
  });

  it('prefers raw_data where both are there', async () => {
    expect(await numbersOf(FLOAT, 1, w.float(4, 1), w.message(9, bytesOf(Float32Array.of(2))))).toEqual([2]);
  });

  it('reads what is small and leaves what is large', async () => {
    const values = new Uint8Array(1024).fill(7);
    expect(await numbersOf(DataType.UINT8, 1024, w.message(9, values))).toEqual([...values]);
    expect(await numbersOf(DataType.UINT8, 1025, w.message(9, values, Uint8Array.of(7)))).toBeUndefined();
  });

  it('gives nothing for a tensor without data and for an external one', async () => {
    expect(await numbersOf(FLOAT, 1)).toBeUndefined();
    const entry = (key: string, value: string): Uint8Array => w.message(13, w.text(1, key), w.text(2, value));
    const external = [
      entry('location', 'w.bin'),
      entry('offset', '4096'),
      entry('length', '4'),
      w.int(14, 1),
    ];
    const tensor = await scanTensor(w.int(1, 1), w.int(2, FLOAT), ...external);
    expect(inlineNumbers(tensor)).toBeUndefined();
    expect(tensor.data).toEqual({ location: 'external', path: 'w.bin', offset: 4096, length: 4 });
    const open = await scanTensor(w.int(2, FLOAT), entry('location', 'w.bin'), w.int(14, 1));
    expect(open.data).toEqual({ location: 'external', path: 'w.bin', offset: 0, length: undefined });
  });

  it('reads dims packed and unpacked', async () => {
    expect((await scanTensor(w.message(1, ...ints([2, 300])), w.int(1, 7))).dims).toEqual([2, 300, 7]);
  });

  it('is not misled by a writer that pads', async () => {
    const padded: WireWriter = wireWriter(5);
    const bytes = padded.message(
      7,
      padded.message(5, w.int(1, 2), w.int(2, FLOAT), padded.message(9, bytesOf(Float32Array.of(1, 2)))),
    );
    const [tensor] = (await scanModel(memorySource(bytes))).graph.initializer;
    expect(tensor === undefined ? undefined : inlineNumbers(tensor)).toEqual(Float64Array.of(1, 2));
  });
});

describe('decodeNumbers', () => {
  it.each([
    ['float_data that ends within a number', 'floatData', DataType.FLOAT, Uint8Array.of(0, 0, 0x80, 0x3f, 0)],
    ['double_data that ends within a number', 'doubleData', DataType.DOUBLE, new Uint8Array(9)],
    ['int32_data that ends within a number', 'int32Data', DataType.INT32, Uint8Array.of(1, 0x80)],
    ['int64_data that ends within a number', 'int64Data', DataType.INT64, Uint8Array.of(1, 0xff, 0xff)],
    ['int64_data with an endless number', 'int64Data', DataType.INT64, new Uint8Array(12).fill(0xff)],
    [
      'uint64_data with an endless number',
      'uint64Data',
      DataType.UINT64,
      join(new Uint8Array(11).fill(0xff), Uint8Array.of(0)),
    ],
  ] as const)('refuses %s', async (_, field, dataType, content) => {
    const error = await errorOf(() => decodeNumbers(field, content, dataType, 1, 'w'));
    expect(error.code).toBe('onnx/tensor-data-size');
    expect(error.message).toBe(
      `tensor "w" has ${content.length} bytes of ${field} for 1 elements of ${dataTypeName(dataType)}: the file is damaged`,
    );
  });

  it('does not allocate what a shape claims', async () => {
    const error = await errorOf(() => decodeNumbers('rawData', new Uint8Array(4), DataType.FLOAT, 2 ** 60));
    expect(error.code).toBe('onnx/tensor-data-size');
  });

  it('reads bytes at any alignment', () => {
    const shifted = join(Uint8Array.of(9), bytesOf(Float64Array.of(0.1))).subarray(1);
    expect(decodeNumbers('rawData', shifted, DataType.DOUBLE, 1)).toEqual(Float64Array.of(0.1));
  });
});

describe('elementCount', () => {
  it('is 1 for a scalar and the product of the dims otherwise', () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([2, 3, 0])).toBe(0);
    expect(elementCount([2, 3, 4])).toBe(24);
  });
});
