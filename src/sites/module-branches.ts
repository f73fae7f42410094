import type { NodeId, ValueId } from '../graph/view.ts';
import { kernelSize } from './convolution.ts';
import { channelAxisOf, outputOf, protoOf, type Reading, typeOf, usesOf } from './reading.ts';
import { type Branch, branchOf, forkOf, oneSource } from './region.ts';
import { LAID_OUT, type Step } from './step.ts';

/** The branches that a Concat joins, where all start from one value. */
export interface Module {
  readonly source: ValueId;
  readonly branches: readonly Branch[];
}

/** Reads the branches of a Concat back to the one value that they start from. */
export function readModule(reading: Reading, join: Step): Module | undefined {
  const fork = forkOf(reading, join.inputs);
  const branches = join.inputs.map((operand) => branchOf(reading, operand, fork));
  if (!branches.every((branch) => branch !== undefined)) return undefined;
  const source = oneSource(branches);
  return source === undefined ? undefined : { source, branches };
}

/**
 * Whether branches run side by side: no two share a step that does more than lay features out, but for those of three or more that fan out into single
 * convolutions at their end (1x3 beside 3x1 in Inception-v4), as if a Concat of their own had joined these.
 */
export function areApart(branches: readonly Branch[]): boolean {
  const readers = new Map<Step, number>();
  for (const { steps } of branches) for (const step of steps) readers.set(step, (readers.get(step) ?? 0) + 1);
  const isShared = (step: Step): boolean => readers.get(step) !== 1 && !LAID_OUT.has(step.role);
  const fans = branches.filter(({ steps }) => [...steps].some(isShared));
  const apart = branches.length - fans.length;
  return (
    fans.length === 0 ||
    (apart >= 2 &&
      fans.every(
        ({ steps }) =>
          [...steps].filter((step) => readers.get(step) === 1 && step.convolution !== undefined).length === 1,
      ))
  );
}

/** Whether nothing inside is read from outside: the join is the only way out. */
export function isClosed(reading: Reading, join: NodeId, branches: readonly Branch[]): boolean {
  const inside = new Set([
    join,
    ...branches.flatMap(({ steps }) => [...steps].flatMap(({ nodes }) => nodes)),
  ]);
  return branches.every(({ steps }) =>
    [...steps].every((step) =>
      usesOf(reading, outputOf(reading, step)).every((use) => use.kind === 'input' && inside.has(use.node)),
    ),
  );
}

/** Whether a step of a branch convolves its map: with a kernel, or as a product of matrices that gives a map, no tokens. */
export function convolvesMap(reading: Reading, { operand }: Branch, { convolution }: Step): boolean {
  if (convolution?.form === 'conv') return true;
  return convolution?.form === 'matmul' && (typeOf(reading, operand)?.shape?.length ?? 0) > 3;
}

/** The convolutions over the map of a branch. */
export function convolutionsOf(reading: Reading, branch: Branch): readonly Step[] {
  return [...branch.steps].filter((step) => convolvesMap(reading, branch, step));
}

/** The largest kernel of a branch. */
export function reachOf(reading: Reading, branch: Branch): number {
  return Math.max(
    1,
    ...convolutionsOf(reading, branch).map(({ convolution }) =>
      convolution === undefined ? 1 : kernelSize(convolution),
    ),
  );
}

/** Whether a Concat puts channels beside channels. */
export function joinsChannels(reading: Reading, step: Step): boolean {
  const axis = protoOf(reading, step.node).attribute.get('axis')?.i ?? 1;
  const value = outputOf(reading, step);
  const rank = reading.types.get(value)?.shape?.length;
  const channels = channelAxisOf(reading, value);
  if (rank === undefined) return axis === channels;
  return rank >= 3 && (axis < 0 ? axis + rank : axis) === channels;
}
