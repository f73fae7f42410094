import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Net, residualNet, withGraph } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { strangeModels } from '../../fixtures/strange.ts';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import { compareEdited, type FidelityAccount } from './fidelity.ts';
import { fieldsOf, graphOf, latin1, type ProtoField, parseModel, textOf } from './protobuf-tree.ts';

const w = wireWriter();
const NET = residualNet();
const BEFORE = writeModel(w, NET.model, { extras: { model: w.int(1000, 7), node: w.text(1000, 'kept') } });

/** An edit made by writing another model: a gate behind the branch, read by the Add, with a weight and a record. */
function editedNet(net: Net = NET): Net {
  return withGraph(net, ({ nodes, initializers }) => ({
    nodes: nodes.flatMap((node) => {
      if (node.opType === 'Add') return [{ ...node, input: ['scaled', 'stem'] }];
      if (node.output[0] !== 'branch') return [node];
      return [node, { opType: 'Mul', input: ['branch', 'gate'], output: ['scaled'] }];
    }),
    initializers: [...initializers, { name: 'gate', dims: [1], values: [1] }],
  }));
}

function writeEdited(net: Net): Uint8Array {
  const bytes = writeModel(w, net.model, { extras: { model: w.int(1000, 7), node: w.text(1000, 'kept') } });
  return join(bytes, w.message(14, w.text(1, 'se'), w.text(2, 'x'.repeat(200))));
}

const AFTER = writeEdited(editedNet());

/** Puts a file together again from the fields of the model and those of its graph. */
function rebuild(
  bytes: Uint8Array,
  change: (graph: readonly ProtoField[]) => readonly Uint8Array[],
): Uint8Array {
  return join(
    ...parseModel(bytes).map((field) =>
      field.number === 7 ? w.message(7, ...change(field.children)) : field.raw,
    ),
  );
}

function summary({ inserted, redirected, renamed, changed }: FidelityAccount): string {
  const added = inserted.map(({ kind, name, behind, field }) => [kind, name, behind, latin1(field)]);
  return JSON.stringify({ added, redirected, renamed, changed });
}

describe('parseModel', () => {
  it.each(strangeModels())('$name: the fields joined are the file', ({ bytes }) => {
    const joined = (fields: readonly ProtoField[]): Uint8Array =>
      Buffer.concat(
        fields.map(({ tag, prefix, content, children }) =>
          Buffer.concat([tag, prefix, children.length > 0 ? joined(children) : content]),
        ),
      );
    expect(Buffer.compare(joined(parseModel(bytes)), bytes)).toBe(0);
  });

  it('reads numbers, names and nesting', () => {
    const graph = graphOf(parseModel(BEFORE));
    expect(fieldsOf(graph, 1).map(({ children }) => textOf(children, 4))).toEqual([
      'Conv',
      'Relu',
      'Conv',
      'Relu',
      'Conv',
      'Add',
      'Relu',
      'GlobalAveragePool',
      'Flatten',
    ]);
    expect(fieldsOf(graph, 5).map(({ children }) => textOf(children, 8))).toContain('conv2.bias');
  });

  it.each([
    ['a length past the end', [0x3a, 5, 1]],
    ['a varint cut short', [0x08, 0x80]],
    ['a group', [0x0b, 0x0c]],
  ])('throws on %s', (_, bytes) => {
    expect(() => parseModel(Uint8Array.from(bytes))).toThrow(Error);
  });
});

