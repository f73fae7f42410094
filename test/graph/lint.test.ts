import { describe, expect, it } from 'vitest';
import { join, wireWriter } from '../../fixtures/wire-writer.ts';
import { assertSound, type LintFinding, lintModel } from '../../src/graph/lint.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';
import { type GraphSpec, type ModelSpec, modelBytes } from '../helpers/model.ts';

const w = wireWriter();

async function lint(bytes: Uint8Array): Promise<readonly LintFinding[]> {
  return lintModel(await scanModel(memorySource(bytes)));
}

/** A graph of raw fields, for what the short form cannot say. */
const graph = (...fields: readonly Uint8Array[]): Uint8Array => w.message(7, ...fields);
const node = (opType: string, input: string, output: string, name = ''): Uint8Array =>
  w.message(1, w.text(1, input), w.text(2, output), w.text(3, name), w.text(4, opType));
const input = w.message(11, w.text(1, 'x'));
const tensor = (name: string): Uint8Array => w.message(5, w.text(8, name));
const body = (...nodes: GraphSpec['nodes']): { graph: GraphSpec } => ({
  graph: { nodes, outputs: { [nodes.at(-1)?.[2] ?? '']: [] } },
});

describe('lintModel accepts', () => {
  it.each<[string, ModelSpec]>([
    ['a plain graph', { inputs: { x: [1] }, nodes: [['Relu', 'x', 'y']], outputs: { y: [1] } }],
    [
      'an unsorted graph',
      {
        inputs: { x: [1] },
        nodes: [
          ['Neg', 'z', 'y'],
          ['Relu', 'x', 'z'],
        ],
        outputs: { y: [1] },
      },
    ],
    [
      'an initializer that is an input too',
      { inputs: { w: [1] }, weights: { w: [1] }, nodes: [['Relu', 'w', 'y']], outputs: { y: [1] } },
    ],
    [
      'optional inputs and outputs that are left out',
      {
        inputs: { x: [1] },
        nodes: [
          ['Dropout', 'x _ _', 'y _'],
          ['Op', '_ x', '_ z'],
        ],
        outputs: { y: [1] },
      },
    ],
    ['an input that is an output', { inputs: { x: [1] }, nodes: [], outputs: { x: [1] } }],
    [
      'bodies that read what is around them',
      {
        inputs: { x: [1], c: [] },
        nodes: [
          ['Relu', 'x', 'a'],
          [
            'If',
            'c',
            'y',
            {
              then_branch: body(
                ['Neg', 'a', 't'],
                ['If', 'c', 'tt', { then_branch: body(['Add', 'a t', 'ttt']) }],
              ),
              else_branch: body(['Neg', 'x', 'e']),
            },
          ],
        ],
        outputs: { y: [1] },
      },
    ],
    [
      'names that two bodies share',
      {
        inputs: { c: [] },
        nodes: [
          ['If', 'c', 'y', { then_branch: body(['Op', '', 'same']), else_branch: body(['Op', '', 'same']) }],
        ],
        outputs: { y: [] },
      },
    ],
  ])('%s', async (_, spec) => {
    expect(await lint(modelBytes(spec))).toEqual([]);
  });

  it('names that differ in bytes that are not UTF-8', async () => {
    const made = (byte: number) => w.message(1, w.text(2, Uint8Array.of(byte)), w.text(4, 'Op'));
    expect(await lint(graph(made(0xff), made(0xfe)))).toEqual([]);
  });
});

