import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { isSeInjectError } from '../../src/errors.ts';
import { openModel } from '../../src/splice/index.ts';
import { checkEdit } from '../../src/verify/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { equalBytes } from '../../src/wire/bytes.ts';
import { type Graph, injectBytes, plant, verifyBytes } from '../helpers/verify-bytes.ts';

const before = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

/** Draws a number below a limit. */
type Draw = (limit: number) => number;

/** Ways to damage a graph in one place. */
const FAULTS: readonly { readonly name: string; readonly plant: (graph: Graph, draw: Draw) => void }[] = [
  {
    name: 'a bit of a tensor',
    plant: (graph, draw) => {
      const tensor = pick(graph.initializer, draw);
      const raw = tensor?.rawData;
      if (raw == null || raw.length === 0) return;
      raw[draw(raw.length)] = (raw[draw(raw.length)] ?? 0) ^ (1 << draw(8));
    },
  },
  {
    name: 'a wire',
    plant: (graph, draw) => {
      const node = pick(graph.node, draw);
      const values = [
        ...graph.node.flatMap(({ output }) => output ?? []),
        ...graph.initializer.map(({ name }) => name ?? ''),
      ];
      if (node?.input == null || node.input.length === 0) return;
      node.input[draw(node.input.length)] = values[draw(values.length)] ?? '';
    },
  },
  {
    name: 'an operator',
    plant: (graph, draw) => {
      const node = pick(graph.node, draw);
      if (node != null)
        node.opType =
          ['Relu', 'Sigmoid', 'Tanh', 'Identity', 'Mul', 'Add', 'Sub', 'HardSigmoid'][draw(8)] ?? '';
    },
  },
  {
    name: 'an attribute',
    plant: (graph, draw) => {
      const attribute = pick(
        graph.node.filter(({ attribute: list }) => (list?.length ?? 0) > 0),
        draw,
      )?.attribute?.[0];
      if (attribute == null) return;
      if (attribute.ints != null && attribute.ints.length > 0)
        attribute.ints[draw(attribute.ints.length)] = 2 + draw(3);
      else if (attribute.f != null && attribute.f !== 0) attribute.f *= 1.25;
      else attribute.i = 1 + draw(5);
    },
  },
  {
    name: 'an attribute left out',
    plant: (graph, draw) => {
      pick(graph.node, draw)?.attribute?.pop();
    },
  },
  {
    name: 'a node left out',
    plant: (graph, draw) => {
      graph.node.splice(draw(graph.node.length), 1);
    },
  },
  {
    name: 'two inputs exchanged',
    plant: (graph, draw) => {
      const input = pick(graph.node, draw)?.input;
      if (input != null && input.length > 1) [input[0], input[1]] = [input[1] ?? '', input[0] ?? ''];
    },
  },
  {
    name: 'a shape',
    plant: (graph, draw) => {
      const dims = pick(graph.initializer, draw)?.dims;
      if (dims != null && dims.length > 1) dims.reverse();
    },
  },
];

describe.each(['neutral', 'kaiming-uniform'])('a random single fault in a %s injection', (init) => {
  it('never passes', async () => {
    const after = await injectBytes(before, { init });
    const original = await openModel(memorySource(before));
    const tally = { edit: 0, refused: 0, run: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.nat(FAULTS.length - 1),
        fc.infiniteStream(fc.nat(2 ** 31 - 1)),
        async (kind, stream) => {
          const fault = FAULTS[kind];
          const faulty = plant(after, (graph) =>
            fault?.plant(graph, (limit) => (stream.next().value ?? 0) % Math.max(1, limit)),
          );
          fc.pre(!equalBytes(faulty, after));
          const how = await foundBy(faulty);
          expect(how, fault?.name).not.toBe('nobody');
          if (how !== 'nobody') tally[how] += 1;
        },
      ),
      { numRuns: 500, seed: 20 },
    );
    // Each door was passed through, so that none of them is what lets faults by.
    expect(tally.edit).toBeGreaterThan(100);
    expect(tally.refused).toBeGreaterThan(10);

    async function foundBy(faulty: Uint8Array): Promise<keyof typeof tally | 'nobody'> {
      try {
        const edit = await checkEdit(original, await openModel(memorySource(faulty)));
        if (edit.findings.some(({ level }) => level !== 'note')) return 'edit';
        // What the files do not tell, running the models must.
        return (await verifyBytes(before, faulty)).verdict === 'pass' ? 'nobody' : 'run';
      } catch (error) {
        if (isSeInjectError(error)) return 'refused';
        throw error;
      }
    }
  }, 120_000);
});

function pick<T>(items: readonly T[], draw: Draw): T | undefined {
  return items[draw(items.length)];
}
