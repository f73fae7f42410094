import type { ValueId } from '../graph/view.ts';
import { isStrided, kernelSize } from './convolution.ts';
import { isGlobalPool } from './pooling.ts';
import { type Reading, stepBehind } from './reading.ts';
import type { Branch } from './region.ts';
import type { Step } from './step.ts';

/** What a skip branch is made of. */
export interface Skip {
  readonly branch: Branch;
  readonly convolutions: readonly Step[];
  readonly pools: number;
}

/**
 * Reads a branch as a skip: nothing, or only a projection or reshaping of the fork's value.
 *
 * It is a chain. A projection is a 1x1 convolution, a strided one, or a depthwise one with the 1x1 behind it (GhostNet); an
 * activation counts only as part of it.
 */
export function readSkip(reading: Reading, branch: Branch): Skip | undefined {
  const convolutions: Step[] = [];
  let pools = 0;
  let activations = 0;
  let value: ValueId = branch.operand;
  while (!branch.sources.has(value)) {
    const step = stepBehind(reading, value);
    if (step === undefined || !branch.steps.has(step) || step.inputs.length !== 1) return undefined;
    switch (step.role) {
      case 'convolution':
        convolutions.push(step);
        break;
      case 'pool':
        if (isGlobalPool(reading, step)) return undefined;
        pools += 1;
        break;
      case 'activation':
        activations += 1;
        break;
      case 'norm':
      case 'affine':
      case 'pass':
      case 'transpose':
      case 'layout':
        break;
      default:
        return undefined;
    }
    if (branch.sources.has(value)) break;
    const [input] = step.inputs;
    if (input === undefined) return undefined;
    value = input;
  }
  if (activations > 0 && convolutions.length === 0) return undefined;
  return isProjection(convolutions) ? { branch, convolutions, pools } : undefined;
}

/** In the order from the join to the fork. */
function isProjection(convolutions: readonly Step[]): boolean {
  const [last, first, third] = convolutions.map(({ convolution }) => convolution);
  if (third !== undefined) return false;
  if (last === undefined) return true;
  const projects = last.pointwise || isStrided(last);
  if (first === undefined) return projects;
  return last.pointwise && first.depthwise;
}

/** The work a branch does: how many convolutions, and the size of the largest. */
export function weightOf(steps: Iterable<Step>): number {
  let weight = 0;
  for (const { convolution } of steps) {
    if (convolution === undefined) continue;
    weight += 1000 + Math.min(kernelSize(convolution), 999);
  }
  return weight;
}
