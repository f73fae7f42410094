import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { inferTypes } from '../../src/graph/infer.ts';
import { type GraphView, viewGraph } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { explanationLines } from '../../src/report/render-explanation.ts';
import { plainPaint } from '../../src/report/render-text.ts';
import { explainNode } from '../../src/sites/explain-node.ts';
import { findSites, type SiteOptions } from '../../src/sites/find-sites.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { errorOf } from '../helpers/error-of.ts';
import { type ModelSpec, type NodeRow, viewOf } from '../helpers/model.ts';
import { rows, WEIGHTS } from './helpers.ts';

/** A network of 16 channels: a stem writes `x`, and a classifier reads the last value. */
function network(lines: readonly (string | NodeRow)[], spec: Partial<ModelSpec> = {}): Promise<GraphView> {
  const nodes = lines.flatMap((line) => (typeof line === 'string' ? rows(line) : [line]));
  return viewOf({
    inputs: { image: [1, 3, 32, 32] },
    outputs: { logits: null },
    ...spec,
    weights: { ...WEIGHTS, stem: [16, 3, 3, 3], ...spec.weights },
    nodes: [
      ['Conv', 'image stem', 'stemmed', { pads: [1, 1, 1, 1] }],
      ['Relu', 'stemmed', 'x'],
      ...nodes,
      ['GlobalAveragePool', nodes.at(-1)?.[2] ?? '', 'pooled'],
      ['Conv', 'pooled p', 'logits'],
    ],
  });
}

const RESIDUAL = [
  '3x3 | x | a',
  'Relu | a | b',
  '3x3 | b | c1',
  'Add | c1 x | sum',
  'Relu | sum | y',
  '3x3 | y | z',
  'Relu | z | end',
];

function told(view: GraphView, node: string, options: SiteOptions = {}): string {
  const lines = explanationLines(explainNode(view, inferTypes(view), node, options), plainPaint);
  return `\n${lines.join('\n')}\n`;
}

