import { describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { inferTypes } from '../../src/graph/infer.ts';
import { viewGraph } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import { memorySource } from '../../src/wire/byte-source.ts';

/** The taps that a builder knows of, and those that are found: value, kind, channels, axis, rank, stride. */
describe('sites of the fixtures', () => {
  it.each(MANIFEST.map((row) => [row.id, row] as const))('%s', async (_id, row) => {
    const fixture = row.build();
    const view = viewGraph(await scanModel(memorySource(fixture.model)));
    const report = findSites(view, inferTypes(view));
    const found = report.sites.map(
      ({ kind, value, channels, channelAxis, rank, stride }) =>
        `${kind} ${value} ${channels} @${channelAxis}/${rank} stride ${stride}`,
    );
    const expected = fixture.taps.map(
      ({ kind, value, channels, channelAxis, rank, stride }) =>
        `${kind} ${value} ${channels} @${channelAxis}/${rank} stride ${stride}`,
    );
    expect(found.sort()).toEqual(expected.sort());
    expect(report.existing.filter(({ kind }) => kind === 'se')).toHaveLength(row.recognisedSe);
    expect(report.existing.filter(({ kind }) => kind === 'gate')).toHaveLength(row.otherGates);
    const reasons = new Map(
      report.rejections.map(({ node, reason }) => [view.nodes[node]?.output[0], reason]),
    );
    const wrong = fixture.rejections.filter(({ output, reason }) => reasons.get(output) !== reason);
    expect(wrong.map(({ output, reason }) => `${output}: ${reason}, not ${reasons.get(output)}`)).toEqual([]);
  });
});
