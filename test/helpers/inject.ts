import { usesOf, type ValueId } from '../../src/graph/view.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import type { Site } from '../../src/sites/site.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { type OpenModel, openModel } from '../../src/splice/model.ts';
import type { InjectionPlan, InjectOptions } from '../../src/splice/plan.ts';
import type { ByteSource } from '../../src/wire/byte-source.ts';
import type { BytePatch } from '../../src/wire/patch.ts';
import { planHere } from './inject-taps.ts';

/** What was injected where a test said, and not where the search for sites would have. */
export interface InjectedAt {
  readonly original: OpenModel;
  readonly plan: InjectionPlan;
  readonly patch: BytePatch;
}

const TYPES: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE]);

/** A value with more channels than this would get more weights than a test needs. */
const CHANNELS_LIMIT = 256;

/** Values that a block could tap: three to five axes, channels known, made by a node and read by somebody. */
export function tappable({ view, types }: OpenModel): readonly ValueId[] {
  return [...view.producers.keys()].filter((value) => {
    const { dataType, shape = [] } = types.get(value) ?? {};
    if (dataType === undefined || !TYPES.has(dataType) || usesOf(view, value).length === 0) return false;
    const [, channels] = shape;
    return (
      shape.length >= 3 && shape.length <= 5 && typeof channels === 'number' && channels <= CHANNELS_LIMIT
    );
  });
}

/**
 * Splices a block in at the given values, whatever they are in the network, for all of their uses: the edit is tried
 * where the search for sites would never go.
 */
export async function injectAt(
  source: ByteSource,
  choose: (model: OpenModel) => readonly ValueId[],
  options: InjectOptions = {},
): Promise<InjectedAt> {
  const original = await openModel(source);
  const sites = choose(original).map((value, index) => siteAt(original, value, `0_${index + 1}`));
  const plan = await planHere(original, sites, options);
  const { patch } = await applyPlan(original, plan);
  return { original, plan, patch };
}

function siteAt({ view, types }: OpenModel, value: ValueId, id: string): Site {
  const shape = types.get(value)?.shape ?? [];
  const [, channels] = shape;
  const producer = view.producers.get(value);
  if (typeof channels !== 'number' || producer === undefined) throw new Error(`"${value}" cannot be tapped`);
  return {
    id,
    kind: 'residual',
    variant: 'basic',
    value,
    uses: usesOf(view, value),
    channels,
    channelAxis: 1,
    rank: shape.length,
    dataType: types.get(value)?.dataType ?? DataType.UNDEFINED,
    stride: 1,
    stage: 0,
    spatial: null,
    node: producer.node,
    nodes: [producer.node],
    block: { input: value, output: value, skip: undefined },
    inputChannels: undefined,
    outputChannels: channels,
  };
}