describe('explainNode', () => {
  it('says of a node that only hands a value on that the graph is read without it', async () => {
    const view = await network([
      '3x3 | x | a',
      'Relu | a | b',
      '3x3 | b | c1',
      'Identity | c1 | same',
      'Add | same x | sum',
      'Relu | sum | end',
    ]);
    const text = told(view, 'same');
    expect(text).toContain('reads     "c1" float [1, 16, 32, 32], 16 channels, from Conv "c1" (#4)');
    expect(text).toContain('read by Add "sum" (#6)');
    expect(text).toContain('the graph is read as if it were not there');
    expect(told(view, 'sum')).toContain(
      '"same" float [1, 16, 32, 32], 16 channels, from Identity "same" (#5)',
    );
  });

  it('tells how the sum of a residual block was judged', async () => {
    expect(told(await network(RESIDUAL), 'sum')).toMatchInlineSnapshot(`
      "
      Add "sum", node 5 of 11
      reads     "c1" float [1, 16, 32, 32], 16 channels, from Conv "c1" (#4)
                "x" float [1, 16, 32, 32], 16 channels, from Relu "x" (#1)
      gives     "sum" float [1, 16, 32, 32], 16 channels, read by Relu "y" (#6)
      read as   sum of 2 values
      fork      Relu "x" (#1); its branches start from "x"
      residual  "c1":
                  convolution 3x3 16->16: Conv "a" (#2)
                  activation Relu: Relu "b" (#3)
                  convolution 3x3 16->16: Conv "c1" (#4)
      skip      "x": nothing in between
                residual is the one branch that is no skip: it does more than hand on, project or reshape what it starts from
      rules     yes: its residual branch holds no attention and no recurrent layer
                yes: its residual branch holds a convolution with weights
                yes: its operands have one shape
                yes: its residual branch stays at the resolution, or is a block that comes back to it
                yes: its residual branch holds no other residual block
                yes: its skip is not the network's own input
                yes: its residual branch gives a map, no tokens of a transformer
                yes: its residual branch is no feed-forward layer behind attention
                yes: its residual branch is more than the positions of a transformer
      verdict   site 0_1 (residual, basic): taps "c1", 16 channels, stage 0, stride 1
      "
    `);
  });

  it('tells what a convolution in a branch belongs to', async () => {
    expect(told(await network(RESIDUAL), 'a')).toMatchInlineSnapshot(`
      "
      Conv "a", node 2 of 11
      reads     "x" float [1, 16, 32, 32], 16 channels, from Relu "x" (#1)
                "c" float [16, 16, 3, 3], a weight
      gives     "a" float [1, 16, 32, 32], 16 channels, read by Relu "b" (#3)
      read as   convolution 3x3 16->16
      verdict   part of site 0_1 (residual, basic): taps "c1", 16 channels, stage 0, stride 1, as a step of the residual branch
                judged at Add "sum" (#5)
      "
    `);
  });

  it('tells why a node is no candidate', async () => {
    expect(told(await network(RESIDUAL), 'z')).toMatchInlineSnapshot(`
      "
      Conv "z", node 7 of 11
      reads     "y" float [1, 16, 32, 32], 16 channels, from Relu "y" (#6)
                "c" float [16, 16, 3, 3], a weight
      gives     "z" float [1, 16, 32, 32], 16 channels, read by Relu "end" (#8)
      read as   convolution 3x3 16->16
      verdict   no site: it is no candidate (convolution 3x3 16->16): candidates are joins of branches (Add, Sum, Concat, Mul) and depthwise convolutions, and layers of plain convolutions where a network has nothing else
      "
    `);
  });

  it('tells how a depthwise convolution is read with the 1x1 convolution behind it', async () => {
    const view = await network([
      'expand | x | e1',
      'Sigmoid | e1 | s1',
      'Mul | e1 s1 | e2',
      'dw64 | e2 | d1',
      'Relu | d1 | d2',
      'project | d2 | y',
      '3x3 | y | z',
    ]);
    expect(told(view, 'd1')).toMatchInlineSnapshot(`
      "
      Conv "d1", node 5 of 11
      reads     "e2" float [1, 64, 32, 32], 64 channels, from Mul "e2" (#4)
                "d64" float [64, 1, 3, 3], a weight
      gives     "d1" float [1, 64, 32, 32], 64 channels, read by Relu "d2" (#6)
      read as   depthwise convolution 3x3 64->64
      chain     convolution 1x1 16->64: Conv "e1" (#2)
                activation SiLU, written as 2 nodes: Sigmoid "s1" (#3), Mul "e2" (#4)
                depthwise convolution 3x3 64->64: Conv "d1" (#5)
                activation Relu: Relu "d2" (#6)
                convolution 1x1 64->16: Conv "y" (#7)
      rules     inverted-residual:
                  yes: an activation stands between the depthwise and the 1x1 convolution
                  yes: the 1x1 convolution is linear, so that it projects
                  yes: the 1x1 convolution is its own, and does not start the next unit
                  yes: the 1x1 convolution does not give the network's predictions
      verdict   site 0_1 (inverted-residual, expand): taps "d2", 64 channels, stage 0, stride 1
      "
    `);
  });

  it('tells both readings of a depthwise convolution that is none of the first kind', async () => {
    const view = await network([
      'dw | x | d1',
      'Relu | d1 | d2',
      '1x1 | d2 | y',
      'Relu | y | z',
      '3x3 | z | w',
    ]);
    expect(told(view, 'd1')).toMatchInlineSnapshot(`
      "
      Conv "d1", node 2 of 9
      reads     "x" float [1, 16, 32, 32], 16 channels, from Relu "x" (#1)
                "d" float [16, 1, 3, 3], a weight
      gives     "d1" float [1, 16, 32, 32], 16 channels, read by Relu "d2" (#3)
      read as   depthwise convolution 3x3 16->16
      chain     depthwise convolution 3x3 16->16: Conv "d1" (#2)
                activation Relu: Relu "d2" (#3)
                convolution 1x1 16->16: Conv "y" (#4)
      rules     inverted-residual:
                  yes: an activation stands between the depthwise and the 1x1 convolution
                  no: the 1x1 convolution is linear, so that it projects; an activation follows it
      rules     depthwise-separable:
                  yes: an activation follows the 1x1 convolution, for all who read it
                  yes: an activation stands inside, or the kind was asked for
                  yes: the activation is none of integer arithmetic
                  yes: something is computed behind it
      verdict   site 0_1 (depthwise-separable, activated): taps "z", 16 channels, stage 0, stride 1
      "
    `);
  });

  it('tells of the depthwise convolution of a block with a skip where the block was judged', async () => {
    const view = await network([
      'expand | x | e1',
      'Relu | e1 | e2',
      'dw64 | e2 | d1',
      'Relu | d1 | d2',
      'project | d2 | y',
      'Add | y x | sum',
      '3x3 | sum | z',
    ]);
    expect(told(view, 'd1')).toMatchInlineSnapshot(`
      "
      Conv "d1", node 4 of 11
      reads     "e2" float [1, 64, 32, 32], 64 channels, from Relu "e2" (#3)
                "d64" float [64, 1, 3, 3], a weight
      gives     "d1" float [1, 64, 32, 32], 64 channels, read by Relu "d2" (#5)
      read as   depthwise convolution 3x3 64->64
      chain     convolution 1x1 16->64: Conv "e1" (#2)
                activation Relu: Relu "e2" (#3)
                depthwise convolution 3x3 64->64: Conv "d1" (#4)
                activation Relu: Relu "d2" (#5)
                convolution 1x1 64->16: Conv "y" (#6)
      rules     inverted-residual:
                  yes: it is all that its residual branch holds
                  yes: it is no ShuffleNet unit, which shuffles channels and has no activation behind the depthwise convolution
      verdict   part of site 0_1 (inverted-residual, expand): taps "d2", 64 channels, stage 0, stride 1, as the depthwise convolution
                judged at Add "sum" (#7)
      "
    `);
  });

  it('names the rule that refuses the merge of a pyramid', async () => {
    const view = await network(
      [
        '3x3/2 | x | down',
        'Relu | down | deep',
        '1x1 | deep | lateral',
        'Resize | lateral _ scales | up',
        'Add | up x | sum',
        '3x3 | sum | z',
      ],
      { weights: { scales: { floats: [1, 1, 2, 2] } } },
    );
    expect(told(view, 'sum')).toMatchInlineSnapshot(`
      "
      Add "sum", node 6 of 10
      reads     "up" float [1, 16, 32, 32], 16 channels, from Resize "up" (#5)
                "x" float [1, 16, 32, 32], 16 channels, from Relu "x" (#1)
      gives     "sum" float [1, 16, 32, 32], 16 channels, read by Conv "z" (#7)
      read as   sum of 2 values
      fork      Relu "x" (#1); its branches start from "x"
      residual  "up":
                  convolution 3x3 s2 16->16: Conv "down" (#2)
                  activation Relu: Relu "deep" (#3)
                  convolution 1x1 16->16: Conv "lateral" (#4)
                  upsampling Resize: Resize "up" (#5)
      skip      "x": nothing in between
                residual is the one branch that is no skip: it does more than hand on, project or reshape what it starts from
      rules     yes: its residual branch holds no attention and no recurrent layer
                yes: its residual branch holds a convolution with weights
                yes: its operands have one shape
                no: its residual branch stays at the resolution, or is a block that comes back to it; one of its operands was brought to this resolution by upsampling: a merge of a pyramid or a decoder
      verdict   no site (merges-resolutions): one of its operands was brought to this resolution by upsampling: a merge of a pyramid or a decoder
      "
    `);
  });

  it('tells of attention before any rule is asked', async () => {
    const nodes: NodeRow[] = [
      ['MatMul', 'x w', 'q'],
      ['MatMul', 'x w', 'k'],
      ['Transpose', 'k', 'kt', { perm: [0, 2, 1] }],
      ['MatMul', 'q kt', 'scores'],
      ['Softmax', 'scores', 'weights'],
      ['MatMul', 'weights x', 'mixed'],
      ['Add', 'mixed x', 'sum'],
      ['MatMul', 'sum w', 'y'],
    ];
    const view = await viewOf({
      inputs: { x: [1, 49, 64] },
      outputs: { y: null },
      weights: { w: [64, 64] },
      nodes,
    });
    expect(told(view, 'sum')).toMatchInlineSnapshot(`
      "
      Add "sum", node 6 of 8
      reads     "mixed" float [1, 49, 64], 64 channels, from MatMul "mixed" (#5)
                "x" float [1, 49, 64], 49 channels, a graph input
      gives     "sum" float [1, 49, 64], 64 channels, read by MatMul "y" (#7)
      read as   sum of 2 values
      fork      no node lies on all ways to its operands; its branches start from "x"
      branch    "mixed":
                  matrix product 64->64: MatMul "q" (#0)
                  matrix product 64->64: MatMul "k" (#1)
                  transposition Transpose: Transpose "kt" (#2)
                  attention MatMul: MatMul "scores" (#3)
                  activation Softmax: Softmax "weights" (#4)
                  attention MatMul: MatMul "mixed" (#5)
      branch    "x": nothing in between
      verdict   no site (attention): adds what attention computed: a transformer layer, no convolutional block
      "
    `);
  });

  it('tells of a node in a gate which gate that is', async () => {
    const view = await network([
      '3x3 | x | a',
      'GlobalAveragePool | a | squeezed',
      '1x1 | squeezed | f1',
      'Relu | f1 | f2',
      '1x1 | f2 | f3',
      'Sigmoid | f3 | g',
      'Mul | a g | scaled',
      'Add | scaled x | sum',
      '3x3 | sum | z',
    ]);
    expect(told(view, 'f2')).toMatchInlineSnapshot(`
      "
      Relu "f2", node 5 of 13
      reads     "f1" float [1, 16, 1, 1], 16 channels, from Conv "f1" (#4)
      gives     "f2" float [1, 16, 1, 1], 16 channels, read by Conv "f3" (#6)
      read as   activation Relu
      part of   channel gate, written as 6 nodes: GlobalAveragePool "squeezed" (#3), Conv "f1" (#4), Relu "f2" (#5), Conv "f3" (#6), Sigmoid "g" (#7), Mul "scaled" (#8)
      verdict   no site (has-gate): the gate of a block of the kind "residual" that was turned down: the block has a channel gate already: a second one is not added
                judged at Add "sum" (#9)
      "
    `);
  });

  it('tells of a join that is no sum how it lies in the graph', async () => {
    const view = await network([
      '3x3 | x | a',
      ['Concat', 'a x', 'joined', { axis: 1 }],
      'Relu | joined | y',
    ]);
    expect(told(view, 'joined')).toMatchInlineSnapshot(`
      "
      Concat "joined", node 3 of 7
      reads     "a" float [1, 16, 32, 32], 16 channels, from Conv "a" (#2)
                "x" float [1, 16, 32, 32], 16 channels, from Relu "x" (#1)
      gives     "joined" float [1, 32, 32, 32], 32 channels, read by Relu "y" (#4)
      read as   concat of 2 values
      fork      Relu "x" (#1); its branches start from "x"
      branch    "a":
                  convolution 3x3 16->16: Conv "a" (#2)
      branch    "x": nothing in between
      verdict   no site (merges-branches): joins branches of which one passes its input on or is a slice of it, or that share their layers: no Inception module
      "
    `);
  });

  it('says of a node in a body where that is', async () => {
    const body = (name: string) => ({ graph: { nodes: [['Relu', 'x', name]] as const } });
    const view = await network([
      ['ReduceMax', 'x', 'top', { keepdims: 0 }],
      ['Cast', 'top', 'yes', { to: 9 }],
      ['If', 'yes', 'picked', { then_branch: body('inner'), else_branch: body('other') }],
    ]);
    expect(told(view, 'other')).toMatchInlineSnapshot(`
      "
      Relu "other", in a body of If "picked"
      verdict   no site: bodies may run many times and functions stand in many places: neither is edited
      "
    `);
  });

  it('judges as the search does that was asked for', async () => {
    const view = await network(RESIDUAL);
    const { verdict } = explainNode(view, inferTypes(view), 'sum', { kinds: ['dense'] });
    expect(verdict).toMatchObject({ kind: 'rejected', reason: 'not-selected', site: null });
  });

  it.each(['bifpn/torchscript', 'efficientnet-b0/torchscript', 'googlenet/caffe2'])(
    'agrees with the search: %s',
    async (id) => {
      const fixture = MANIFEST.find((row) => row.id === id)?.build();
      const view = viewGraph(await scanModel(memorySource(fixture?.model ?? new Uint8Array())));
      const types = inferTypes(view);
      const { sites, rejections } = findSites(view, types);
      const kinds = new Set<string>();
      // The search runs anew for each.
      for (let node = 0; node < view.nodes.length; node += 3) {
        const { verdict } = explainNode(view, types, `#${node}`);
        const rejection = rejections.find((candidate) => candidate.node === node);
        kinds.add(verdict.kind);
        if (rejection === undefined)
          expect(verdict.kind === 'rejected').toBe(verdict.judgedAt !== null && verdict.site === null);
        else
          expect(verdict).toMatchObject({
            kind: 'rejected',
            reason: rejection.reason,
            detail: rejection.detail,
          });
        const around = sites.filter(({ nodes }) => nodes.includes(node)).map((site) => site.id);
        if (verdict.site === null) expect(around).toEqual([]);
        else expect(around).toContain(verdict.site.id);
      }
      expect(kinds.size).toBeGreaterThan(1);
    },
  );

  it('shows names as what they are, and steers no terminal', async () => {
    const view = await network(['3x3 | x | a\u001b[2J', ['\u001bOp', 'a\u001b[2J', 'b'], '3x3 | b | c']);
    expect(told(view, 'b')).not.toContain('\u001b');
    expect(told(view, 'b')).toContain('"a\\u001b[2J"');
  });
});

