import { type Use, usesOf } from '../../src/graph/view.ts';
import type { Site, SiteReport } from '../../src/sites/site.ts';
import type { OpenModel } from '../../src/splice/model.ts';

/** A site that a test makes itself, where the search for sites is not what it is about. */
export interface HandSite {
  /** The tapped value. */
  readonly value: string;
  /** Who is to read the scaled value: nodes by a value that they give, `output` for the graph; all uses unless given. */
  readonly readers?: readonly string[];
  readonly id?: string;
  readonly kind?: Site['kind'];
  readonly channelsLast?: boolean;
}

/** Makes a site of a value, whose type must be known. */
export function handSite({ view, types }: OpenModel, hand: HandSite): Site {
  const { value, readers, id = '2_1', kind = 'residual', channelsLast = false } = hand;
  const { dataType, shape } = types.get(value) ?? {};
  if (dataType === undefined || shape === undefined) throw new Error(`the type of "${value}" is not known`);
  const channelAxis = channelsLast ? shape.length - 1 : 1;
  const channels = shape[channelAxis];
  if (typeof channels !== 'number') throw new Error(`the channels of "${value}" are not known`);
  const sizes = shape.filter((_, axis) => axis !== 0 && axis !== channelAxis);
  const spatial = sizes.every((size): size is number => typeof size === 'number') ? sizes : null;
  const uses = usesOf(view, value).filter((use) => readers === undefined || isAmong(use, readers));
  const [first] = uses.flatMap((use) => (use.kind === 'output' ? [] : [use.node]));
  return {
    id,
    kind,
    variant: 'basic',
    value,
    uses,
    channels,
    channelAxis,
    rank: shape.length,
    dataType,
    stride: 4,
    stage: 2,
    spatial,
    node: first ?? 0,
    nodes: [],
    block: { input: value, output: value, skip: undefined },
    inputChannels: channels,
    outputChannels: channels,
  };

  function isAmong(use: Use, names: readonly string[]): boolean {
    if (use.kind === 'output') return names.includes('output');
    return view.nodes[use.node]?.output.some((name) => names.includes(name)) === true;
  }
}

/** What the search for sites would say if it had found these. */
export function handReport(sites: readonly Site[]): SiteReport {
  return { sites, rejections: [], existing: [] };
}
