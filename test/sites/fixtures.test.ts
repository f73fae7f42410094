import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import type { Tap } from '../../fixtures/truth.ts';
import { inferTypes } from '../../src/graph/infer.ts';
import { viewGraph } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { memorySource } from '../../src/wire/byte-source.ts';

type Told = Pick<Tap, 'kind' | 'value' | 'channels' | 'channelAxis' | 'rank' | 'stride'>;

const describeTap = ({ kind, value, channels, channelAxis, rank, stride }: Told) =>
  `${kind} ${value}: ${channels} channels on axis ${channelAxis} of ${rank}, stride ${stride}`;

describe('sites of the fixtures', () => {
  it.each(MANIFEST.map((row) => [row.id, row] as const))('%s', async (_, row) => {
    const fixture = row.build();
    const view = viewGraph(await scanModel(memorySource(fixture.model)));
    const types = inferTypes(view);
    const { sites, rejections, existing } = findSites(view, types);
    expect(sites.map(describeTap).sort()).toEqual(fixture.taps.map(describeTap).sort());
    expect(existing.filter(({ kind }) => kind === 'se')).toHaveLength(row.recognisedSe);
    expect(existing.filter(({ kind }) => kind === 'gate')).toHaveLength(row.otherGates);

    const reasons = new Map(rejections.map(({ node, reason }) => [view.nodes[node]?.output[0], reason]));
    const inside = new Set(rejections.map(({ reason }) => reason).filter((it) => it.startsWith('inside-')));
    const wrong = fixture.rejections.filter(({ output, reason }) =>
      // A block in a body or function is reported at the node that holds or calls it.
      reason.startsWith('inside-') ? !inside.has(reason) : reasons.get(output) !== reason,
    );
    expect(wrong.map(({ output, reason }) => `${output}: ${reason}, not ${reasons.get(output)}`)).toEqual([]);
  });

  it.each(MANIFEST.filter(({ id }) => id.startsWith('mobilenet-v2/')).map((row) => [row.id, row] as const))(
    'redirects what reads the value, and nothing else: %s',
    async (_, row) => {
      const view = viewGraph(await scanModel(memorySource(row.build().model)));
      for (const { value, uses, node } of findSites(view, inferTypes(view)).sites) {
        expect(uses.length).toBeGreaterThan(0);
        for (const use of uses) {
          if (use.kind !== 'input') throw new Error('a project convolution is a node');
          expect(view.nodes[use.node]?.input[use.input]).toBe(value);
          expect(use.node).toBe(node);
        }
      }
    },
  );
});
