import { commonDominator, ROOT } from '../graph/dominators.ts';
import { type NodeId, type ValueId, writerOf } from '../graph/view.ts';
import type { Reading } from './reading.ts';
import type { Step } from './step.ts';

/** Steps of the largest block that is read: well over twice those of the largest in the literature. */
const STEP_LIMIT = 256;

/** What lies between a fork and a join along one operand. */
export interface Branch {
  /** The operand of the join. */
  readonly operand: ValueId;
  readonly steps: ReadonlySet<Step>;
  /** The values of the fork that it starts from. */
  readonly sources: ReadonlySet<ValueId>;
}

/** The nearest node that all paths to all operands pass through, or the root. */
export function forkOf({ view, dominators }: Reading, operands: readonly ValueId[]): NodeId {
  let fork: NodeId | undefined;
  for (const value of operands) {
    const node = writerOf(view, value);
    fork = fork === undefined ? node : commonDominator(dominators, fork, node);
  }
  return fork ?? ROOT;
}

/**
 * Walks back from an operand to the fork; gives nothing where more lies between than a block holds, or where the walks of
 * all joins together have become longer than those of any network are.
 */
export function branchOf(reading: Reading, operand: ValueId, fork: NodeId): Branch | undefined {
  const { walks } = reading;
  walks.count += 1;
  const steps: Step[] = [];
  const sources = new Set<ValueId>();
  const values: ValueId[] = [operand];
  const writers: NodeId[] = [writerOf(reading.view, operand)];
  for (let value = values.pop(); value !== undefined; value = values.pop()) {
    const step = reading.steps[writers.pop() ?? ROOT];
    if (step === undefined || step.node === fork) {
      sources.add(value);
      continue;
    }
    if (walks.last[step.node] === walks.count) continue;
    walks.last[step.node] = walks.count;
    steps.push(step);
    walks.stepsLeft -= 1;
    if (steps.length > STEP_LIMIT || walks.stepsLeft < 0) return undefined;
    // A step of several nodes may hold the fork among them: it then starts where the fork does.
    if (step.nodes.length > 1 && step.nodes.includes(fork)) {
      for (const input of step.inputs) sources.add(input);
      continue;
    }
    const behind = walks.behind[step.node] ?? step.inputs.map((input) => writerOf(reading.view, input));
    walks.behind[step.node] = behind;
    for (let at = 0; at < behind.length; at += 1) {
      const input = step.inputs[at] ?? '';
      if (isReadAside(reading, step, input)) continue;
      values.push(input);
      writers.push(behind[at] ?? ROOT);
    }
  }
  return { operand, steps: new Set(steps), sources };
}

/** The value that all branches start from, where there is only one. */
export function oneSource(branches: readonly Branch[]): ValueId | undefined {
  let found: ValueId | undefined;
  for (const { sources } of branches) {
    for (const source of sources) {
      if (found !== undefined && source !== found) return undefined;
      found = source;
    }
  }
  return found;
}

/** Whether all nodes of a step that read a value do so on the side. */
function isReadAside({ view, isAside }: Reading, { nodes }: Step, value: ValueId): boolean {
  if (isAside === undefined) return false;
  const readers = nodes.filter((node) => view.nodes[node]?.input.includes(value) === true);
  return readers.length > 0 && readers.every((node) => isAside(value, node));
}

/** All nodes of some steps, each once. */
export function nodesOf(...groups: readonly Iterable<Step>[]): readonly NodeId[] {
  const nodes = new Set<NodeId>();
  for (const steps of groups) {
    for (const step of steps) for (const node of step.nodes) nodes.add(node);
  }
  return [...nodes];
}
