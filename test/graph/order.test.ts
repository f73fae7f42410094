import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonDominator, dominatorsOf, ROOT } from '../../src/graph/dominators.ts';
import { orderNodes } from '../../src/graph/order.ts';
import type { GraphView } from '../../src/graph/view.ts';
import { type NodeRow, viewOf } from '../helpers/model.ts';

/** A node as the numbers of those it reads from; -1 is the graph's input, -2 a weight. */
type Sources = readonly (readonly number[])[];

const nameOf = (source: number): string => (source === -1 ? 'x' : source === -2 ? 'w' : `v${source}`);

/** The view of a graph in which every fourth node reads its last source in a body. */
function graphOf(sources: Sources) {
  const nodes = sources.map((from, at): NodeRow => {
    const names = from.map(nameOf);
    const captured = at % 4 === 3 ? names.pop() : undefined;
    if (captured === undefined) return ['Op', names.join(' '), `v${at}`];
    return [
      'If',
      names.join(' '),
      `v${at}`,
      { then_branch: { graph: { nodes: [['Identity', captured, 'b']] } } },
    ];
  });
  return viewOf({ inputs: { x: [1] }, weights: { w: [1] }, nodes });
}

/** A graph, and which of its values are no weights. */
function isData(view: GraphView): [GraphView, (value: number) => boolean] {
  return [view, (value) => view.wires.names[value] !== 'w'];
}

/** Graphs in which a node reads from any others, cycles included. */
const anyGraph = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.array(fc.array(fc.integer({ min: -2, max: count - 1 }), { maxLength: 3 }), {
    minLength: count,
    maxLength: count,
  }),
);

/** Graphs in which a node reads from nodes before it, in a file that is shuffled. */
const acyclic = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    sources: fc.tuple(
      ...Array.from({ length: count }, (_, at) =>
        fc.array(fc.integer({ min: -2, max: at - 1 }), { maxLength: 3 }),
      ),
    ),
    places: fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }),
  }),
);

function shuffle({ sources, places }: { sources: Sources; places: readonly number[] }): Sources {
  const file: (readonly number[])[] = [];
  for (const [at, from] of sources.entries()) {
    file[places[at] ?? 0] = from.map((source) => (source < 0 ? source : (places[source] ?? 0)));
  }
  return file;
}

/** Nodes that can be reached along the edges from a node, without passing through another. */
function reaches(
  readers: ReadonlyMap<number, readonly number[]>,
  from: number,
  without: number,
): Set<number> {
  const seen = new Set<number>();
  const open = [from];
  while (open.length > 0) {
    const node = open.pop() ?? 0;
    if (node === without || seen.has(node)) continue;
    seen.add(node);
    open.push(...(readers.get(node) ?? []));
  }
  return seen;
}

describe('orderNodes', () => {
  it('gives an order in which producers come first, and all that cannot be ordered', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, async (sources) => {
        const { order, cyclic, sorted } = orderNodes(await graphOf(sources));
        expect([...order, ...cyclic].sort((a, b) => a - b)).toEqual([...sources.keys()]);
        const place = new Map(order.map((node, at) => [node, at]));
        for (const [at, node] of order.entries()) {
          for (const source of sources[node] ?? [])
            if (source >= 0) expect(place.get(source)).toBeLessThan(at);
        }
        // What is left over: each has a source that is left over too.
        for (const node of cyclic)
          expect((sources[node] ?? []).some((source) => cyclic.includes(source))).toBe(true);
        expect(sorted).toBe(sources.every((from, node) => from.every((source) => source < node)));
        if (sorted) expect(order).toEqual([...sources.keys()]);
      }),
      { numRuns: 300 },
    );
  });

  it('orders a legal diamond, and one of many', async () => {
    // 40 diamonds in a row have 2^40 paths.
    const nodes: NodeRow[] = [];
    for (let at = 0; at < 40; at += 1) {
      nodes.push(
        ['Add', `${at}.l ${at}.r`, `${at + 1}`],
        ['Relu', `${at}`, `${at}.l`],
        ['Neg', `${at}`, `${at}.r`],
      );
    }
    const { order, cyclic, sorted } = orderNodes(await viewOf({ inputs: { '0': [1] }, nodes }));
    expect([order.length, cyclic.length, sorted]).toEqual([120, 0, false]);
  });

  it('takes a node that reads its own output for a cycle', async () => {
    expect(orderNodes(await graphOf([[0]]))).toEqual({ order: [], cyclic: [0], sorted: false });
  });
});

describe('dominatorsOf', () => {
  it('gives what removing nodes one by one gives', async () => {
    await fc.assert(
      fc.asyncProperty(acyclic.map(shuffle), async (sources) => {
        const { parents, depths } = dominatorsOf(...isData(await graphOf(sources)));
        const parent = (node: number): number => parents[node + 1] ?? ROOT;
        const readers = new Map<number, number[]>();
        for (const [node, from] of sources.entries()) {
          const data = from.filter((source) => source !== -2);
          // A node without data starts from the graph's sources.
          for (const source of data.length === 0 ? [ROOT] : data)
            readers.set(source, [...(readers.get(source) ?? []), node]);
        }
        for (const node of sources.keys()) {
          const chain = new Set<number>();
          for (let at = parent(node); at !== ROOT; at = parent(at)) chain.add(at);
          const dominating = [...sources.keys()].filter(
            (other) => other !== node && !reaches(readers, ROOT, other).has(node),
          );
          expect([...chain].sort((a, b) => a - b)).toEqual(dominating);
          expect(depths[node + 1]).toBe(chain.size + 1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds the fork of a residual block from its two branches', async () => {
    // 0 → 1 → 2 → 4, 0 → 3 → 4: node 0 forks, 4 adds.
    const dominators = dominatorsOf(...isData(await graphOf([[-1], [0, -2], [1, -2], [0, -2], [2, 3]])));
    expect(commonDominator(dominators, 2, 3)).toBe(0);
    expect(commonDominator(dominators, 2, 0)).toBe(0);
    expect(commonDominator(dominators, 2, 2)).toBe(2);
    expect(commonDominator(dominators, 4, ROOT)).toBe(ROOT);
    expect(dominators.parents[5]).toBe(0);
  });

  it('does not end in a graph with a cycle', async () => {
    const { parents } = dominatorsOf(await graphOf([[-1], [2], [1], [0]]), () => true);
    // The root's own entry, then those of the nodes.
    expect([...parents]).toEqual([ROOT, ROOT, ROOT, ROOT, 0]);
  });
});
