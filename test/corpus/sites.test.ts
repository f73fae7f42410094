import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CORPUS, type CorpusRow } from '../../fixtures/corpus-truth.ts';
import { inferTypes } from '../../src/graph/infer.ts';
import { type GraphView, viewGraph } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { findSites } from '../../src/sites/find-sites.ts';
import type { SiteReport } from '../../src/sites/site.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { localModels, operatorModels } from '../helpers/corpus.ts';

async function viewOf(path: string): Promise<GraphView> {
  return viewGraph(await scanModel(memorySource(new Uint8Array(await readFile(path)))));
}

/** Sites by kind and stage, as `residual 3: 4`. */
function count(report: SiteReport): string[] {
  const counts = new Map<string, number>();
  for (const { kind, stage } of report.sites) {
    const key = `${kind} ${stage}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, number]) => `${key}: ${number}`).sort();
}

function expected({ sites }: CorpusRow): string[] {
  return sites
    .flatMap(({ kind, perStage }) =>
      Object.entries(perStage).map(([stage, number]) => `${kind} ${stage}: ${number}`),
    )
    .sort();
}

const models = localModels();
const rows = new Map(CORPUS.map((row) => [row.file, row]));

describe.skipIf(models.length === 0)('sites of the local corpus (set SE_INJECT_MODELS to its folder)', () => {
  it('has a row for every network', () => {
    expect(models.map(({ name }) => name).sort()).toEqual([...rows.keys()].sort());
  });

  it.each(models.map(({ name, path }) => [name, path] as const))('%s', async (name, path) => {
    const row = rows.get(name)!;
    const view = await viewOf(path);
    const report = findSites(view, inferTypes(view));
    expect(count(report)).toEqual(expected(row));
    expect(report.existing.filter(({ kind }) => kind === 'se')).toHaveLength(row.se);
    expect(report.existing.filter(({ kind }) => kind === 'gate')).toHaveLength(row.gates);
    const reasons = new Map(report.rejections.map(({ node, reason }) => [node, reason]));
    const refused = Object.fromEntries(
      Object.keys(row.refused ?? {}).map((node) => [node, reasons.get(Number(node))]),
    );
    expect(refused).toEqual(row.refused ?? {});
  });

  it.each(models.map(({ name, path }) => [name, path] as const))(
    'accounts for every merge of %s',
    async (_, path) => {
      const view = await viewOf(path);
      const { sites, rejections } = findSites(view, inferTypes(view));
      const told = new Set([...rejections.map(({ node }) => node), ...sites.flatMap(({ nodes }) => nodes)]);
      const silent = view.nodes.flatMap((node, at) => {
        if (!['Add', 'Sum', 'Concat', 'Mul'].includes(node.opType)) return [];
        const data = new Set(
          node.input.filter((value) => view.producers.has(value) && isFeature(view, value)),
        );
        return data.size > 1 && !told.has(at) ? [`${node.opType} ${at}`] : [];
      });
      expect(silent).toEqual([]);
      for (const { detail } of rejections) expect(detail).toMatch(/^\S.{15,}[^.]$/);
    },
  );
});

/** Far from exact, and enough here: what has a node with weights, a pooling or an activation right behind it. */
function isFeature(view: GraphView, value: string): boolean {
  const producer = view.producers.get(value);
  const node = producer === undefined ? undefined : view.nodes[producer.node];
  return (
    node !== undefined &&
    /^(Conv|BatchNormalization|Relu|PRelu|Clip|MaxPool|AveragePool|Resize)/.test(node.opType)
  );
}

/** Models among the operator tests in which a site was found, with the reason why it is one. */
const OPERATOR_TESTS_WITH_SITES: Readonly<Record<string, string>> = {};

describe.skipIf(operatorModels().length === 0)('sites of the operator tests', () => {
  it('finds none, whatever kinds are asked for', async () => {
    const wrong: string[] = [];
    for (const { name, path } of operatorModels()) {
      const view = await viewOf(path);
      const types = inferTypes(view);
      for (const kinds of ['auto', 'all'] as const) {
        const { sites } = findSites(view, types, { kinds });
        if (sites.length > 0 && !(name in OPERATOR_TESTS_WITH_SITES)) wrong.push(`${kinds} ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
