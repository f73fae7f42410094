import { SeInjectError } from '../errors.ts';
import { letGo, type ModelSource, type Runtime, type Session } from '../verify/index.ts';
import { type Batch, batchesOf, labelCheck } from './batches.ts';
import type { EvaluateOptions } from './evaluate.ts';
import { FaultLog, invalidData } from './faults.ts';
import { GateStatistics, type GateSummary } from './gate-statistics.ts';
import type { GateSiteReport, GatesReport, StripProposal } from './gates-types.ts';
import { type ModelInput, modelInput } from './model-input.ts';
import { numbersOf, tensorOf } from './numbers.ts';
import type { GateSite } from './open-gates.ts';
import { resolvePreprocessing } from './preprocess.ts';
import type { Dataset } from './sample.ts';

/** A model whose gates are outputs: what `openGates` gives, where a runtime can load it. */
export interface GatesModel {
  /** For people. */
  readonly path: string;
  readonly source: ModelSource;
  readonly sites: readonly GateSite[];
  readonly findings: readonly string[];
}

/** A gate that moves less than this, in parts of its range, is constant: float32 rounding moves it by 1e-7. */
const CONSTANT = 1e-3;

/**
 * Means by class that a site's report holds: a thousand classes of two thousand channels would make reports of hundreds of
 * megabytes.
 */
const CLASS_NUMBERS = 2 ** 16;
const CLASSES_SHOWN = 16;

/** How gates are collected: as models are evaluated, without the parts about outputs. */
export type CollectOptions = Omit<EvaluateOptions, 'output'>;

/**
 * Runs a model on data and sums up what its gates do: by channel and by class, how much they depend on the class, where
 * they saturate, and which are constant.
 *
 * Throws `evaluate/invalid-data` where no sample could be used, and what `evaluate` throws.
 *
 * @example
 * ```ts
 * const report = await collectGates(runtime, model, dataset, { limit: 1000 });
 * report.sites[0]?.classDependence; // → 0.41
 * ```
 */
export async function collectGates(
  runtime: Runtime,
  model: GatesModel,
  dataset: Dataset,
  options: CollectOptions = {},
): Promise<GatesReport> {
  const start = performance.now();
  const provider = options.provider ?? runtime.providers[0] ?? 'cpu';
  const { labelOffset = 0, limit } = options;
  if (model.sites.length === 0) {
    const why = model.findings[0] === undefined ? '' : `: ${model.findings[0]}`;
    throw new SeInjectError('evaluate/unsupported-model', `no gate of the model can be read${why}`);
  }
  const session = await runtime.createSession(model.source, { provider, graphOptimization: 'all' });
  try {
    const input = modelInput(session.inputs);
    const preprocessing = resolvePreprocessing(options.preprocess ?? {}, input, dataset.format);
    const faults = new FaultLog(options.strict ?? false);
    const readings: Reading[] = model.sites.map((site) => ({
      site,
      statistics: new GateStatistics(site.channels, site.bounds),
    }));
    let [samples, labelled, interrupted] = [0, 0, false];
    const batches = batchesOf(dataset, {
      preprocessing,
      fixed: input.batch,
      wanted: options.batch,
      limit: limit ?? Number.POSITIVE_INFINITY,
      faults,
      refuse: labelCheck(dataset.classNames?.length, 0),
      resize: options.resize,
      wide: input.dataType === 'float64',
    });
    for await (const batch of batches) {
      await options.beforeRun?.();
      await addBatch(session, batch, input, readings, labelOffset);
      samples += batch.count;
      labelled += batch.labels.filter((label) => label !== null).length;
      const total = Math.min(limit ?? Number.POSITIVE_INFINITY, dataset.size ?? Number.POSITIVE_INFINITY);
      await options.onProgress?.({
        done: samples,
        total: Number.isFinite(total) ? total : null,
        elapsedMs: performance.now() - start,
      });
      interrupted = options.shouldStop?.() === true;
      if (interrupted) break;
    }
    if (samples === 0) throw invalidData(`no sample of "${dataset.path}" could be used`, dataset.path);
    const read = readings.filter(({ problem }) => problem === undefined);
    const sites = read.map(({ site, statistics }) =>
      siteReport(site, statistics.summary(), dataset, labelOffset),
    );
    return {
      path: model.path,
      data: {
        path: dataset.path,
        format: dataset.format,
        samples,
        available: dataset.size ?? null,
        labelled: labelled > 0,
        classes: dataset.classNames?.length ?? null,
        limit: limit ?? null,
        labelOffset,
        interrupted,
        notes: dataset.notes,
      },
      preprocessing,
      provider,
      sites,
      proposal: propose(
        sites,
        read.map(({ site }) => site),
      ),
      findings: [...model.findings, ...readings.flatMap(({ problem }) => problem ?? [])],
      faults: faults.report(),
      elapsedMs: performance.now() - start,
    };
  } finally {
    await letGo(session);
  }
}