describe('lintModel finds', () => {
  it.each<[string, Uint8Array, readonly LintFinding[]]>([
    [
      'two nodes that write one value',
      graph(input, node('Relu', 'x', 'y', 'first'), node('Neg', 'x', 'y', 'second')),
      [
        {
          code: 'graph/duplicate-name',
          name: 'y',
          message:
            'value "y" is defined twice (again by the Neg node "second"): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'a node that writes a graph input',
      graph(input, node('Relu', 'x', 'x')),
      [
        {
          code: 'graph/duplicate-name',
          name: 'x',
          message:
            'value "x" is defined twice (again by the Relu node): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'a node that writes an initializer',
      graph(input, tensor('w'), node('Relu', 'x', 'w')),
      [
        {
          code: 'graph/duplicate-name',
          name: 'w',
          message:
            'value "w" is defined twice (again by the Relu node): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'an input that stands twice',
      graph(input, input),
      [
        {
          code: 'graph/duplicate-name',
          name: 'x',
          message:
            'value "x" is defined twice (again by a graph input): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'an initializer that stands twice',
      graph(tensor('w'), tensor('w')),
      [
        {
          code: 'graph/duplicate-name',
          name: 'w',
          message:
            'value "w" is defined twice (again by an initializer): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'an initializer of an input that stands twice',
      graph(w.message(11, w.text(1, 'w')), tensor('w'), tensor('w')),
      [
        {
          code: 'graph/duplicate-name',
          name: 'w',
          message:
            'value "w" is defined twice (again by an initializer): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'a node that writes one value twice',
      graph(w.message(1, w.text(2, 'y'), w.text(2, 'y'), w.text(4, 'Op'))),
      [
        {
          code: 'graph/duplicate-name',
          name: 'y',
          message:
            'value "y" is defined twice (again by the Op node): a value has one producer, export the model again',
        },
      ],
    ],
    [
      'an input without a name',
      graph(w.message(11)),
      [{ code: 'graph/empty-name', name: '', message: 'a graph input has no name: nothing can refer to it' }],
    ],
    [
      'an initializer without a name',
      graph(w.message(5)),
      [
        {
          code: 'graph/empty-name',
          name: '',
          message: 'an initializer has no name: nothing can refer to it',
        },
      ],
    ],
    [
      'an output without a name',
      graph(w.message(12)),
      [{ code: 'graph/empty-name', name: '', message: 'a graph output has no name' }],
    ],
    [
      'a node without a type',
      graph(w.message(1, w.text(2, 'y'), w.text(3, 'odd'))),
      [{ code: 'graph/empty-name', name: '', message: 'the untyped node "odd" has no operator type' }],
    ],
    [
      'a dangling input',
      graph(input, node('Relu', 'missing', 'y', 'relu1')),
      [
        {
          code: 'graph/dangling-input',
          name: 'missing',
          message:
            'the Relu node "relu1" reads value "missing", which nothing defines: the file is incomplete, export the model again',
        },
      ],
    ],
    [
      'an output that nothing makes',
      graph(input, w.message(12, w.text(1, 'y'))),
      [
        {
          code: 'graph/dangling-input',
          name: 'y',
          message:
            'a graph output reads value "y", which nothing defines: the file is incomplete, export the model again',
        },
      ],
    ],
    [
      'a name that would steer the terminal, and shows it harmless',
      graph(node('Relu', 'a\u001b[2J', 'y', '\u202ex')),
      [
        {
          code: 'graph/dangling-input',
          name: 'a\u001b[2J',
          message:
            'the Relu node "\\u202ex" reads value "a\\u001b[2J", which nothing defines: the file is incomplete, export the model again',
        },
      ],
    ],
    [
      'a cycle',
      graph(input, node('Relu', 'x', 'a'), node('Neg', 'c', 'b', 'back'), node('Abs', 'b', 'c')),
      [
        {
          code: 'graph/cycle',
          name: 'b',
          message:
            'the graph has a cycle through the Neg node "back": a value cannot depend on itself, export the model again',
        },
      ],
    ],
    [
      'a node that reads its own output',
      graph(node('Relu', 'a', 'a')),
      [
        {
          code: 'graph/cycle',
          name: 'a',
          message:
            'the graph has a cycle through the Relu node: a value cannot depend on itself, export the model again',
        },
      ],
    ],
    [
      'a cycle through a body',
      modelBytes({
        inputs: { c: [] },
        nodes: [['If', 'c', 'y', { then_branch: body(['Neg', 'y', 't']) }]],
        outputs: { y: [] },
      }),
      [
        {
          code: 'graph/cycle',
          name: 'y',
          message:
            'the graph has a cycle through the If node: a value cannot depend on itself, export the model again',
        },
      ],
    ],
  ])('%s', async (_, bytes, findings) => {
    expect(await lint(bytes)).toEqual(findings);
  });

  it('what a body reads and nothing around it defines', async () => {
    const findings = await lint(
      modelBytes({
        inputs: { c: [] },
        // What the other branch defines is not to be seen.
        nodes: [
          ['If', 'c', 'y', { then_branch: body(['Neg', 'e', 't']), else_branch: body(['Op', '', 'e']) }],
        ],
        outputs: { y: [] },
      }),
    );
    expect(findings.map(({ code, name }) => [code, name])).toEqual([['graph/dangling-input', 'e']]);
  });

  it('what a body defines twice, and what a body of a function lacks', async () => {
    const twice = modelBytes({
      inputs: { c: [] },
      nodes: [['If', 'c', 'y', { then_branch: body(['Op', '', 't'], ['Op', '', 't']) }]],
      outputs: { y: [] },
    });
    expect((await lint(twice)).map(({ code, name }) => [code, name])).toEqual([
      ['graph/duplicate-name', 't'],
    ]);
    const call = w.message(
      1,
      w.text(4, 'If'),
      w.message(
        5,
        w.text(1, 'then_branch'),
        w.message(6, node('Neg', 'lost', 't'), node('Neg', 'known', 'u')),
      ),
    );
    const functions = w.message(25, w.text(1, 'f'), w.text(4, 'known'), w.message(7, call.subarray(2)));
    expect((await lint(join(graph(), functions))).map(({ name }) => name)).toEqual(['lost']);
  });

  it('a cycle inside a body, and one inside a function', async () => {
    const inBody = modelBytes({
      inputs: { c: [] },
      nodes: [['If', 'c', 'y', { then_branch: body(['Neg', 'u', 't'], ['Neg', 't', 'u']) }]],
      outputs: { y: [] },
    });
    expect((await lint(inBody)).map(({ code, name }) => [code, name])).toEqual([['graph/cycle', 't']]);
    const inner = (from: string, to: string): Uint8Array =>
      w.message(7, w.text(1, from), w.text(2, to), w.text(4, 'Neg'));
    const functions = w.message(25, w.text(1, 'f'), inner('b', 'a'), inner('a', 'b'));
    expect((await lint(join(graph(), functions))).map(({ code }) => code)).toEqual(['graph/cycle']);
  });

  it('what a function defines twice', async () => {
    const inner = w.message(7, w.text(1, 'x'), w.text(2, 'y'), w.text(4, 'Neg'));
    const functions = w.message(25, w.text(1, 'f'), w.text(4, 'x'), inner, inner);
    expect((await lint(join(graph(), functions))).map(({ code, name }) => [code, name])).toEqual([
      ['graph/duplicate-name', 'y'],
    ]);
  });

  it('a tensor whose shape is not that of its data, wherever it stands', async () => {
    const size = { floats: [1, 2, 3, 4], dims: [2, 200] };
    const inBody = body(['Constant', '', 'c', { value: { tensor: size } }]);
    const findings = await lint(
      modelBytes({
        weights: { w: size },
        nodes: [['If', 'w', 'y', { then_branch: inBody, else_branch: inBody }]],
        outputs: { y: [1] },
      }),
    );
    expect(findings.map(({ code, name }) => [code, name])).toEqual([
      ['onnx/tensor-data-size', 'w'],
      ['onnx/tensor-data-size', ''],
      ['onnx/tensor-data-size', ''],
    ]);
  });

  it('several things at once', async () => {
    const findings = await lint(graph(input, input, node('Relu', 'p', 'y'), node('Relu', 'q', 'z')));
    expect(findings.map(({ name }) => name)).toEqual(['x', 'p', 'q']);
  });
});

describe('assertSound', () => {
  it('lets a sound model pass', async () => {
    const model = await scanModel(memorySource(graph(input, node('Relu', 'x', 'y'))));
    expect(assertSound(model)).toBeUndefined();
  });

  it('throws the first finding, with all of them in its details', async () => {
    const model = await scanModel(memorySource(graph(node('Relu', 'p', 'y'), node('Relu', 'q', 'z'))));
    const error = await errorOf(() => assertSound(model));
    expect(error.code).toBe('graph/dangling-input');
    expect(error.message).toBe(
      'the Relu node reads value "p", which nothing defines: the file is incomplete, export the model again (and 1 more)',
    );
    expect(error.details).toEqual({ name: 'p', findings: lintModel(model) });
  });
});
