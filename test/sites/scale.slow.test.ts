import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { type NodeRow, viewOf } from '../helpers/model.ts';
import { WEIGHTS } from './helpers.ts';

const SMALL = 10_000;
const LARGE = 5 * SMALL;
/** Five times the nodes may take this much longer: linear, with room for caches and the collector, and far from square. */
const FACTOR = 12;

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
};

describe('finding sites', () => {
  it.each(Object.entries(SHAPES))('is linear in %s', async (_, grow) => {
    const small = await measure(grow, SMALL);
    const large = await measure(grow, LARGE);
    expect(large / small).toBeLessThan(FACTOR);
  });
});

/** The best of two, in CPU time: the machine may be busy. */
async function measure(grow: Grow, size: number): Promise<number> {
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
  const spec = { inputs: { x: [1, 16, 32, 32] }, outputs: { [last]: null }, weights: WEIGHTS, nodes };
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 2; run += 1) {
    const view = await viewOf(spec);
    const types = inferTypes(view);
    const start = process.cpuUsage();
    findSites(view, types);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, user + system);
  }
  return best;
}
