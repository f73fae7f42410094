import { describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { tensorContent, writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { strangeModels } from '../../fixtures/strange.ts';
import { join, textBytes, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import type { AttributeProto, ModelFile, TypeProto } from '../../src/onnx/model-file.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchBytes, patchedBytes } from '../../src/wire/patch.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { expectAgreement } from '../helpers/agreement.ts';
import { countingSource, scratchSource } from '../helpers/sources.ts';

const w = wireWriter();

const scan = (...fields: readonly Uint8Array[]): Promise<ModelFile> =>
  scanModel(memorySource(join(...fields)));

/** The attribute with these fields. */
async function scanAttribute(...fields: readonly Uint8Array[]): Promise<AttributeProto | undefined> {
  const model = await scan(
    w.message(7, w.message(1, w.text(4, 'Op'), w.message(5, w.text(1, 'a'), ...fields))),
  );
  return model.graph.node[0]?.attribute.get('a');
}

/** The type that a value is declared with. */
async function scanType(...fields: readonly Uint8Array[]): Promise<TypeProto | undefined> {
  const model = await scan(w.message(7, w.message(11, w.text(1, 'x'), w.message(2, ...fields))));
  return model.graph.input[0]?.type;
}

describe('scanModel', () => {
  const models = strangeModels();

  it.each(models)('$name: agrees with the independent parser', async ({ bytes }) => {
    expectAgreement(await scanModel(memorySource(bytes)), bytes);
  });

  it.each(models)('$name: written without an edit is the same file', async ({ bytes }) => {
    const model = await scanModel(memorySource(bytes));
    expect(Buffer.compare(await patchedBytes(patchBytes(model.source, [])), bytes)).toBe(0);
  });

  it.each(models)('$name: has the tapped value, read by somebody', async ({ bytes, tapped }) => {
    const { graph } = await scanModel(memorySource(bytes));
    const made = graph.node.flatMap(({ output }) =>
      output.map((name) => Buffer.from(encodeUtf8(name)).toString('hex')),
    );
    for (const name of tapped) expect(made).toContain(Buffer.from(textBytes(name)).toString('hex'));
  });

  it('keeps no view of what the source gave', async () => {
    // Long comments inside of tensors and attributes, so that the window moves while they are read.
    const comment = 'x'.repeat(20_000);
    const extras = { tensor: w.text(12, comment), attribute: join(w.text(13, comment), w.text(21, 'alpha')) };
    const bytes = writeModel(w, residualNet().model, { extras });
    const { source: _, ...model } = await scanModel(memorySource(bytes));
    const { source: __, ...careless } = await scanModel(scratchSource(bytes));
    expect(careless).toEqual(model);
  });

  it('reads little of a file that is nearly all weights', async () => {
    const tensor = (name: string) =>
      w.message(
        5,
        w.int(1, 2_000_000),
        w.int(2, 3),
        w.text(8, name),
        w.message(9, new Uint8Array(2_000_000)),
      );
    const constant = w.message(
      1,
      w.text(2, 'c'),
      w.text(4, 'Constant'),
      w.message(5, w.text(1, 'value'), w.message(5, w.message(9, new Uint8Array(2_000_000)))),
    );
    const bytes = w.message(7, constant, tensor('a'), tensor('b'));
    const source = countingSource(memorySource(bytes));
    const model = await scanModel(source);
    expect(model.graph.initializer.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(model.payloads.map(({ length }) => length)).toEqual([2_000_000, 2_000_000, 2_000_000]);
    expect(source.reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(1_000_000);
  });

  it('reads the model’s own fields, the last of each counting', async () => {
    const model = await scan(
      w.int(1, 3),
      w.text(2, 'pytorch'),
      w.text(3, '2.9'),
      w.message(7, w.text(2, 'net')),
      w.message(8, w.text(1, ''), w.int(2, 17)),
      w.message(8, w.text(1, 'ai.onnx'), w.int(2, 18)),
      w.message(8, w.int(2, 1), w.text(1, 'com.microsoft')),
      w.message(14, w.text(1, 'k'), w.text(2, 'v')),
      w.message(14, w.text(2, Uint8Array.of(0xff))),
      w.int(1, 8),
    );
    expect(model).toMatchObject({ irVersion: 8, producerName: 'pytorch', producerVersion: '2.9' });
    // `ai.onnx` is the default domain by its other name.
    expect(model.opsetImport).toEqual([
      { domain: '', version: 17 },
      { domain: '', version: 18 },
      { domain: 'com.microsoft', version: 1 },
    ]);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ['k', 'v'],
      ['', '\udcff'],
    ]);
  });

  it('reads a node whose fields stand in any order', async () => {
    const model = await scan(
      w.message(
        7,
        w.message(
          1,
          w.text(4, 'Add'),
          w.text(2, 'c'),
          w.text(1, 'a'),
          w.text(7, 'ai.onnx'),
          w.text(1, ''),
          w.text(8, 'o'),
          w.text(1, 'b'),
        ),
      ),
    );
    expect(model.graph.node[0]).toMatchObject({
      opType: 'Add',
      domain: '',
      overload: 'o',
      input: ['a', '', 'b'],
      output: ['c'],
    });
  });

  it('reads a graph in three pieces as one', async () => {
    const node = (name: string) => w.message(1, w.text(3, name), w.text(4, 'Op'));
    const { graph } = await scan(
      w.message(7, node('a')),
      w.message(7),
      w.int(1, 8),
      w.message(7, node('b'), w.text(2, 'g')),
    );
    expect(graph.node.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(graph.node.map(({ span }) => span.parent)).toEqual([graph.segments[0], graph.segments[2]]);
    expect(graph.name).toBe('g');
  });

  it('finds the tensors of training graphs, functions and sparse attributes, in the order of the file', async () => {
    const tensor = tensorContent(w, { name: 't', dims: [1], values: [5] });
    const training = w.message(20, w.message(1, w.message(5, tensor)), w.message(2, w.message(5, tensor)));
    const sparse = w.message(5, w.text(1, 's'), w.message(22, w.message(1, tensor), w.message(2, tensor)));
    const list = w.message(5, w.text(1, 'l'), w.message(23, w.message(1, tensor)));
    const call = join(w.text(4, 'Op'), w.message(5, w.text(1, 'v'), w.message(5, tensor)), sparse, list);
    const fallback = w.message(11, w.text(1, 'd'), w.message(5, tensor));
    // The graph stands first and is read last.
    const graph = w.message(7, w.message(5, tensor));
    const bytes = join(graph, training, w.message(25, w.text(1, 'f'), w.message(7, call), fallback));
    const model = await scanModel(memorySource(bytes));
    expect(model.payloads.length).toBe(8);
    expectAgreement(model, bytes);
  });

  it('names sparse initializers by their values', async () => {
    const values = tensorContent(w, { name: 'sparse', dims: [1], values: [1] });
    const { graph } = await scan(w.message(7, w.message(15, w.message(1, values), w.int(3, 9))));
    expect(graph.sparseInitializer.map(({ name }) => name)).toEqual(['sparse']);
  });
});

describe('attributes', () => {
  it.each<[string, readonly Uint8Array[], Partial<AttributeProto>]>([
    ['f', [w.float(2, 0.5), w.int(20, 1)], { f: 0.5, type: 1 }],
    ['i', [w.int(3, -7), w.int(20, 2)], { i: -7, type: 2 }],
    ['the last i', [w.int(3, 1), w.int(3, 2)], { i: 2 }],
    ['s', [w.text(4, Uint8Array.of(0x61, 0xff))], { s: 'a\udcff' }],
    [
      'packed floats',
      [w.message(7, ...[1, 2].map((value) => w.float(1, value).subarray(1)))],
      { floats: [1, 2] },
    ],
    ['unpacked floats', [w.float(7, 1), w.float(7, 2)], { floats: [1, 2] }],
    ['packed ints', [w.message(8, varint(1), varint(-1), varint(2n ** 40n))], { ints: [1, -1, 2 ** 40] }],
    ['unpacked ints', [w.int(8, 1), w.int(8, -1)], { ints: [1, -1] }],
    ['strings', [w.text(9, 'a'), w.text(9, Uint8Array.of(0xfe))], { strings: ['a', '\udcfe'] }],
    ['refAttrName', [w.text(21, 'alpha')], { refAttrName: 'alpha' }],
    ['nothing', [], { f: 0, i: 0, s: '', floats: [], ints: [], strings: [], type: 0, elided: false }],
  ])('%s', async (_, fields, expected) => {
    expect(await scanAttribute(...fields)).toMatchObject(expected);
  });

  it('merges a tensor and a graph that stand twice', async () => {
    const attribute = await scanAttribute(
      w.message(5, w.int(1, 2)),
      w.message(6, w.message(1, w.text(4, 'A'))),
      w.message(5, w.int(1, 3), w.text(8, 't')),
      w.message(6, w.message(1, w.text(4, 'B'))),
    );
    expect(attribute?.t).toMatchObject({ dims: [2, 3], name: 't' });
    expect(attribute?.g?.node.map(({ opType }) => opType)).toEqual(['A', 'B']);
  });

  it('keeps lists of tensors and graphs apart', async () => {
    const attribute = await scanAttribute(
      w.message(10, w.text(8, 'a')),
      w.message(10, w.text(8, 'b')),
      w.message(11),
      w.message(11),
    );
    expect(attribute?.tensors.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(attribute?.graphs.length).toBe(2);
  });

  it('leaves out lists that are weights, and says so', async () => {
    const few = await scanAttribute(w.message(7, new Uint8Array(4 * 16_000)), w.int(20, 6));
    expect(few).toMatchObject({ elided: false, type: 6 });
    expect(few?.floats.length).toBe(16_000);
    const many = await scanAttribute(w.message(7, new Uint8Array(4 * 17_000)), w.int(20, 6));
    expect(many).toMatchObject({ elided: true, floats: [], type: 6 });
  });
});

describe('types', () => {
  const dim = (...fields: readonly Uint8Array[]): Uint8Array => w.message(1, ...fields);
  const tensor = (...dims: readonly Uint8Array[]): Uint8Array =>
    join(w.int(1, DataType.FLOAT), w.message(2, ...dims));

  it('reads dims: numbers, symbols and unknown ones', async () => {
    const dims = [
      dim(w.int(1, 3)),
      dim(w.text(2, 'N')),
      dim(),
      dim(w.int(1, 0)),
      dim(w.int(1, -1)),
      dim(w.text(2, '')),
    ];
    expect(await scanType(w.message(1, tensor(...dims)))).toEqual({
      kind: 'tensor',
      elemType: DataType.FLOAT,
      shape: [3, 'N', undefined, undefined, undefined, undefined],
    });
  });

  it('tells a scalar from an unknown rank', async () => {
    expect((await scanType(w.message(1, tensor())))?.shape).toEqual([]);
    expect((await scanType(w.message(1, w.int(1, 1))))?.shape).toBeUndefined();
  });

  it('keeps symbols apart that differ in bytes that are not UTF-8', async () => {
    const dims = [0xff, 0xfe].map((byte) => dim(w.text(2, Uint8Array.of(byte))));
    expect((await scanType(w.message(1, tensor(...dims))))?.shape).toEqual(['\udcff', '\udcfe']);
  });

  it('takes the last of a number and a symbol', async () => {
    const dims = [dim(w.int(1, 3), w.text(2, 'N')), dim(w.text(2, 'N'), w.int(1, 3))];
    expect((await scanType(w.message(1, tensor(...dims))))?.shape).toEqual(['N', 3]);
  });

  it('takes the last of two kinds', async () => {
    const sequence = w.message(4, w.message(1, w.message(1, tensor())));
    expect(await scanType(w.message(1, tensor()), sequence)).toMatchObject({
      kind: 'sequence',
      shape: undefined,
    });
    expect(await scanType(w.message(1, tensor(dim())), sequence, w.message(1, w.int(1, 10)))).toEqual({
      kind: 'tensor',
      elemType: DataType.FLOAT16,
      shape: undefined,
    });
  });

  it('merges a type that stands twice', async () => {
    expect(await scanType(w.message(1, w.int(1, 10)), w.message(1, w.message(2, dim(w.int(1, 4)))))).toEqual({
      kind: 'tensor',
      elemType: DataType.FLOAT16,
      shape: [4],
    });
  });

  it.each([
    ['sparseTensor', w.message(8, tensor(dim(w.int(1, 2))))],
    ['sequence', w.message(4, w.message(1, w.message(1, tensor())))],
    ['map', w.message(5, w.int(1, 8), w.message(2, w.message(1, tensor())))],
    ['optional', w.message(9, w.message(1, w.message(1, tensor())))],
    ['opaque', w.message(7, w.text(1, 'd'), w.text(2, 'n'))],
    ['none', w.text(6, 'IMAGE')],
  ])('%s', async (kind, field) => {
    expect((await scanType(field))?.kind).toBe(kind);
  });
});
