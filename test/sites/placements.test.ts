import { describe, expect, it } from 'vitest';
import { mobilenetV2 } from '../../fixtures/networks/mobilenet.ts';
import { kerasResnet50V2, preactivationResnet50, resnet } from '../../fixtures/networks/resnet.ts';
import { usesOf } from '../../src/graph/view.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { PLACEMENTS, type Placement, placementWarning, placeSite } from '../../src/sites/placements.ts';
import type { Site } from '../../src/sites/site.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { openBytes } from '../helpers/inject-taps.ts';
import { modelFromText } from '../helpers/model-text.ts';

/** Of an eighth of the width. */
const RESNET = resnet({ depth: 50 }).model;

function sitesOf({ view, types }: OpenModel): readonly Site[] {
  return findSites(view, types).sites;
}

/** What is tapped, for whom: operators of the producer and of the readers. */
function describePlace({ view }: OpenModel, { value, uses }: Site): string {
  const producer = view.producers.get(value);
  const reader = uses.map((use) => (use.kind === 'output' ? 'output' : view.nodes[use.node]?.opType));
  return `${producer === undefined ? 'input' : view.nodes[producer.node]?.opType} → ${reader.join(' ')}`;
}

async function placed(bytes: Uint8Array, placement: Placement): Promise<string[]> {
  const model = await openBytes(bytes);
  return sitesOf(model).map((site) => {
    const found = placeSite(model.view, model.types, site, placement);
    return 'reason' in found ? found.reason : `${describePlace(model, found)} ${found.channels}`;
  });
}

function count(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

describe('the places of a ResNet-50', () => {
  it.each<[Placement, Record<string, number>]>([
    ['standard', { 'Conv → Add 32': 3, 'Conv → Add 64': 4, 'Conv → Add 128': 6, 'Conv → Add 256': 3 }],
    // The skip goes on as it is: else it would be the "post" of the block before.
    [
      'pre',
      {
        'MaxPool → Conv 8': 1,
        'Relu → Conv 32': 3,
        'Relu → Conv 64': 4,
        'Relu → Conv 128': 6,
        'Relu → Conv 256': 2,
      },
    ],
    [
      'identity',
      {
        'Conv → Add 32': 1,
        'Conv → Add 64': 1,
        'Conv → Add 128': 1,
        'Conv → Add 256': 1,
        'Relu → Add 32': 2,
        'Relu → Add 64': 3,
        'Relu → Add 128': 5,
        'Relu → Add 256': 2,
      },
    ],
    ['inner', { 'Relu → Conv 8': 3, 'Relu → Conv 16': 4, 'Relu → Conv 32': 6, 'Relu → Conv 64': 3 }],
  ])('are right for %s', async (placement, expected) => {
    expect(count(await placed(RESNET, placement))).toEqual(expected);
  });

  it('are behind the ReLU for "post", for all who read it', async () => {
    const model = await openBytes(RESNET);
    for (const site of sitesOf(model)) {
      const post = placeSite(model.view, model.types, site, 'post');
      if ('reason' in post) throw new Error(post.detail);
      expect(describePlace(model, post)).toMatch(/^Relu → /);
      expect(post.uses).toEqual(usesOf(model.view, post.value));
      expect(post).toMatchObject({ id: site.id, stage: site.stage, channels: site.outputChannels });
    }
  });

  it('differ from one another in every block', async () => {
    const model = await openBytes(RESNET);
    for (const site of sitesOf(model)) {
      const places = PLACEMENTS.map((placement) => {
        const found = placeSite(model.view, model.types, site, placement);
        return 'reason' in found ? found.reason : JSON.stringify([found.value, found.uses]);
      });
      expect(new Set(places).size).toBe(PLACEMENTS.length);
    }
  });
});

describe('other blocks', () => {
  it('have no "inner" where they are basic', async () => {
    expect(count(await placed(resnet({ depth: 18 }).model, 'inner'))).toEqual({ 'no-such-place': 8 });
  });

  it('have "post" at the sum where nothing but a sum is there', async () => {
    const places = await placed(preactivationResnet50().model, 'post');
    expect(places).toHaveLength(16);
    for (const place of places) expect(place).toMatch(/^Add → /);
  });

  it('keep their channel axis', async () => {
    const model = await openBytes(kerasResnet50V2().model);
    for (const site of sitesOf(model)) {
      for (const placement of PLACEMENTS) {
        const found = placeSite(model.view, model.types, site, placement);
        if (!('reason' in found)) expect(found.channelAxis).toBe(site.channelAxis);
      }
    }
  });

  it('without a skip have nothing on it, nor behind a sum', async () => {
    const bytes = mobilenetV2().model;
    expect(count(await placed(bytes, 'post'))['no-such-place']).toBe(7);
    expect(count(await placed(bytes, 'identity'))['no-such-place']).toBe(7);
    // The depthwise convolution is the 3x3 one inside.
    expect(await placed(bytes, 'inner')).toEqual(await placed(bytes, 'standard'));
    expect((await placed(bytes, 'pre')).filter((place) => place === 'no-such-place')).toEqual([]);
  });
});

describe('placeSite', () => {
  const net = (body: string, outputs: string): Uint8Array =>
    modelFromText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[N,8,6,6] x) => (${outputs})
< float[8,8,3,3] w = {…} >
{
  ${body}
}`);

  it('taps a graph input, in front of everything', async () => {
    const bytes = net(
      'c = Conv <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (x, w)\n  y = Add (c, x)',
      'float[N,8,6,6] y',
    );
    expect(await placed(bytes, 'pre')).toEqual(['input → Conv 8']);
    expect(await placed(bytes, 'identity')).toEqual(['input → Add 8']);
    expect(await placed(bytes, 'post')).toEqual(['Add → output 8']);
  });

  it('follows an activation that is spelt out', async () => {
    const bytes = net(
      'c = Conv <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (x, w)\n  s = Add (c, x)\n  g = Sigmoid (s)\n  y = Mul (s, g)',
      'float[N,8,6,6] y',
    );
    expect(await placed(bytes, 'post')).toEqual(['Mul → output 8']);
  });

  it('stays at the sum where that is read besides', async () => {
    const bytes = net(
      'c = Conv <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (x, w)\n  s = Add (c, x)\n  y = Relu (s)',
      'float[N,8,6,6] y, float[N,8,6,6] s',
    );
    expect(await placed(bytes, 'post')).toEqual(['Add → Relu output 8']);
  });

  it('says what the paper measured against a placement', () => {
    expect(placementWarning('post')).toContain('22.78 % top-1 and 6.35 % top-5');
    expect(PLACEMENTS.filter((placement) => placementWarning(placement) !== undefined)).toEqual(['post']);
  });
});
