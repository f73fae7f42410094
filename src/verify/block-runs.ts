import type { BlockDefinition } from '../blocks/block.ts';
import { DataType } from '../onnx/data-type.ts';
import type { RecordedSite } from '../splice/index.ts';
import type { Tap } from './instrument.ts';
import { floatFormat } from './numbers.ts';
import { checkBlock, type OracleResult, sameBits } from './oracle.ts';
import { requantizationError } from './requantized.ts';
import type { RuntimeTensors } from './runtime.ts';
import type { Finding, SiteCheck } from './types.ts';
import type { BlockWeights } from './weights.ts';

/** The weights that a block ran with: those in the file, or seeded ones. */
export type WhichWeights = 'file' | 'twin';

/** One block as two runs gave it: with the file's weights and with seeded ones. */
export interface BlockRuns {
  readonly tap: Tap;
  readonly fileWeights: BlockWeights;
  readonly twinWeights: BlockWeights;
  /** Whether the file's weights are those that change nothing. */
  readonly neutral: boolean;
  readonly file: RuntimeTensors;
  readonly twin: RuntimeTensors;
  /** The block recomputed for both; nothing where it cannot be. */
  readonly recomputed: Readonly<Record<WhichWeights, OracleResult | undefined>>;
  /** Whether the outputs depend on this site, and what that was told by. */
  readonly sensitive: boolean;
}

/** How a provider computes. */
export interface ProviderTraits {
  /** Takes subnormal numbers for zero, as GPUs may. */
  readonly flushesSubnormals: boolean;
}

/** Questions 3 and 4 for one site. */
export function checkSite(runs: BlockRuns, traits: ProviderTraits): SiteCheck {
  const { tap, sensitive, neutral } = runs;
  const { recorded } = tap;
  const { file, twin } = runs.recomputed;
  const before = runs.file.get(tap.tapped);
  const after = runs.file.get(tap.scaled);
  const bitExact =
    before !== undefined && after !== undefined && sameBits(before, after, traits.flushesSubnormals);
  const findings: Finding[] = [];
  const find = (level: Finding['level'], code: string, message: string): void => {
    findings.push({ level, code, message: `${recorded.id}: ${message}`, site: recorded.id });
  };
  if (file === undefined || twin === undefined) {
    find(
      'unchecked',
      'no-reference',
      'the block was not recomputed: it has no float64 reference, or its type cannot be read',
    );
  } else {
    const worst = Math.max(file.maxRel, twin.maxRel);
    if (!(file.finite && twin.finite))
      find('unchecked', 'not-finite', 'the squeezed features are not finite on these inputs');
    else if (!(worst <= 1)) {
      find(
        'fail',
        'not-the-block',
        `the block computes something else than its options say: ${worst.toPrecision(3)} times what rounding allows`,
      );
    } else if (!(file.comparable && twin.comparable)) {
      find(
        'unchecked',
        'not-comparable',
        'on these inputs numbers of the block overflow its type or are nothing but rounding: it was compared only where they are not',
      );
    }
    if (overflows(recorded, file)) {
      find(
        'fail',
        'squeeze-overflow',
        `a channel sums up to ${Math.round(file.sumMaxAbs)}, more than float16 holds: pool in float32 (squeezeType "float32")`,
      );
    }
  }
  const rounded = [runs.file, runs.twin].map((values) => requantizationError(tap, values));
  const off = Math.max(...rounded);
  if (off > 1) {
    find(
      'fail',
      'not-requantized',
      `the scaled features are quantized to something else: off by ${off.toPrecision(3)} times what rounding allows`,
    );
  }
  if (recorded.quantization !== undefined && tap.quantizer === undefined) {
    find(
      'unchecked',
      'not-requantized',
      'its scale or zero point is no constant: the quantizer was not recomputed',
    );
  }
  if (neutral && file?.finite !== false && file?.comparable !== false && !bitExact) {
    find('fail', 'not-neutral', 'the block is said to be neutral and changes the features');
  }
  if (!sensitive) find('unchecked', 'insensitive', 'the output does not depend on this site on these inputs');
  return {
    id: recorded.id,
    sensitive,
    bitExact,
    gateMin: file?.gateMin ?? Number.NaN,
    gateMean: file?.gateMean ?? Number.NaN,
    gateMax: file?.gateMax ?? Number.NaN,
    squeezeMaxAbs: file?.squeezeMaxAbs ?? Number.NaN,
    deadUnits: file?.deadUnits ?? 0,
    oracleMaxAbs: Math.max(file?.maxAbs ?? Number.NaN, twin?.maxAbs ?? Number.NaN),
    oracleMaxRel: Math.max(file?.maxRel ?? Number.NaN, twin?.maxRel ?? Number.NaN),
    ok: findings.every(({ level }) => level !== 'fail'),
    findings,
  };
}

/** Whether the weights in the file are those that change nothing, whatever the record says of how they came to be. */
export function isNeutral(block: BlockDefinition, recorded: RecordedSite, weights: BlockWeights): boolean {
  const fills = block.neutral(recorded.options);
  if (fills === undefined) return false;
  return [...fills].every(([name, fill]) => isFilled(weights.get(name), fill));
}

function isFilled(numbers: Float64Array | undefined, fill: number): boolean {
  if (numbers === undefined) return true;
  for (let at = 0; at < numbers.length; at += 1) if (numbers[at] !== fill) return false;
  return true;
}

/** Question 3 for one block of one run. */
export function recompute(
  block: BlockDefinition,
  one: Pick<BlockRuns, 'tap' | 'fileWeights' | 'twinWeights'>,
  which: WhichWeights,
  values: RuntimeTensors,
): OracleResult | undefined {
  const { tap } = one;
  const tapped = values.get(tap.features);
  const gate = values.get(tap.gate);
  const scaled = values.get(tap.gated);
  if (tapped === undefined || gate === undefined || scaled === undefined) return undefined;
  const weights = which === 'file' ? one.fileWeights : one.twinWeights;
  return checkBlock(block, tap.recorded, { tapped, gate, scaled, weights });
}

/**
 * A runtime that computes float16 in float32 shows no overflow, another one does: it is told from the features, where
 * the block itself pools in float16.
 */
function overflows({ site, options }: RecordedSite, { sumMaxAbs }: OracleResult): boolean {
  return (
    site.dataType === DataType.FLOAT16 &&
    options['squeezeType'] === 'same' &&
    sumMaxAbs > (floatFormat('float16')?.max ?? 0)
  );
}
