import { bench } from 'vitest';
import type { WeightSpec } from '../../src/blocks/block.ts';
import { drawWeight } from '../../src/blocks/initializers.ts';
import { se } from '../../src/blocks/se.ts';
import { blockSite, seOptions } from '../helpers/block-site.ts';

/** 1.3 M numbers: about half of what an SE-ResNet-50 adds. */
const WEIGHT: WeightSpec = { name: 'w', dims: [650, 2000], fanIn: 2000, fanOut: 650, role: 'weight' };

for (const init of ['kaiming-uniform', 'kaiming-normal']) {
  const options = seOptions(blockSite(), {}, init);
  bench(`1.3 M numbers, ${init}`, () => {
    drawWeight(se, options, WEIGHT, init, 0, '2_1');
  });
}
