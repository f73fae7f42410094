import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import type { ValueTypes } from '../../src/graph/types.ts';
import type { GraphView } from '../../src/graph/view.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { countLookups } from '../helpers/lookups.ts';
import { type NodeRow, viewOf } from '../helpers/model.ts';
import { WEIGHTS } from './helpers.ts';

const SMALL = 10_000;
const LARGE = 5 * SMALL;
/** Five times the nodes may take this many times the lookups: linear but for how the walks begin, and far from square. */
const FACTOR = 6;

type Grow = (write: (op: string, inputs: string) => string, grown: (share?: number) => boolean) => string;

const conv = (write: Parameters<Grow>[0], x: string) => write('Conv', `${x} c`);
const residual = (write: Parameters<Grow>[0], x: string) => write('Relu', conv(write, x));

/** Ways to make the walks of a careless finder long. */
const SHAPES: Readonly<Record<string, Grow>> = {
  'residual blocks': (write, grown) => {
    let x = conv(write, 'x');
    while (!grown()) x = write('Add', `${residual(write, x)} ${x}`);
    return x;
  },
  'skips from all encoders to all decoders': (write, grown) => {
    let x = conv(write, 'x');
    const skips: string[] = [];
    while (!grown(0.4)) {
      skips.push(x);
      x = residual(write, x);
    }
    for (let skip = skips.pop(); skip !== undefined; skip = skips.pop())
      x = write('Add', `${residual(write, x)} ${skip}`);
    while (!grown()) x = residual(write, x);
    return x;
  },
  'skips to the first layer': (write, grown) => {
    const first = conv(write, 'x');
    let x = first;
    while (!grown()) x = write('Add', `${residual(write, x)} ${first}`);
    return x;
  },
  'a sum that runs along (WaveNet)': (write, grown) => {
    let x = conv(write, 'x');
    let sum = conv(write, x);
    while (!grown()) {
      x = residual(write, x);
      sum = write('Add', `${sum} ${write('Conv', `${x} p`)}`);
    }
    return sum;
  },
  'skips over thirty layers': (write, grown) => {
    const all = [conv(write, 'x')];
    while (!grown()) all.push(write('Add', `${write('Sigmoid', all.at(-1)!)} ${all.at(-30) ?? all[0]}`));
    return all.at(-1)!;
  },
  'two long chains that are added over and over': (write, grown) => {
    let [a, b] = [conv(write, 'x'), conv(write, 'x')];
    while (!grown(0.7)) [a, b] = [write('Relu', a), write('Relu', b)];
    let sum = a;
    while (!grown()) sum = write('Add', `${a} ${b}`);
    return sum;
  },
};

describe('finding sites', () => {
  it.each(Object.entries(SHAPES))('is linear in %s', async (_, grow) => {
    const small = await lookupsIn(grow, SMALL);
    const large = await lookupsIn(grow, LARGE);
    expect(small).toBeGreaterThan(SMALL);
    expect(large / small).toBeLessThan(FACTOR);
  });

  it('would be found out if it were not', async () => {
    const { view, types } = await graphOf(SHAPES['residual blocks']!, 500);
    const walkBack = (): number =>
      countLookups(view, (watched) => {
        for (const { output } of watched.nodes) {
          for (let at = output[0]; at !== undefined; ) {
            const producer = watched.producers.get(at);
            at = producer === undefined ? undefined : watched.nodes[producer.node]?.input[0];
          }
        }
      });
    expect(walkBack() / countLookups(view, (watched) => findSites(watched, types))).toBeGreaterThan(FACTOR);
  });
});

async function lookupsIn(grow: Grow, size: number): Promise<number> {
  const { view, types } = await graphOf(grow, size);
  return countLookups(view, (watched) => findSites(watched, types));
}

async function graphOf(
  grow: Grow,
  size: number,
): Promise<{ readonly view: GraphView; readonly types: ValueTypes }> {
  const nodes: NodeRow[] = [];
  const last = grow(
    (op, inputs) => {
      const output = `v${nodes.length}`;
      nodes.push([
        op,
        inputs,
        output,
        op === 'Conv' ? { pads: inputs.endsWith('p') ? [0, 0, 0, 0] : [1, 1, 1, 1] } : {},
      ]);
      return output;
    },
    (share = 1) => nodes.length >= share * size,
  );
  const view = await viewOf({
    inputs: { x: [1, 16, 32, 32] },
    outputs: { [last]: null },
    weights: WEIGHTS,
    nodes,
  });
  return { view, types: inferTypes(view) };
}
