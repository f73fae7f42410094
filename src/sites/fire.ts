import type { ValueId } from '../graph/view.ts';
import { convolutionsOf, joinsChannels, type Module, reachOf, readModule } from './module-branches.ts';
import { channelsOf, firstBehind, outputOf, type Reading } from './reading.ts';
import { LAID_OUT, type Step, type StepRole } from './step.ts';

const BEFORE_SQUEEZE: ReadonlySet<StepRole> = new Set(['activation', 'norm', 'affine', 'pass', 'transpose']);

/** Whether a Concat ends a fire module: a squeezing 1x1 convolution, then 1x1 and 3x3 side by side. */
export function isFire(reading: Reading, join: Step, { source, branches }: Module): boolean {
  if (branches.length !== 2 || !branches.every((branch) => convolutionsOf(reading, branch).length === 1))
    return false;
  const [small, large] = branches.map((branch) => reachOf(reading, branch)).sort((a, b) => a - b);
  if (small !== 1 || large === undefined || large === 1) return false;
  const squeeze = firstBehind(reading, source, BEFORE_SQUEEZE)?.convolution;
  const channels = channelsOf(reading, outputOf(reading, join));
  return squeeze?.pointwise === true && (squeeze.outChannels ?? 0) < (channels ?? Number.POSITIVE_INFINITY);
}

/** Whether a value is a fire module's output. */
export function isFireModule(reading: Reading, value: ValueId): boolean {
  const join = firstBehind(reading, value, LAID_OUT);
  if (join?.role !== 'concat' || !joinsChannels(reading, join)) return false;
  const module = readModule(reading, join);
  return module !== undefined && isFire(reading, join, module);
}
