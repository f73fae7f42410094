import type { BlockDefinition } from '../blocks/block.ts';
import { randomStream } from '../blocks/random.ts';
import { constantOf } from '../graph/constants.ts';
import { findRecordedBlock, type InjectionRecord, type RecordedSite } from '../splice/index.ts';
import { interpret, type NdArray } from './interpret.ts';
import { checkBlock, type OracleResult } from './oracle.ts';
import type { ModelPair } from './request.ts';
import type { Finding, SiteCheck } from './types.ts';
import { type BlockWeights, readWeights, trainableWeights, twinWeights } from './weights.ts';

/** Spatial size of the features that a block is tried on. */
const TRIAL_SIZE = 5;

/**
 * Question 3 without a runtime: each block's nodes, as they stand in the file, evaluated in float64 on seeded features,
 * against the block's reference. For element types that no runtime at hand computes in.
 */
export async function checkSitesInFloat64(
  pair: ModelPair,
  record: InjectionRecord,
  block: BlockDefinition,
): Promise<SiteCheck[]> {
  const checks: SiteCheck[] = [];
  for (const recorded of record.sites) {
    const fileWeights = await readWeights(pair.after, block, recorded, pair.folder);
    const runs = [fileWeights, twinWeights(block, recorded)].map((weights) =>
      evaluate(pair, recorded, block, weights),
    );
    const [file, twin] = runs.map((run) => run?.oracle);
    const [unscaled, scaled] = [runs[0]?.features, runs[0]?.scaled];
    const findings: Finding[] = [];
    if (file === undefined || twin === undefined) {
      findings.push({
        level: 'unchecked',
        code: 'no-reference',
        site: recorded.id,
        message: `${recorded.id}: the block was not recomputed: it has operators or a type that are not evaluated in float64`,
      });
    } else if (!(Math.max(file.maxRel, twin.maxRel) <= 1)) {
      findings.push({
        level: 'fail',
        code: 'not-the-block',
        site: recorded.id,
        message: `${recorded.id}: evaluated in float64, the block computes something else than its options say`,
      });
    }
    checks.push({
      id: recorded.id,
      sensitive: false,
      bitExact: unscaled?.every((value, at) => Object.is(value, scaled?.[at])) === true,
      gateMin: file?.gateMin ?? Number.NaN,
      gateMean: file?.gateMean ?? Number.NaN,
      gateMax: file?.gateMax ?? Number.NaN,
      squeezeMaxAbs: file?.squeezeMaxAbs ?? Number.NaN,
      deadUnits: file?.deadUnits ?? 0,
      oracleMaxAbs: Math.max(file?.maxAbs ?? Number.NaN, twin?.maxAbs ?? Number.NaN),
      oracleMaxRel: Math.max(file?.maxRel ?? Number.NaN, twin?.maxRel ?? Number.NaN),
      ok: findings.every(({ level }) => level !== 'fail'),
      findings,
    });
  }
  return checks;
}

/** A block as its nodes compute it, and what its reference says of that. */
interface Evaluated {
  readonly oracle: OracleResult;
  readonly features: Float64Array;
  readonly scaled: Float64Array;
}

function evaluate(
  { after }: ModelPair,
  recorded: RecordedSite,
  block: BlockDefinition,
  weights: BlockWeights,
): Evaluated | undefined {
  const { view } = after;
  const found = findRecordedBlock(view, recorded, block);
  if (found.findings.length > 0) return undefined;
  const features = trialFeatures(recorded);
  const inputs = new Map<string, NdArray>([[found.features, features]]);
  for (const { name, dims } of trainableWeights(block, recorded)) {
    const data = weights.get(name);
    if (data !== undefined) inputs.set(recorded.names[name] ?? name, { dims, data });
  }
  for (const { name, role } of block.weights(recorded.site, recorded.options)) {
    const constant = role === 'constant' ? constantOf(view, recorded.names[name] ?? '') : undefined;
    if (constant?.numbers !== undefined) {
      inputs.set(recorded.names[name] ?? name, { dims: constant.dims, data: constant.numbers });
    }
  }
  // The block itself, without what quantizes beside it.
  const nodes = found.nodes
    .flatMap((node) => view.nodes[node] ?? [])
    .filter(({ opType }) => !opType.endsWith('quantizeLinear') && opType !== 'QuantizeLinear');
  const values = interpret(nodes, inputs);
  const scaled = values?.get(found.gated);
  const gate = values?.get(recorded.names['gate'] ?? found.gated);
  if (gate === undefined || scaled === undefined) return undefined;
  const asTensor = ({
    dims,
    data,
  }: NdArray): { dataType: 'float64'; dims: readonly number[]; data: Float64Array } => ({
    dataType: 'float64',
    dims,
    data,
  });
  const oracle = checkBlock(block, recorded, {
    tapped: asTensor(features),
    gate: asTensor(gate),
    scaled: asTensor(scaled),
    weights,
  });
  return oracle === undefined ? undefined : { oracle, features: features.data, scaled: scaled.data };
}

function trialFeatures({ id, site }: RecordedSite): NdArray {
  const dims = Array.from({ length: site.rank }, (_, axis) =>
    axis === 0 ? 2 : axis === site.channelAxis ? site.channels : TRIAL_SIZE,
  );
  const random = randomStream(0, `features/${id}`);
  const count = dims.reduce((product, size) => product * size, 1);
  return { dims, data: Float64Array.from({ length: count }, () => random.normal() + 0.5) };
}
