import type { OptionValue } from '../blocks/block.ts';
import { countMacs } from '../graph/macs.ts';
import { countParameters } from '../graph/parameters.ts';
import type { GraphView } from '../graph/view.ts';
import { dataTypeName } from '../onnx/data-type.ts';
import { type NodeExplanation, type Placement, placementWarning, type SiteReport } from '../sites/index.ts';
import { hasNoPlace, type InjectionPlan, type OpenModel, type PresentBlock, TOOL } from '../splice/index.ts';
import type { VerifyReport } from '../verify/types.ts';

/** Version of the report object: 0 while it grows; fields are added, never renamed. */
export const REPORT_SCHEMA_VERSION = 0;

/** A model in figures. */
export interface ModelReport {
  /** As given; `-` for stdin or stdout. */
  readonly path: string;
  readonly bytes: number;
  readonly irVersion: number;
  /** Version of ONNX's own operator set. */
  readonly opset: number;
  readonly producer: string;
  readonly nodes: number;
  readonly initializers: number;
  /** See `countParameters`. */
  readonly parameters: number;
  /** See `countMacs`. */
  readonly macs: number | null;
}

/** A data file of a model with external data. */
export interface DataFileReport {
  /** Relative to the model's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly fate: 'kept' | 'copied';
}

/**
 * The model that was written. Its `macs` are those of the input and what the blocks say that they add, since a block
 * also counts the multiplications of its scale.
 */
export interface OutputReport extends ModelReport {
  readonly dataFiles: readonly DataFileReport[];
}

/** One site, and what happens there. */
export interface SiteEntry {
  readonly id: string;
  readonly kind: string;
  readonly variant: string;
  readonly stage: number;
  readonly stride: number;
  /** The tapped value. */
  readonly value: string;
  /** The node that reads the scaled value, by its name, or where it has none by its first output. */
  readonly node: string;
  readonly channels: number;
  readonly channelAxis: number;
  readonly spatial: readonly number[] | null;
  readonly dataType: string;
  /** The integers by which the features are quantized, and scaled ones again; null where they are not. */
  readonly quantization: { readonly tapped: 'integers' | 'dequantized'; readonly dataType: string } | null;
  /** Whether the block is in the output. */
  readonly injected: boolean;
  /** The block that is planned here; null where the site was not chosen, and so are the figures then. */
  readonly block: string | null;
  readonly placement: Placement | null;
  readonly reducedChannels: number | null;
  readonly reductionRatio: number | null;
  readonly addedParameters: number | null;
  readonly addedMacs: number | null;
  /** Why the site gets no block; null where it gets one. */
  readonly leftOut: { readonly reason: string; readonly detail: string } | null;
}

/** A candidate that is no site. */
export interface RejectionEntry {
  readonly node: string;
  readonly opType: string;
  readonly reason: string;
  readonly detail: string;
}

/** A channel gate that the model already has. */
export interface ExistingEntry {
  /** `se` inside a block that would be a site, `gate` anywhere else. */
  readonly kind: 'se' | 'gate';
  readonly node: string;
  readonly value: string;
  readonly channels: number | null;
}

/**
 * How a run ended: blocks are in the output, or would be; nothing is to be done, as the network has them already or all
 * sites were left out by choice; or there is no place for a block.
 */
export type Outcome = 'injected' | 'planned' | 'unchanged' | 'no-site';

/** Where the time went, in milliseconds. */
export interface ReportTimings {
  readonly scanMs: number;
  readonly sitesMs: number;
  readonly spliceMs: number;
  readonly writeMs: number;
  /** The final sync of the written file, which `writeMs` leaves out. */
  readonly syncMs: number;
  readonly verifyMs: number;
}

/** What a run of the tool did and found: everything that the text output tells, as data. */
export interface Report {
  readonly schemaVersion: typeof REPORT_SCHEMA_VERSION;
  readonly tool: { readonly name: string; readonly version: string };
  readonly outcome: Outcome;
  readonly input: ModelReport;
  /** Null where nothing was written. */
  readonly output: OutputReport | null;
  /** Every option as resolved; those of the block by their names. */
  readonly options: Readonly<Record<string, OptionValue | readonly string[] | null>>;
  readonly sites: readonly SiteEntry[];
  readonly rejections: readonly RejectionEntry[];
  readonly existing: readonly ExistingEntry[];
  /** Blocks of earlier injections at the same placement, which stay as they are. */
  readonly present: readonly PresentBlock[];
  /** What speaks against what was asked for: losses that the paper measured. */
  readonly warnings: readonly string[];
  /** Null where it was turned off, or where there was nothing to verify. */
  readonly verification: VerifyReport | null;
  readonly timings: ReportTimings;
  /** Why there is a site at a node, or none: where that was asked. */
  readonly explanation?: NodeExplanation;
}

/** What a report is made of. */
export interface ReportParts {
  readonly input: { readonly path: string; readonly model: OpenModel };
  readonly sites: SiteReport;
  readonly plan: InjectionPlan;
  readonly options: Report['options'];
  readonly output?:
    | {
        readonly path: string;
        readonly model: OpenModel;
        readonly bytes: number;
        readonly dataFiles: readonly DataFileReport[];
      }
    | undefined;
  readonly verification: VerifyReport | null;
  readonly timings: ReportTimings;
}

/** Builds the report object: plain JSON, with names as they are in the model. */
export function buildReport(parts: ReportParts): Report {
  const { input, output, plan, sites } = parts;
  const { view } = input.model;
  const before = describeModel(input.path, input.model, input.model.file.source.size);
  return {
    schemaVersion: REPORT_SCHEMA_VERSION,
    tool: TOOL,
    outcome: outcomeOf(sites, plan, output !== undefined),
    input: before,
    output:
      output === undefined
        ? null
        : {
            ...describeModel(
              output.path,
              output.model,
              output.bytes,
              sumOrNull([before.macs, ...plan.sites.map(({ addedMacs }) => addedMacs)]),
            ),
            dataFiles: output.dataFiles,
          },
    options: parts.options,
    sites: siteEntries(view, sites, plan, output !== undefined),
    rejections: sites.rejections.map(({ node, opType, reason, detail }) => ({
      node: nodeLabel(view, node),
      opType,
      reason,
      detail,
    })),
    existing: sites.existing.map(({ kind, node, value, channels }) => ({
      kind,
      node: nodeLabel(view, node),
      value,
      channels: channels ?? null,
    })),
    present: plan.present,
    warnings: warningsOf(plan),
    verification: parts.verification,
    timings: parts.timings,
  };
}

function warningsOf({ sites, placement }: InjectionPlan): readonly string[] {
  const warning = sites.length > 0 ? placementWarning(placement) : undefined;
  const warnings = warning === undefined ? [] : [`placement "${placement}": ${warning}`];
  const clipped = sites.filter(
    ({ site, options }) => site.quantization !== undefined && !KEEPS_RANGE.has(String(options['gate'])),
  );
  if (clipped.length > 0) {
    warnings.push(
      `the features of ${clipped.length} ${clipped.length === 1 ? 'site is' : 'sites are'} quantized: what a trained gate makes larger than the calibrated range is clipped to it; calibrate again after training, or use the gate "sigmoid"`,
    );
  }
  return warnings;
}

/** Gates that make nothing larger. */
const KEEPS_RANGE: ReadonlySet<string> = new Set(['sigmoid', 'hardsigmoid']);

/** How a run ends that wrote an output, or none. */
export function outcomeOf({ sites, existing }: SiteReport, plan: InjectionPlan, isWritten = false): Outcome {
  if (plan.sites.length > 0) return isWritten ? 'injected' : 'planned';
  if (plan.present.length > 0 || existing.some(({ kind }) => kind === 'se')) return 'unchanged';
  return sites.length > 0 && !plan.leftOut.every(hasNoPlace) ? 'unchanged' : 'no-site';
}

/** A model in figures. */
export function describeModel(
  path: string,
  model: OpenModel,
  bytes: number,
  // Counted only where it is not given: it takes the types of all values.
  macs: number | null = countMacs(model.view, model.types),
): ModelReport {
  const { file, view } = model;
  return {
    path,
    bytes,
    irVersion: file.irVersion,
    opset: view.opset,
    producer: [file.producerName, file.producerVersion].filter((part) => part !== '').join(' '),
    nodes: file.graph.node.length,
    initializers: file.graph.initializer.length,
    parameters: countParameters(view),
    macs,
  };
}

function siteEntries(
  view: GraphView,
  { sites }: SiteReport,
  plan: InjectionPlan,
  injected: boolean,
): readonly SiteEntry[] {
  const planned = new Map(plan.sites.map((entry) => [entry.site.id, entry]));
  const leftOut = new Map(plan.leftOut.map((entry) => [entry.id, entry]));
  // A saved plan may have sites that this search has not looked for.
  const ids = new Set(sites.map(({ id }) => id));
  const more = plan.sites.map(({ site }) => site).filter(({ id }) => !ids.has(id));
  return [...sites, ...more].map((found) => {
    const entry = planned.get(found.id);
    const left = leftOut.get(found.id);
    // At its place, which need not be where it was found.
    const site = entry?.site ?? found;
    const option = (name: string): number | null => {
      const value = entry?.options[name];
      return typeof value === 'number' ? value : null;
    };
    return {
      id: site.id,
      kind: site.kind,
      variant: site.variant,
      stage: site.stage,
      stride: site.stride,
      value: site.value,
      node: nodeLabel(view, site.node),
      channels: site.channels,
      channelAxis: site.channelAxis,
      spatial: site.spatial,
      dataType: dataTypeName(site.dataType),
      quantization:
        site.quantization === undefined
          ? null
          : { tapped: site.quantization.tapped, dataType: dataTypeName(site.quantization.dataType) },
      injected: injected && entry !== undefined,
      block: entry === undefined ? null : plan.block,
      placement: entry === undefined ? null : plan.placement,
      reducedChannels: option('reducedChannels'),
      reductionRatio: option('reductionRatio'),
      addedParameters: entry?.addedParameters ?? null,
      addedMacs: entry?.addedMacs ?? null,
      leftOut: left === undefined ? null : { reason: left.reason, detail: left.detail },
    };
  });
}

/** Node names are optional and need not be unique: where there is none, a value that the node gives. */
function nodeLabel(view: GraphView, node: number): string {
  const proto = view.nodes[node];
  return proto?.name || proto?.output.find((value) => value !== '') || '';
}

/** The sum, or null where one of them is not known. */
export function sumOrNull(numbers: readonly (number | null)[]): number | null {
  return numbers.reduce((sum, number) => (sum === null || number === null ? null : sum + number), 0);
}