describe('compareEdited', () => {
  it('finds nothing between a file and itself', () => {
    expect(compareEdited(BEFORE, BEFORE)).toEqual({ inserted: [], redirected: [], renamed: [], changed: [] });
  });

  it('lists what an edit did, and nothing else', () => {
    const account = compareEdited(BEFORE, AFTER);
    expect(account.changed).toEqual([]);
    expect(account.redirected).toEqual([{ node: 'graph.node[5]', index: 0, from: 'branch', to: 'scaled' }]);
    expect(account.renamed).toEqual([]);
    expect(account.inserted.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'node Mul scaled',
      'initializer gate',
      'metadataProps se',
    ]);
    // Right behind the producer, which is the fifth of the graph's fields.
    expect(account.inserted[0]?.behind).toBe(5);
  });

  it('counts the nodes of a graph in two pieces through', () => {
    const options = { splitAt: 3 };
    const renamed = withGraph(NET, ({ nodes }) => ({
      nodes: nodes.map((node) => (node.opType === 'Add' ? { ...node, input: ['scaled', 'stem'] } : node)),
    }));
    const account = compareEdited(writeModel(w, NET.model, options), writeModel(w, renamed.model, options));
    expect(account.changed).toEqual([]);
    expect(account.redirected).toEqual([{ node: 'graph.node[5]', index: 0, from: 'branch', to: 'scaled' }]);
  });

  it('lists an output that was renamed', () => {
    const renamed = withGraph(NET, ({ nodes }) => ({
      nodes: nodes.map((node) => (node.output[0] === 'branch' ? { ...node, output: ['features'] } : node)),
    }));
    const account = compareEdited(writeModel(w, NET.model), writeModel(w, renamed.model));
    expect(account).toEqual({
      inserted: [],
      redirected: [],
      renamed: [{ node: 'graph.node[4]', index: 0, from: 'branch', to: 'features' }],
      changed: [],
    });
  });

  it('lists a string that was redirected in a body of a body', () => {
    const captured = strangeModels().find(({ name }) => name === 'captured-deep')?.bytes ?? new Uint8Array(0);
    const at = Buffer.from(captured).lastIndexOf(
      Buffer.concat([varint(0x0a), w.text(1, 'branch').subarray(1)]),
    );
    // A name of the same length, so that no length prefix has to change.
    const edited = Uint8Array.from(captured);
    edited.set(new TextEncoder().encode('scaled'), at + 2);
    const account = compareEdited(captured, edited);
    expect(account.changed).toEqual([]);
    expect(account.redirected).toEqual([
      {
        node: expect.stringMatching(/^graph\.node\[9\]\.attribute\[\d\]\.graph\[0\]\.node\[0\]/),
        index: 0,
        from: 'branch',
        to: 'scaled',
      },
    ]);
  });

  it('finds a change of one bit, wherever it is', () => {
    const clean = summary(compareEdited(BEFORE, AFTER));
    fc.assert(
      fc.property(fc.nat(AFTER.length * 8 - 1), (bit) => {
        const flipped = Uint8Array.from(AFTER);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(summary(compareEdited(BEFORE, flipped))).not.toBe(clean);
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('calls a changed weight a change, not a renaming', () => {
    const [weight] = fieldsOf(graphOf(parseModel(AFTER)), 5);
    const flipped = Uint8Array.from(AFTER);
    const last = (weight?.start ?? 0) + (weight?.raw.length ?? 0) - 1;
    flipped[last] = (flipped[last] ?? 0) ^ 1;
    expect(compareEdited(BEFORE, flipped).changed).not.toEqual([]);
  });

  it('finds two nodes that changed places', () => {
    const swapped = rebuild(AFTER, (graph) => {
      const raws = graph.map(({ raw }) => raw);
      const [first, second] = [raws[0], raws[1]] as [Uint8Array, Uint8Array];
      return [second, first, ...raws.slice(2)];
    });
    expect(compareEdited(BEFORE, swapped).changed).not.toEqual([]);
  });

  it('finds an unknown field that was dropped from a node', () => {
    const dropped = rebuild(AFTER, (graph) =>
      graph.map((field, at) =>
        at === 3
          ? w.message(1, ...field.children.filter(({ number }) => number !== 1000).map(({ raw }) => raw))
          : field.raw,
      ),
    );
    expect(dropped.length).toBeLessThan(AFTER.length);
    expect(compareEdited(BEFORE, dropped).changed).not.toEqual([]);
  });

  it('finds an unknown field that was dropped from the model', () => {
    const dropped = join(...parseModel(AFTER).flatMap(({ number, raw }) => (number === 1000 ? [] : [raw])));
    expect(compareEdited(BEFORE, dropped).changed).not.toEqual([]);
  });

  it('finds a node that is gone, and one that stands twice', () => {
    const gone = rebuild(AFTER, (graph) => graph.slice(1).map(({ raw }) => raw));
    expect(compareEdited(BEFORE, gone).changed).not.toEqual([]);
    const twice = rebuild(AFTER, (graph) =>
      [graph[0], ...graph].map((field) => field?.raw ?? new Uint8Array(0)),
    );
    expect(compareEdited(BEFORE, twice).inserted.length).toBe(4);
  });

  it('finds a new message where none may be', () => {
    const added = rebuild(AFTER, (graph) => [
      ...graph.map(({ raw }) => raw),
      w.message(12, w.text(1, 'more')),
    ]);
    expect(compareEdited(BEFORE, added).changed).toEqual([
      expect.stringMatching(/^graph: field 12 at \d+ is not of the original$/),
    ]);
  });

  it('finds a length prefix that was made narrower', () => {
    const padded = writeModel(wireWriter(5), NET.model);
    const plain = writeModel(w, NET.model);
    expect(compareEdited(padded, padded).changed).toEqual([]);
    const narrowed = join(
      ...parseModel(padded).map((field) => (field.number === 7 ? w.message(7, field.content) : field.raw)),
    );
    expect(compareEdited(padded, narrowed).changed).toEqual([
      'model.graph: the length prefix has 3 bytes and should have 5',
    ]);
    expect(compareEdited(padded, plain).changed).not.toEqual([]);
  });

  it('finds bytes behind the end', () => {
    expect(compareEdited(BEFORE, join(AFTER, Uint8Array.of(0))).changed).not.toEqual([]);
    expect(compareEdited(BEFORE, join(AFTER, w.text(6, 'more'))).changed).not.toEqual([]);
  });
});
