import type { onnx } from 'onnx-proto';
import { beforeAll, describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { equalBytes } from '../../src/wire/bytes.ts';
import { type Graph, injectBytes, plant, verifyBytes } from '../helpers/verify-bytes.ts';

/** The faults that verification must find, each planted in a neutral and in a random injection. */
interface Fault {
  readonly name: string;
  /** What finds it: the code of a finding of the edit check, or of a site's. */
  readonly found: string;
  readonly verdict: 'fail' | 'unchecked';
  readonly change: (graph: Graph) => void;
}

const SITE = '/se/';

const FAULTS: readonly Fault[] = [
  {
    name: 'one weight of one block changed by 1e-3 of its value',
    found: 'weights-changed',
    verdict: 'unchecked',
    change: (graph) => scaleWeights(weight(graph, 0, 'reduce.weight'), 1.001, 1),
  },
  {
    name: 'reduce weights times -7',
    found: 'weights-changed',
    verdict: 'unchecked',
    change: (graph) => scaleWeights(weight(graph, 0, 'reduce.weight'), -7),
  },
  {
    name: 'a gate wired to the wrong tensor',
    found: 'not-the-record',
    verdict: 'fail',
    change: (graph) => {
      node(graph, 1, 'scale').input = [node(graph, 1, 'scale').input?.[0] ?? '', outputOf(graph, 0, 'gate')];
    },
  },
  {
    name: 'squeeze and scale reading different values',
    found: 'not-the-record',
    verdict: 'fail',
    change: (graph) => {
      node(graph, 1, 'squeeze').input = [node(graph, 0, 'scale').input?.[0] ?? ''];
    },
  },
  {
    name: 'a swapped expand weight',
    found: 'not-the-record',
    verdict: 'fail',
    change: (graph) => {
      const [first, second] = [node(graph, 0, 'expand'), node(graph, 1, 'expand')];
      [first.input, second.input] = [
        [first.input?.[0] ?? '', ...(second.input ?? []).slice(1)],
        [second.input?.[0] ?? '', ...(first.input ?? []).slice(1)],
      ];
    },
  },
  {
    name: 'a node of the original changed by one attribute',
    found: 'not-the-original',
    verdict: 'fail',
    change: (graph) => {
      const conv = nodes(graph).find(({ opType, name }) => opType === 'Conv' && !name?.includes(SITE));
      const pads = conv?.attribute?.find(({ name }) => name === 'pads');
      if (pads?.ints == null) throw new Error('no pads to change');
      pads.ints = [0, 0, 2, 2];
    },
  },
  {
    name: 'an initializer of the original changed by one bit',
    found: 'not-the-original',
    verdict: 'fail',
    change: (graph) => {
      const tensor = graph.initializer?.find(({ name, rawData }) => !name?.includes(SITE) && rawData?.length);
      if (tensor?.rawData == null) throw new Error('no initializer to change');
      tensor.rawData[0] = (tensor.rawData[0] ?? 0) ^ 1;
    },
  },
  {
    name: 'the scaled value read by another node than the plan says',
    found: 'not-the-use',
    verdict: 'fail',
    change: (graph) => {
      const scaled = outputOf(graph, 0, 'scale');
      const adds = nodes(graph).filter(({ opType }) => opType === 'Add');
      const [own, other] = [adds.find(({ input }) => input?.includes(scaled)), adds.at(-1)];
      const tapped = node(graph, 0, 'scale').input?.[0] ?? '';
      if (own == null || other == null || own === other) throw new Error('no other Add');
      // Stripped, both read what they read before: only the uses of the scaled value tell.
      own.input = (own.input ?? []).map((value) => (value === scaled ? tapped : value));
    },
  },
];

describe.each(['neutral', 'kaiming-uniform'])('a fault in a %s injection', (init) => {
  let before: Uint8Array;
  let after: Uint8Array;

  beforeAll(async () => {
    before = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;
    after = await injectBytes(before, { init });
  });

  it('passes without a fault, by way of the same decoder', async () => {
    const same = plant(after, () => {});
    expect(equalBytes(same, after)).toBe(true);
    const report = await verifyBytes(before, same);
    expect([report.verdict, report.edit.findings, report.detail]).toEqual(['pass', [], expect.any(String)]);
    expect(report.providers[0]?.sites).toHaveLength(9);
    expect(
      report.providers[0]?.sites.every(
        ({ ok, sensitive, oracleMaxRel }) => ok && sensitive && oracleMaxRel < 1,
      ),
    ).toBe(true);
  });

  it.each(FAULTS)('$name is found by $found', async ({ change, found, verdict }) => {
    const faulty = plant(after, change);
    expect(equalBytes(faulty, after)).toBe(false);
    const report = await verifyBytes(before, faulty);
    expect(report.edit.findings.map(({ code }) => code)).toContain(found);
    expect(report.verdict).toBe(verdict);
  });
});

function nodes(graph: Graph): onnx.INodeProto[] {
  return graph.node ?? [];
}

/** The node of the n-th block whose name ends so. */
function node(graph: Graph, block: number, local: string): onnx.INodeProto {
  const found = nodes(graph).filter(({ name }) => name?.endsWith(`${SITE}${local}`))[block];
  if (found === undefined) throw new Error(`no ${local} in block ${block}`);
  return found;
}

function outputOf(graph: Graph, block: number, local: string): string {
  return node(graph, block, local).output?.[0] ?? '';
}

function weight(graph: Graph, block: number, local: string): onnx.ITensorProto {
  const found = (graph.initializer ?? []).filter(({ name }) => name?.endsWith(`${SITE}${local}`))[block];
  if (found == null) throw new Error(`no ${local} in block ${block}`);
  return found;
}

/** Multiplies the first `count` numbers of a float tensor. */
function scaleWeights(tensor: onnx.ITensorProto, factor: number, count = Number.POSITIVE_INFINITY): void {
  const raw = tensor.rawData ?? new Uint8Array(0);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  for (let at = 0; at < Math.min(raw.length, 4 * count); at += 4)
    view.setFloat32(at, view.getFloat32(at, true) * factor, true);
}
