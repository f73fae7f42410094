import type { ValueTypes } from '../graph/types.ts';
import { type GraphView, type Use, useKey } from '../graph/view.ts';
import { formatName } from '../onnx/format-name.ts';
import { writtenPlace } from './condense.ts';
import { gateOn } from './forward.ts';
import { PLACE_FINDERS } from './place-finders.ts';
import { behindQuantizer, quantizationOf } from './quantization.ts';
import { beginReading, type Reading } from './reading.ts';
import type { Site } from './site.ts';
import { readSteps } from './steps.ts';

/**
 * Where in its block a site is tapped, by the names of the paper (section 6.5, tables 14 and 15):
 *
 * - `standard`: the end of the residual branch, before the sum; in inverted residuals behind the depthwise convolution;
 * - `pre`: what the residual branch starts from; the skip goes on as it is;
 * - `post`: behind the sum and its activation, for all who read it;
 * - `identity`: the skip, beside the residual branch;
 * - `inner`: inside the branch, behind its 3x3 convolution: what the last 1x1 convolution reads.
 */
export type Placement = 'standard' | 'pre' | 'post' | 'identity' | 'inner';

/** All placements, the default first. */
export const PLACEMENTS: readonly Placement[] = ['standard', 'pre', 'post', 'identity', 'inner'];

/** Why a block has no such place. */
export interface PlacementRefusal {
  /** The site's id. */
  readonly id: string;
  readonly placement: Placement;
  readonly reason: 'no-such-place' | 'has-gate' | 'unknown-channels' | 'graph-input';
  /** One sentence. */
  readonly detail: string;
}

/** The paper's figures where it measured a loss against the standard place. */
const LOSSES: Partial<Record<Placement, string>> = {
  post: 'the paper measured a loss behind the sum: 22.78 % top-1 and 6.35 % top-5 error against 22.28 % and 6.03 % (table 14, SE-ResNet-50)',
};

/** What the paper measured to speak against a placement, or nothing. */
export function placementWarning(placement: Placement): string | undefined {
  return LOSSES[placement];
}

/** Graphs do not change, so each is read once however many sites are placed. */
const readings = new WeakMap<GraphView, Reading>();

/**
 * Moves a site to another place of its block: another value, other uses, its channels; id, kind and stage stay.
 *
 * A refusal says why the block has no such place.
 *
 * @example
 * ```ts
 * const placed = placeSite(view, types, site, 'post');
 * if (!('reason' in placed)) placed.value; // → the value behind the block's ReLU
 * ```
 */
export function placeSite(
  view: GraphView,
  types: ValueTypes,
  site: Site,
  placement: Placement,
): Site | PlacementRefusal {
  if (placement === 'standard') return site;
  const refuse = (reason: PlacementRefusal['reason'], detail: string): PlacementRefusal => ({
    id: site.id,
    placement,
    reason,
    detail,
  });
  const reading = readingOf(view, types);
  const found = PLACE_FINDERS[placement](reading, {
    ...site,
    value: reading.originOf(site.value),
  });
  if (typeof found === 'string') return refuse('no-such-place', found);
  const place = writtenPlace(reading, found);
  if (place === undefined)
    return refuse(
      'no-such-place',
      `what reads ${`"${formatName(found.value)}"`} in the block does so under a name that others read too`,
    );
  const { value, uses } = behindQuantizer(view, place);
  if (value === site.value && sameUses(uses, site.uses)) return site;
  const shown = `"${formatName(value)}"`;
  if (uses.length === 0) return refuse('no-such-place', `nothing in the block reads ${shown}`);
  if (uses.some(({ kind }) => kind === 'output') && !view.producers.has(value)) {
    return refuse(
      'graph-input',
      `${shown} is a graph input and a graph output: its name cannot be taken over`,
    );
  }
  if (gateOn(reading, found.value) !== undefined) {
    return refuse('has-gate', `a channel gate scales ${shown} already`);
  }
  const type = types.get(value);
  const shape = type?.shape;
  if (type === undefined || shape === undefined || shape.length < 3 || shape.length > 5) {
    return refuse('unknown-channels', `the shape of ${shown} is not that of a map, or cannot be told`);
  }
  const quantization = quantizationOf(view, types, { value, uses }, type.dataType);
  if (typeof quantization === 'string') return refuse('no-such-place', quantization);
  const channelAxis = reading.channelAxes.get(found.value) ?? site.channelAxis;
  const channels = shape[channelAxis];
  if (typeof channels !== 'number')
    return refuse('unknown-channels', `the channels of ${shown} cannot be told`);
  const sizes = shape.filter((_, axis) => axis !== 0 && axis !== channelAxis);
  const known = sizes.filter((size) => typeof size === 'number');
  const [reader] = uses.flatMap((use) => (use.kind === 'output' ? [] : [use.node]));
  const { quantization: _, ...rest } = site;
  return {
    ...rest,
    ...(quantization === undefined ? {} : { quantization }),
    value,
    uses,
    channels,
    channelAxis,
    rank: shape.length,
    dataType: type.dataType,
    stride: reading.strides.get(found.value) ?? site.stride,
    spatial: known.length === sizes.length ? known : null,
    node: reader ?? view.producers.get(value)?.node ?? site.node,
  };
}

function readingOf(view: GraphView, types: ValueTypes): Reading {
  const known = readings.get(view);
  if (known?.types === types) return known;
  const reading = beginReading(view, types);
  readSteps(reading);
  readings.set(view, reading);
  return reading;
}

function sameUses(a: readonly Use[], b: readonly Use[]): boolean {
  return a.length === b.length && a.every((use, index) => useKey(use) === b.map(useKey)[index]);
}
