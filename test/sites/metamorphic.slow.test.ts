import { readFileSync } from 'node:fs';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { randomStream } from '../../src/blocks/random.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { localModels, packagedModels } from '../helpers/corpus.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { type NodeMessage, remodel } from '../helpers/remodel.ts';

const { onnx } = onnxProto;

/** Numbers from 0 to 1, always the same. */
type Random = () => number;

/** A way to write a network down otherwise, which leaves it the network that it is. */
type Rewriting = (nodes: readonly NodeMessage[], model: OpenModel, random: Random) => readonly NodeMessage[];

const INFIX = '__se_test_';

const node = (
  opType: string,
  input: readonly string[],
  output: string,
  perm?: readonly number[],
): NodeMessage => ({
  opType,
  input: [...input],
  output: [output],
  attribute:
    perm === undefined
      ? []
      : [{ name: 'perm', type: onnx.AttributeProto.AttributeType.INTS, ints: [...perm] }],
});

/** Puts nodes on some of the edges that features go along. */
function onEdges(
  share: number,
  rank: readonly number[],
  put: (from: string, to: string) => readonly NodeMessage[],
): Rewriting {
  return (nodes, { view, types }, random) => {
    const written: NodeMessage[] = [];
    let count = 0;
    const isFeature = (value: string): boolean => {
      const type = types.get(value);
      return (
        view.producers.has(value) &&
        type?.dataType === DataType.FLOAT &&
        rank.includes(type.shape?.length ?? 0)
      );
    };
    for (const one of nodes) {
      const input = (one.input ?? []).map((value) => {
        if (!isFeature(value) || random() >= share) return value;
        count += 1;
        written.push(...put(value, `${INFIX}${count}`));
        return `${INFIX}${count}`;
      });
      written.push({ ...one, input });
    }
    return written;
  };
}

const MAPS = [3, 4, 5];

const REWRITINGS: Readonly<Record<string, Rewriting>> = {
  'operands swapped': (nodes, _, random) =>
    nodes.map((one) =>
      ['Add', 'Mul', 'Sum', 'Max', 'Min'].includes(one.opType ?? '') &&
      one.input?.length === 2 &&
      random() < 0.5
        ? { ...one, input: one.input.toReversed() }
        : one,
    ),
  'in another order': reorder,
  'with Identity nodes': onEdges(0.3, MAPS, (from, to) => [node('Identity', [from], to)]),
  'with Dropout nodes': onEdges(0.3, MAPS, (from, to) => [node('Dropout', [from], to)]),
  quantized: onEdges(0.3, MAPS, (from, to) => [
    node('QuantizeLinear', [from, `${INFIX}scale`, `${INFIX}zero`], `${to}q`),
    node('DequantizeLinear', [`${to}q`, `${INFIX}scale`, `${INFIX}zero`], to),
  ]),
  'laid out otherwise in between': onEdges(0.2, [4], (from, to) => [
    node('Transpose', [from], `${to}t`, [0, 2, 3, 1]),
    node('Transpose', [`${to}t`], to, [0, 3, 1, 2]),
  ]),
  'flattened in between': onEdges(0.2, MAPS, (from, to) => [
    node('Shape', [from], `${to}s`),
    node('Flatten', [from], `${to}f`),
    node('Reshape', [`${to}f`, `${to}s`], to),
  ]),
};

/** Any order in which producers stand before readers. */
function reorder(nodes: readonly NodeMessage[], { view }: OpenModel, random: Random): readonly NodeMessage[] {
  const waiting = new Map<number, number>();
  const readers = new Map<number, number[]>();
  for (const [reader, proto] of view.nodes.entries()) {
    const captured =
      proto.bodies.length === 0
        ? []
        : [...view.uses].flatMap(([value, uses]) =>
            uses.some((use) => use.kind === 'capture' && use.node === reader) ? [value] : [],
          );
    const sources = new Set(
      [...proto.input, ...captured].flatMap((value) => view.producers.get(value)?.node ?? []),
    );
    waiting.set(reader, sources.size);
    for (const source of sources) readers.set(source, [...(readers.get(source) ?? []), reader]);
  }
  const ready = [...waiting].filter(([, count]) => count === 0).map(([at]) => at);
  const written: NodeMessage[] = [];
  while (ready.length > 0) {
    const [at = 0] = ready.splice(Math.floor(random() * ready.length), 1);
    written.push(nodes[at]!);
    for (const reader of readers.get(at) ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      if (left === 0) ready.push(reader);
    }
  }
  expect(written).toHaveLength(nodes.length);
  return written;
}

/** How many sites there are of each kind in each stage, and how many gates. */
function tally({ view, types }: OpenModel): Record<string, number> {
  const { sites, existing } = findSites(view, types);
  const counts: Record<string, number> = {};
  for (const key of [
    ...sites.map(({ kind, stage }) => `${kind} in stage ${stage}`),
    ...existing.map(({ kind }) => kind),
  ])
    counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

const MODELS: readonly (readonly [string, () => Uint8Array])[] = [
  ...MANIFEST.map((row) => [row.id, () => row.build().model] as const),
  ...[...localModels(), ...packagedModels()].map(
    ({ name, path }) => [name, () => new Uint8Array(readFileSync(path))] as const,
  ),
];

describe('sites do not depend on how a network is written down', () => {
  it.each(MODELS)('%s', async (name, read) => {
    const bytes = read();
    const model = await openBytes(bytes);
    const before = tally(model);
    for (const [how, rewrite] of Object.entries(REWRITINGS)) {
      const stream = randomStream(1, `${name}/${how}`);
      const rewritten = remodel(bytes, ({ graph }) => {
        if (graph == null) return;
        graph.initializer = [
          ...(graph.initializer ?? []),
          { name: `${INFIX}scale`, dataType: DataType.FLOAT, floatData: [0.05] },
          { name: `${INFIX}zero`, dataType: DataType.UINT8, int32Data: [128] },
        ];
        graph.node = [...rewrite(graph.node ?? [], model, () => stream.uniform())];
      });
      expect(tally(await openBytes(rewritten)), how).toEqual(before);
    }
  });
});
