import { describe, expect, it } from 'vitest';
import { join, wireWriter } from '../../fixtures/wire-writer.ts';
import { capturedValues } from '../../src/graph/captures.ts';
import { nameScope } from '../../src/graph/names.ts';
import { type GraphView, producerOf, usesOf, viewGraph } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type GraphSpec, viewOf } from '../helpers/model.ts';

const w = wireWriter();

async function viewOfBytes(...fields: readonly Uint8Array[]): Promise<GraphView> {
  return viewGraph(await scanModel(memorySource(join(...fields))));
}

/** A body without inputs that reads a value from outside. */
function reading(value: string, name: string): GraphSpec {
  return { nodes: [['Identity', value, name]], outputs: { [name]: [] } };
}

describe('viewGraph', () => {
  it('knows the producer and all uses of a value', async () => {
    const view = await viewOf({
      inputs: { x: [1], cond: [] },
      weights: { w: [1] },
      nodes: [
        ['Split', 'x', 'a b'],
        ['Add', 'a a', 'c'],
        [
          'If',
          'cond',
          'd',
          { then_branch: { graph: reading('a', 't') }, else_branch: { graph: reading('b', 'e') } },
        ],
        ['Op', 'a _ w', 'f'],
      ],
      outputs: { a: [1], d: [1] },
    });
    expect(producerOf(view, 'b')?.opType).toBe('Split');
    expect(view.producers.get('b')).toEqual({ node: 0, output: 1 });
    expect(producerOf(view, 'x')).toBeUndefined();
    expect(usesOf(view, 'a')).toEqual([
      { kind: 'input', node: 1, input: 0 },
      { kind: 'input', node: 1, input: 1 },
      { kind: 'capture', node: 2 },
      { kind: 'input', node: 3, input: 0 },
      { kind: 'output', index: 0 },
    ]);
    expect(usesOf(view, 'w')).toEqual([{ kind: 'input', node: 3, input: 2 }]);
    expect(usesOf(view, 'nothing')).toEqual([]);
    // An optional input that is left out is no value.
    expect(view.uses.has('')).toBe(false);
  });

  it('gives a use for each place of a graph output that stands twice', async () => {
    const view = await viewOfBytes(
      w.message(7, w.message(12, w.text(1, 'y')), w.message(12, w.text(1, 'y'))),
    );
    expect(usesOf(view, 'y')).toEqual([
      { kind: 'output', index: 0 },
      { kind: 'output', index: 1 },
    ]);
  });

  it('takes the first definition of a name', async () => {
    const node = (opType: string) => w.message(1, w.text(2, 'y'), w.text(4, opType));
    const tensor = (dim: number) => w.message(5, w.int(1, dim), w.text(8, 'w'));
    const sparse = w.message(15, w.message(1, w.int(1, 3), w.text(8, 'w')));
    const input = (denotation: number) =>
      w.message(11, w.text(1, 'x'), w.message(2, w.message(1, w.int(1, denotation))));
    const view = await viewOfBytes(
      w.message(7, sparse, node('A'), node('B'), tensor(1), tensor(2), input(1), input(10)),
    );
    expect(producerOf(view, 'y')?.opType).toBe('A');
    expect(view.initializers.get('w')?.dims).toEqual([1]);
    expect(view.inputs.get('x')?.type.elemType).toBe(1);
  });

  it('knows the version of ONNX’s own operators', async () => {
    const opset = (domain: string, version: number) => w.message(8, w.text(1, domain), w.int(2, version));
    expect((await viewOfBytes(w.message(7), opset('ai.onnx.ml', 3), opset('', 17))).opset).toBe(17);
    expect((await viewOfBytes(w.message(7), opset('ai.onnx', 18))).opset).toBe(18);
    expect((await viewOfBytes(w.message(7), opset('ai.onnx.ml', 3))).opset).toBe(0);
    // The format's third version came with imports; what is older is of the first operators.
    expect((await viewOfBytes(w.int(1, 2), w.message(7))).opset).toBe(1);
    expect((await viewOfBytes(w.int(1, 3), w.message(7))).opset).toBe(0);
  });

  it('keeps names apart that differ in bytes that are not UTF-8', async () => {
    const [a, b] = [Uint8Array.of(0xff), Uint8Array.of(0xfe)];
    const node = (name: Uint8Array) => w.message(1, w.text(2, name), w.text(4, 'Op'));
    const view = await viewOfBytes(w.message(7, node(a), node(b)));
    expect(view.producers.size).toBe(2);
  });
});