/** Adds the gates of a batch; those that are not one number for each channel are told instead. */
async function addBatch(
  session: Session,
  batch: Batch,
  input: ModelInput,
  readings: readonly Reading[],
  labelOffset: number,
): Promise<void> {
  const feeds = new Map([[input.name, tensorOf(input.dataType, batch.dims, batch.numbers)]]);
  const outputs = await session.run(feeds, [...new Set(readings.map(({ site }) => site.value))]);
  const rows = batch.dims[0] ?? 1;
  for (const reading of readings) {
    const { site, statistics } = reading;
    const tensor = outputs.get(site.value);
    if (tensor === undefined || tensor.dataType === 'string' || tensor.data.length !== rows * site.channels) {
      reading.problem = `${site.id}: its gate has the shape [${tensor?.dims.join(', ') ?? ''}] and not one number for each of ${site.channels} channels`;
      continue;
    }
    const gates = numbersOf(tensor);
    for (let row = 0; row < batch.count; row += 1) {
      const label = batch.labels[row] ?? null;
      statistics.add(gates, row * site.channels, label === null ? null : label + labelOffset);
    }
  }
}

/** A gate that is being read. */
interface Reading {
  readonly site: GateSite;
  readonly statistics: GateStatistics;
  problem?: string;
}

function siteReport(
  site: GateSite,
  summary: GateSummary,
  dataset: Dataset,
  labelOffset: number,
): GateSiteReport {
  const { id, block, channels, bounds, parameters, macs } = site;
  const { byClass, mean, min, max, ...rest } = summary;
  const range =
    bounds === null ? Math.max(1, ...max.map(Math.abs), ...min.map(Math.abs)) : bounds[1] - bounds[0];
  const moves = max.map((value, channel) => value - (min[channel] ?? 0) > CONSTANT * range);
  const shown = [...byClass]
    .sort(([a, one], [b, other]) => other.samples - one.samples || a - b)
    .slice(0, Math.max(CLASSES_SHOWN, Math.floor(CLASS_NUMBERS / channels)))
    .sort(([a], [b]) => a - b);
  const overall = mean.reduce((sum, value) => sum + value, 0) / channels;
  const isOne = Math.max(...max) - Math.min(...min) <= CONSTANT * range;
  const constantChannels = moves.filter((does) => !does).length;
  return {
    id,
    block,
    channels,
    bounds,
    overall,
    ...rest,
    mean,
    min,
    max,
    deadChannels: max.flatMap((value, channel) =>
      Math.max(value, -(min[channel] ?? 0)) <= 0.01 * range ? [channel] : [],
    ),
    constantChannels,
    isConstant: constantChannels === channels,
    constant: isOne ? overall : null,
    parameters,
    macs,
    byClass: shown.map(([index, own]) => ({
      index,
      name: dataset.classNames?.[index - labelOffset] ?? null,
      ...own,
    })),
    classesLeftOut: byClass.size - shown.length,
  };
}

/** The constant blocks of the last injection: those are the ones that `strip` can take out. */
function propose(sites: readonly GateSiteReport[], gates: readonly GateSite[]): StripProposal | null {
  const constant = sites.filter(({ isConstant }, index) => isConstant && gates[index]?.isLast === true);
  if (constant.length === 0) return null;
  const macs = constant.map((site) => site.macs);
  return {
    sites: constant.map(({ id }) => id),
    isExact: constant.every((site) => site.constant !== null && Math.abs(site.constant - 1) <= 1e-6),
    parameters: constant.reduce((sum, site) => sum + site.parameters, 0),
    macs: macs.some((count) => count === null)
      ? null
      : macs.reduce<number>((sum, count) => sum + (count ?? 0), 0),
    bytes: null,
  };
}
