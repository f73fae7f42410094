import { type Dominators, ROOT } from '../graph/dominators.ts';
import type { NodeId, ValueId } from '../graph/view.ts';
import { type Reading, stepBehind } from './reading.ts';
import type { Step } from './step.ts';

/** Nodes of the largest block that is read; the longest in the literature, in QDQ and with everything spelt out, has 300. */
const STEP_LIMIT = 600;

/** What lies between a fork and a join along one operand. */
export interface Branch {
  /** The operand of the join. */
  readonly operand: ValueId;
  readonly steps: ReadonlySet<Step>;
  /** The values of the fork that it starts from. */
  readonly sources: ReadonlySet<ValueId>;
}

/**
 * The nearest node that all paths to all operands pass through, or the root.
 *
 * Gives nothing where it is further away than a block is long, so that long skips do not cost the length of the network
 * each.
 */
export function forkOf({ view, dominators }: Reading, operands: readonly ValueId[]): NodeId | undefined {
  let fork: NodeId | undefined;
  for (const [at, value] of operands.entries()) {
    const node = view.producers.get(value)?.node ?? ROOT;
    fork = at === 0 || fork === undefined ? node : nearDominator(dominators, fork, node);
    if (fork === undefined) return undefined;
  }
  return fork;
}

function nearDominator({ parent, depth }: Dominators, a: NodeId, b: NodeId): NodeId | undefined {
  let left = a;
  let right = b;
  for (let climbed = 0; climbed <= 2 * STEP_LIMIT; climbed += 1) {
    if (left === right) return left;
    if ((depth.get(left) ?? 0) >= (depth.get(right) ?? 0)) left = parent.get(left) ?? ROOT;
    else right = parent.get(right) ?? ROOT;
  }
  return undefined;
}

/** Walks back from an operand to the fork; gives nothing where more lies between than a block holds. */
export function branchOf(reading: Reading, operand: ValueId, fork: NodeId): Branch | undefined {
  const steps = new Set<Step>();
  const sources = new Set<ValueId>();
  const waiting: ValueId[] = [operand];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const producer = reading.view.producers.get(value);
    const step = stepBehind(reading, value);
    if (producer === undefined || producer.node === fork || step === undefined) {
      sources.add(value);
      continue;
    }
    if (steps.has(step)) continue;
    steps.add(step);
    if (steps.size > STEP_LIMIT) return undefined;
    // A step of several nodes may hold the fork among them: it then starts where the fork does.
    if (step.nodes.length > 1 && step.nodes.includes(fork)) {
      for (const input of step.inputs) sources.add(input);
      continue;
    }
    waiting.push(...step.inputs);
  }
  return { operand, steps, sources };
}

/** All nodes of some steps. */
export function nodesOf(steps: Iterable<Step>): readonly NodeId[] {
  return [...new Set([...steps].flatMap((step) => step.nodes))];
}