describe('capturedValues', () => {
  async function captured(...bodies: readonly GraphSpec[]): Promise<string[]> {
    const attributes = Object.fromEntries(bodies.map((graph, index) => [`body${index}`, { graph }]));
    const view = await viewOf({ nodes: [['Op', '', 'y', attributes]] });
    const [node] = view.nodes;
    return node === undefined ? [] : [...capturedValues(node)].sort();
  }

  it('are what a body reads and does not define', async () => {
    expect(
      await captured({
        inputs: { i: [] },
        weights: { w: [1] },
        nodes: [
          ['Add', 'i w', 'a'],
          ['Add', 'a outer', 'b'],
          ['Add', 'b _', 'c'],
        ],
        outputs: { c: [], passed: [] },
      }),
    ).toEqual(['outer', 'passed']);
  });

  it('come from all bodies, and from bodies in bodies', async () => {
    const inner: GraphSpec = { nodes: [['Add', 'deep local', 'z']], outputs: { z: [] } };
    const outer: GraphSpec = {
      nodes: [
        ['Op', 'here', 'local'],
        ['If', 'local', 'q', { then_branch: { graph: inner } }],
      ],
    };
    expect(await captured(outer, reading('other', 'o'))).toEqual(['deep', 'here', 'other']);
  });

  it('do not include what a body defines after it is read', async () => {
    expect(
      await captured({
        nodes: [
          ['Add', 'late', 'x'],
          ['Op', '', 'late'],
        ],
      }),
    ).toEqual([]);
  });

  it('are none where there is no body', async () => {
    expect(await captured()).toEqual([]);
  });
});

describe('nameScope', () => {
  it('gives each name once, and none that the model uses', async () => {
    const view = await viewOf({
      inputs: { x: [1] },
      outputs: { gone: [1] },
      valueInfo: { noted: [1] },
      weights: { w: [1] },
      nodes: [
        ['Op', 'x read', 'y'],
        ['If', 'y', 'z', { then_branch: { graph: reading('y', 'inside') } }],
      ],
    });
    const scope = nameScope(view);
    expect(['x', 'read', 'y', 'w', 'gone', 'noted', 'inside'].map((name) => scope.claim(name))).toEqual([
      'x_1',
      'read_1',
      'y_1',
      'w_1',
      'gone_1',
      'noted_1',
      'inside_1',
    ]);
    expect(['free', 'free', 'free', 'free_1'].map((name) => scope.claim(name))).toEqual([
      'free',
      'free_1',
      'free_2',
      'free_1_1',
    ]);
  });

  it('knows the names of nodes, sparse initializers and what is in bodies', async () => {
    const body = w.message(
      6,
      w.message(1, w.text(3, 'inner')),
      w.message(5, w.text(8, 'weight')),
      w.message(11, w.text(1, 'in')),
    );
    const node = w.message(1, w.text(3, 'outer'), w.text(4, 'Loop'), w.message(5, w.text(1, 'body'), body));
    const sparse = w.message(15, w.message(1, w.text(8, 'sparse')));
    const scope = nameScope(await viewOfBytes(w.message(7, node, sparse)));
    for (const name of ['inner', 'weight', 'in', 'outer', 'sparse'])
      expect(scope.claim(name)).toBe(`${name}_1`);
  });
});
