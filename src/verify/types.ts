import type { InputRegime } from './input-values.ts';
import type { GraphOptimization, RuntimeAdapter } from './runtime.ts';

/** What a check may say; what could not be checked is never passed. */
export type Verdict = 'pass' | 'fail' | 'unchecked';

/** Something a check found. */
export interface Finding {
  /** `fail`: the rewrite is wrong. `unchecked`: a question is left open. `note`: worth knowing. */
  readonly level: 'fail' | 'unchecked' | 'note';
  /** A stable name of what was found: `not-the-original`, `not-a-site`, `weights-changed`, ... */
  readonly code: string;
  /** The fact and what it means. */
  readonly message: string;
  /** Id of the site, where it is about one. */
  readonly site?: string;
}

/** Question 2: is the edit the plan? */
export interface EditReport {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** One output of the model, before against after. */
export interface OutputReport {
  readonly name: string;
  readonly maxAbs: number;
  readonly maxRel: number;
  readonly meanAbs: number;
  readonly rmse: number;
  readonly cosine: number | null;
  readonly snrDb: number | null;
  readonly bitExact: boolean;
  /** The largest absolute difference that passes here, or nothing where none is demanded. */
  readonly tolerance: number | null;
  readonly argmaxAgreement: number | null;
  readonly status: Verdict;
  readonly detail: string;
}

/** Question 4 at one level of graph optimization. */
export interface LevelReport {
  readonly graphOptimization: GraphOptimization;
  /** How far the original differs from itself between levels and providers, at worst over the outputs. */
  readonly yardstick: number;
  readonly outputs: readonly OutputReport[];
}

/** Questions 3 and 4 at one site. */
export interface SiteCheck {
  readonly id: string;
  /** Whether the network's outputs depend on this site on these inputs. */
  readonly sensitive: boolean;
  /** Whether the scaled value has the bits of the tapped one, as a neutral block's must. */
  readonly bitExact: boolean;
  readonly gateMin: number;
  readonly gateMean: number;
  readonly gateMax: number;
  /** The largest magnitude of the squeezed features. */
  readonly squeezeMaxAbs: number;
  /** Hidden units that are 0 on all inputs. */
  readonly deadUnits: number;
  /** Largest distance of the gate from the float64 reference, on the file's weights and on seeded ones. */
  readonly oracleMaxAbs: number;
  /** The same in parts of the bound that rounding allows; above 1 the block computes something else. */
  readonly oracleMaxRel: number;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

/** The smallest set of injected sites that makes a check fail. */
export interface BisectReport {
  readonly sites: readonly string[];
  /** How many times the check was run for it. */
  readonly runs: number;
}

/** How many nodes ran on kernels that compute with integers, by operator. */
export type KernelCounts = Readonly<Record<string, number>>;

/** The integer kernels of a quantized network, graph optimizations on: what it is fast by. */
export interface IntegerKernels {
  readonly before: KernelCounts;
  readonly after: KernelCounts;
  /** How many fewer there are. */
  readonly lost: KernelCounts;
}

/** What one execution provider said. */
export interface ProviderReport {
  readonly provider: string;
  readonly adapter: RuntimeAdapter | null;
  readonly status: 'ok' | 'mismatch' | 'unchecked' | 'unavailable' | 'crashed' | 'timeout' | 'error';
  readonly detail: string;
  readonly original: {
    readonly status: 'ok' | 'does-not-run' | 'disagrees';
    /** Largest difference of the original on this provider from the original on the CPU; null on the CPU, and where it does not run there. */
    readonly crossCheck: number | null;
  };
  readonly soundness: { readonly ok: boolean; readonly findings: readonly Finding[] };
  readonly nodesByProvider: Readonly<Record<string, number>>;
  readonly injectedByProvider: Readonly<Record<string, number>>;
  /** Kernels that compute with integers, graph optimizations on; null where the network is not quantized. */
  readonly integerKernels: IntegerKernels | null;
  readonly levels: readonly LevelReport[];
  readonly sites: readonly SiteCheck[];
  /** The first tapped value, in the order of the graph, that is not what it is in the original, where that was asked. */
  readonly firstDifferent: { readonly site: string; readonly value: string } | null;
  /** Which sites are at fault, where that was asked for. */
  readonly bisect: BisectReport | null;
}

/** What the models were run on. */
export interface InputsReport {
  readonly source: 'seeded' | 'given';
  /** How seeded inputs were drawn. */
  readonly regime: InputRegime | null;
  readonly seed: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** The whole verification, as the report object holds it. */
export interface VerifyReport {
  readonly verdict: Verdict;
  /** One sentence: what was shown, or what is wrong. */
  readonly detail: string;
  readonly inputs: InputsReport | null;
  readonly edit: EditReport;
  readonly providers: readonly ProviderReport[];
}
