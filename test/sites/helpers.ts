import { inferTypes } from '../../src/graph/infer.ts';
import type { GraphView } from '../../src/graph/view.ts';
import { findSites, type SiteOptions } from '../../src/sites/find-sites.ts';
import type { SiteReport } from '../../src/sites/site.ts';
import { type ModelSpec, type NodeRow, viewOf } from '../helpers/model.ts';

/** What was found in a small graph, by the names of its values. */
export interface Found {
  readonly view: GraphView;
  readonly report: SiteReport;
  /** `kind value` of every site. */
  readonly sites: readonly string[];
  /** Reasons by the output of the node that was turned down. */
  readonly reasons: Readonly<Record<string, string>>;
  /** `kind value` of every gate that is there already. */
  readonly gates: readonly string[];
}

/** Weights that most tests need: `p` pointwise, `c` 3x3, `d` depthwise, of 16 channels; `e` and `q` expand and project. */
export const WEIGHTS: NonNullable<ModelSpec['weights']> = {
  p: [16, 16, 1, 1],
  c: [16, 16, 3, 3],
  c5: [16, 16, 5, 5],
  d: [16, 1, 3, 3],
  e: [64, 16, 1, 1],
  d64: [64, 1, 3, 3],
  q: [16, 64, 1, 1],
  scale: { floats: Array(16).fill(1), dims: [16, 1, 1] },
};

const pads = { pads: [1, 1, 1, 1] };
export const deep = { ...pads, group: 16 };
export const wide = { ...pads, group: 64 };

/** Rows in which `3x3`, `1x1`, `dw` and the like stand for a convolution of that form: `in -> out`. */
export function rows(...lines: readonly string[]): NodeRow[] {
  return lines.map((line) => {
    const [op = '', inputs = '', output = ''] = line.split(' | ').map((part) => part.trim());
    const short = SHORT[op];
    return short === undefined ? [op, inputs, output] : [short[0], `${inputs} ${short[1]}`, output, short[2]];
  });
}

const SHORT: Readonly<Record<string, readonly [string, string, NonNullable<NodeRow[3]>]>> = {
  '3x3': ['Conv', 'c', pads],
  '3x3/2': ['Conv', 'c', { ...pads, strides: [2, 2] }],
  '5x5': ['Conv', 'c5', { pads: [2, 2, 2, 2] }],
  dilated: ['Conv', 'c', { pads: [2, 2, 2, 2], dilations: [2, 2] }],
  '1x1': ['Conv', 'p', {}],
  dw: ['Conv', 'd', deep],
  expand: ['Conv', 'e', {}],
  dw64: ['Conv', 'd64', wide],
  project: ['Conv', 'q', {}],
};

/** Finds the sites of a network of 16 channels: a stem writes `x`, and a classifier reads the last value. */
export async function find(
  lines: readonly (string | NodeRow)[],
  options: SiteOptions & {
    weights?: ModelSpec['weights'];
    head?: boolean;
    opset?: number;
    spec?: Partial<ModelSpec>;
  } = {},
): Promise<Found> {
  const nodes = lines.flatMap((line) => (typeof line === 'string' ? rows(line) : [line]));
  const last = nodes.at(-1)?.[2] ?? '';
  const head: NodeRow[] =
    options.head === false
      ? []
      : [
          ['GlobalAveragePool', last, 'pooled'],
          ['Conv', 'pooled p', 'logits'],
        ];
  const view = await viewOf({
    opset: options.opset ?? 17,
    inputs: { image: [1, 3, 32, 32] },
    outputs: { [options.head === false ? last : 'logits']: null },
    weights: { ...WEIGHTS, stem: [16, 3, 3, 3], ...options.weights },
    ...options.spec,
    nodes: [['Conv', 'image stem', 'stemmed', pads], ['Relu', 'stemmed', 'x'], ...nodes, ...head],
  });
  return read(view, options);
}

/** Finds the sites of a graph as it is. */
export function read(view: GraphView, options: SiteOptions = {}): Found {
  const report = findSites(view, inferTypes(view), { kinds: options.kinds });
  return {
    view,
    report,
    sites: report.sites.map(({ kind, value }) => `${kind} ${value}`),
    reasons: Object.fromEntries(
      report.rejections.map(({ node, reason }) => [view.nodes[node]?.output[0] ?? '', reason]),
    ),
    gates: report.existing.map(({ kind, value }) => `${kind} ${value}`),
  };
}