describe('the node that is asked for', () => {
  const failure = async (view: GraphView, node: string) => {
    const { code, message, details } = await errorOf(() => explainNode(view, new Map(), node));
    return { code, message, details };
  };

  it('is unknown with an offer of what is near', async () => {
    expect(await failure(await network(RESIDUAL), 'stemed')).toEqual({
      code: 'sites/unknown-node',
      message: 'no node is called "stemed": near are "stemmed"',
      details: { node: 'stemed', near: ['stemmed'] },
    });
  });

  it('is unknown without one', async () => {
    expect((await failure(await network(RESIDUAL), '#99')).message).toBe(
      'no node is called "#99": give its name, a value that it writes, or its number',
    );
  });

  it('is ambiguous where several have the name', async () => {
    const view = await network([
      ['Relu', 'x', 'a'],
      ['Relu', 'a', 'a'],
    ]);
    expect(await failure(view, 'a')).toEqual({
      code: 'sites/ambiguous-node',
      message: '"a" names 2 nodes: #2 (Relu "a"), #3 (Relu "a"); say which by its number',
      details: { node: 'a', nodes: [2, 3] },
    });
  });

  it('is meant by its name before its number', async () => {
    const view = await network(['Relu | x | 0', 'Relu | 0 | y']);
    const index = (node: string) => explainNode(view, inferTypes(view), node).index;
    expect([index('0'), index('#0'), index('1')]).toEqual([2, 0, 1]);
  });
});
