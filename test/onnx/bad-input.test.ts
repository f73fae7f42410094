import { describe, expect, it } from 'vitest';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { type ByteSource, memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';
import { countingSource } from '../helpers/sources.ts';

const w = wireWriter();

const MANY = 300_000;

/** Puts a content into so many messages of one another, made from the inside out without copying each time. */
function nested(levels: number, fields: readonly number[], core: Uint8Array): Uint8Array {
  const heads: Uint8Array[] = [];
  let length = core.length;
  for (let level = levels - 1; level >= 0; level -= 1) {
    const head = join(varint((fields[level % fields.length] ?? 1) * 8 + 2), varint(length));
    heads.push(head);
    length += head.length;
  }
  return join(...heads.reverse(), core);
}

const repeated = (part: Uint8Array, times: number): Uint8Array => {
  const bytes = new Uint8Array(part.length * times);
  for (let at = 0; at < bytes.length; at += part.length) bytes.set(part, at);
  return bytes;
};

describe('scanModel refuses', () => {
  it.each<[string, Uint8Array, ErrorCode, Record<string, unknown>, string]>([
    [
      'a length past the end',
      join(w.int(1, 8), Uint8Array.of(0x3a, 100, 1, 2)),
      'wire/length-past-end',
      { offset: 2, field: 'model' },
      'field 7 ends at byte 104, past 6 at byte 2, in model: the file is damaged, cut short or no ONNX model',
    ],
    [
      'a length past the end of its message, though not of the file',
      join(w.message(7, Uint8Array.of(0x0a, 5, 1)), w.text(6, 'more of the file')),
      'wire/length-past-end',
      { offset: 2, field: 'model.graph' },
      'field 1 ends at byte 9, past 5 at byte 2, in model.graph: the file is damaged, cut short or no ONNX model',
    ],
    [
      'a length near 2 GiB',
      join(Uint8Array.of(0x3a), varint(2 ** 31 - 1)),
      'wire/length-past-end',
      { offset: 0, field: 'model' },
      'field 7 ends at byte 2147483653, past 6 at byte 0, in model: the file is damaged, cut short or no ONNX model',
    ],
    [
      'a known field in another wire type',
      w.message(7, w.message(1, w.int(4, 1))),
      'wire/unexpected-wire-type',
      { offset: 4, field: 'model.graph.node[0].opType', wireType: 0 },
      'wire type 0 for field "opType" at byte 4, in model.graph.node[0]: the file is damaged or no ONNX model',
    ],
    [
      'float_data written as varints',
      w.message(7, w.message(5, w.int(4, 1))),
      'wire/unexpected-wire-type',
      { offset: 4, field: 'model.graph.initializer[0].floatData', wireType: 0 },
      'wire type 0 for field "floatData" at byte 4, in model.graph.initializer[0]: the file is damaged or no ONNX model',
    ],
    [
      'dims written as fixed numbers',
      w.message(7, w.message(5, w.double(1, 1))),
      'wire/unexpected-wire-type',
      { offset: 4, field: 'model.graph.initializer[0].dims', wireType: 1 },
      'wire type 1 for field "dims" at byte 4, in model.graph.initializer[0]: the file is damaged or no ONNX model',
    ],
    [
      'floats that end within a number',
      w.message(7, w.message(1, w.message(5, w.message(7, new Uint8Array(6))))),
      'wire/truncated',
      { offset: 6, field: 'model.graph.node[0].attribute[0].floats' },
      'list "floats" that ends within a number at byte 6, in model.graph.node[0].attribute[0]: the file is damaged or no ONNX model',
    ],
    [
      'ints that end within a number',
      w.message(7, w.message(1, w.message(5, w.message(8, Uint8Array.of(1, 0x80))))),
      'wire/truncated',
      { offset: 6, field: 'model.graph.node[0].attribute[0].ints' },
      'list "ints" that ends within a number at byte 6, in model.graph.node[0].attribute[0]: the file is damaged or no ONNX model',
    ],
    [
      'dims with an endless number',
      w.message(7, w.message(5, w.message(1, new Uint8Array(12).fill(0xff), Uint8Array.of(0)))),
      'wire/truncated',
      { offset: 4, field: 'model.graph.initializer[0].dims' },
      'list "dims" that ends within a number at byte 4, in model.graph.initializer[0]: the file is damaged or no ONNX model',
    ],
    [
      'a name of over 16 MiB',
      w.message(7, w.message(2, new Uint8Array(2 ** 24 + 1))),
      'wire/too-large',
      { offset: 10, field: 'model.graph', length: 2 ** 24 + 1 },
      '16777217 bytes at byte 10, in model.graph, where 16777216 are the most that is read: the file is damaged',
    ],
    [
      'a file without a graph',
      w.int(1, 8),
      'onnx/no-graph',
      { size: 2 },
      'the file has no graph: it is no ONNX model, or an empty one',
    ],
    [
      'damage in a message that nobody looks into',
      w.message(7, w.message(1, w.message(10, w.message(2, w.message(4, Uint8Array.of(0x0a, 1, 0)))))),
      'wire/unexpected-wire-type',
      {
        offset: 10,
        field: 'model.graph.node[0].deviceConfigurations.shardingSpec.shardedDim.axis',
        wireType: 2,
      },
      'wire type 2 for field "axis"',
    ],
  ])('%s', async (_, bytes, code, details, message) => {
    const error = await errorOf(scanModel(memorySource(bytes)));
    expect([error.code, error.message.slice(0, message.length)]).toEqual([code, message]);
    expect(error.details).toEqual(details);
  });

  it('10,000 bodies in one another', async () => {
    // A node, its attribute, the graph in that, a node, ...
    const bodies = w.message(7, nested(9_999, [1, 5, 6], new Uint8Array(0)));
    const deep = await errorOf(scanModel(memorySource(bodies)));
    expect(deep.code).toBe('wire/too-deep');
    expect(deep.message).toMatch(
      /^messages nest over 100 deep at byte \d+, in ….*node\[0\]\.attribute\[0\].*: no ONNX reader follows them$/,
    );
    expect(deep.details).toMatchObject({
      limit: 100,
      offset: expect.any(Number),
      field: expect.stringContaining('….'),
    });
  });

  it.each([
    ['sequences', [4, 1]],
    ['optionals', [9, 1]],
    ['maps', [5, 2]],
  ])('types of 10,000 %s in one another', async (_, fields) => {
    const type = nested(10_000, fields, w.message(1, w.int(1, 1)));
    for (const bytes of [
      w.message(7, w.message(11, w.message(2, type))),
      w.message(7, w.message(1, w.message(5, w.message(14, type)))),
      w.message(7, w.message(1, w.message(5, w.message(15, type)))),
    ]) {
      const error = await errorOf(scanModel(memorySource(bytes)));
      expect(error.code).toBe('wire/too-deep');
    }
  });
});

describe('scanModel bears', () => {
  it('30 bodies in one another', async () => {
    const bodies = w.message(7, nested(90, [1, 5, 6], w.text(2, 'core')));
    let graph = (await scanModel(memorySource(bodies))).graph;
    for (let level = 0; level < 30; level += 1) {
      const body = graph.node[0]?.attribute.get('')?.g;
      if (body === undefined) throw new Error(`no body at level ${level}`);
      graph = body;
    }
    expect(graph.name).toBe('core');
  });

  it.each<
    [string, Uint8Array, (graph: Awaited<ReturnType<typeof scanModel>>['graph']) => number | undefined]
  >([
    ['nodes', repeated(w.message(1), MANY), (graph) => graph.node.length],
    ['initializers', repeated(w.message(5), MANY), (graph) => graph.initializer.length],
    [
      'values of a sparse initializer',
      w.message(15, repeated(w.message(1), MANY)),
      (graph) => graph.sparseInitializer.length,
    ],
    ['inputs of a node', w.message(1, repeated(w.text(1, ''), MANY)), (graph) => graph.node[0]?.input.length],
    [
      'graphs in an attribute',
      w.message(1, w.message(5, repeated(w.message(11), MANY))),
      (graph) => graph.node[0]?.attribute.get('')?.graphs.length,
    ],
    [
      'dims of a tensor',
      w.message(5, w.message(1, new Uint8Array(MANY))),
      (graph) => graph.initializer[0]?.dims.length,
    ],
  ])('300,000 %s', async (_, content, count) => {
    const { graph } = await scanModel(memorySource(w.message(7, content)));
    expect(count(graph)).toBe(MANY);
  });

  it('300,000 pieces of a graph', async () => {
    const { graph } = await scanModel(memorySource(repeated(w.message(7), MANY)));
    expect(graph.segments.length).toBe(MANY);
  });
});

describe('a file that claims to be huge', () => {
  /** A file of which only the first bytes are known; the rest is zeros that nobody has made yet. */
  function claimed(size: number, head: Uint8Array): ByteSource {
    return {
      size,
      read: async (offset, length) => {
        const bytes = new Uint8Array(length);
        if (offset < head.length) bytes.set(head.subarray(offset, offset + length));
        return bytes;
      },
    };
  }

  const GIB = 2 ** 30;

  it('is passed over where it is a weight', async () => {
    const head = join(
      Uint8Array.of(0x3a),
      varint(2 * GIB - 100),
      Uint8Array.of(0x2a),
      varint(2 * GIB - 106),
      w.text(8, 'weight'),
      Uint8Array.of(0x4a),
      varint(2 * GIB - 120),
    );
    const payload = { offset: head.length, length: 2 * GIB - 120 };
    const size = head.length + payload.length;
    const sound = join(
      Uint8Array.of(0x3a),
      varint(size - 6),
      Uint8Array.of(0x2a),
      varint(size - 12),
      head.subarray(12),
    );
    const source = countingSource(claimed(size, sound));
    const model = await scanModel(source);
    expect(model.payloads).toEqual([payload]);
    expect(source.reads.reduce((sum, [, length]) => sum + length, 0)).toBeLessThan(600_000);
  });

  it.each<[string, Uint8Array, string]>([
    ['a name', Uint8Array.of(0x12), 'model'],
    ['a record of the model', Uint8Array.of(0x72), 'model.metadataProps[0]'],
    ['the operator set', Uint8Array.of(0x42), 'model.opsetImport[0]'],
  ])('is refused where it is %s', async (_, tag, field) => {
    const inner = field === 'model' ? new Uint8Array(0) : join(Uint8Array.of(0x0a), varint(2 * GIB - 20));
    const length = inner.length === 0 ? 2 * GIB - 20 : inner.length + 2 * GIB - 20;
    const head = join(tag, varint(length), inner);
    const source = countingSource(claimed(head.length - inner.length + length, head));
    const error = await errorOf(scanModel(source));
    expect(error.code).toBe('wire/too-large');
    expect(error.details).toMatchObject({ field });
    expect(source.reads.reduce((sum, [, each]) => sum + each, 0)).toBeLessThan(600_000);
  });
});
