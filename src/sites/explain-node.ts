import type { ValueTypes } from '../graph/types.ts';
import { type GraphView, type NodeId, usesOf, type ValueId } from '../graph/view.ts';
import { describeVerdict } from './describe-verdict.ts';
import { explainValue, refTo, stepOf, writtenProto } from './explain-parts.ts';
import type {
  ExplainedChain,
  ExplainedInput,
  ExplainedJoin,
  ExplainedOutput,
  NodeExplanation,
} from './explanation.ts';
import { findNode } from './find-node.ts';
import { type SiteOptions, searchSites } from './find-sites.ts';
import { dataInputsOf, outermost, type Reading } from './reading.ts';
import { branchOf, forkOf } from './region.ts';
import type { Step, StepRole } from './step.ts';
import type { ChainTrial, SumTrial, Trial } from './trial.ts';

/**
 * Explains why there is a site at a node, or none: how the graph is read there, which rules were asked and what they said.
 *
 * `node` is the node's name, a value that it writes, or its index. It runs the same search as {@link findSites} and tells
 * what that search went by. Throws `sites/unknown-node` and `sites/ambiguous-node`.
 *
 * @example
 * ```ts
 * const { verdict } = explainNode(view, types, 'layer1.0/Add');
 * verdict.kind; // → 'rejected'
 * verdict.detail; // → 'adds a constant: a shift, no second branch'
 * ```
 */
export function explainNode(
  view: GraphView,
  types: ValueTypes,
  node: string,
  options: SiteOptions = {},
): NodeExplanation {
  const found = findNode(view, node);
  if (found.kind === 'nested') {
    const { opType, domain, name, output } = found.proto;
    return {
      ...{ opType, domain, name: name || (output[0] ?? ''), index: null, count: view.nodes.length },
      ...{ inside: found.inside, inputs: [], outputs: [], step: null, within: null, join: null, chains: [] },
      verdict: {
        ...{ kind: 'nested', site: null, part: null, judgedAt: null, reason: null },
        detail: 'bodies may run many times and functions stand in many places: neither is edited',
      },
    };
  }
  const at = found.node;
  const trials: Trial[] = [];
  const search = searchSites(view, types, options, (trial) => trials.push(trial));
  const { reading } = search;
  const own = reading.steps[at];
  const outer = outermost(reading, at);
  const sums = trials.filter((trial) => trial.kind === 'sum');
  return {
    opType: writtenProto(reading, at).opType,
    domain: writtenProto(reading, at).domain,
    name: refTo(reading, at).name,
    index: at,
    count: view.nodes.length,
    inside: [],
    inputs: inputsOf(reading, at),
    outputs: outputsOf(reading, at),
    step: own === undefined ? null : stepOf(reading, own),
    within: outer === undefined || outer === own ? null : stepOf(reading, outer),
    join: joinOf(
      reading,
      at,
      sums.findLast((trial) => trial.node === at),
    ),
    chains: trials
      .filter((trial) => trial.kind === 'chain' && trial.node === at)
      .map((trial) => chainOf(reading, trial as ChainTrial)),
    verdict: describeVerdict(search, at, sums),
  };
}

function inputsOf(reading: Reading, node: NodeId): readonly ExplainedInput[] {
  const { written: view } = reading;
  const from = (value: ValueId): ExplainedInput['from'] => {
    const producer = view.producers.get(value);
    if (producer !== undefined) return refTo(reading, producer.node);
    if (view.initializers.has(value)) return 'weight';
    return view.inputs.has(value) ? 'graph input' : 'nothing';
  };
  return writtenProto(reading, node)
    .input.filter((value) => value !== '')
    .map((value) => ({ ...explainValue(reading, value), from: from(value) }));
}

function outputsOf(reading: Reading, node: NodeId): readonly ExplainedOutput[] {
  return writtenProto(reading, node)
    .output.filter((value) => value !== '')
    .map((value) => {
      const uses = usesOf(reading.written, value);
      const readers = new Set(uses.flatMap((use) => (use.kind === 'output' ? [] : [use.node])));
      return {
        ...explainValue(reading, value),
        readers: [...readers].map((reader) => refTo(reading, reader)),
        isGraphOutput: uses.some(({ kind }) => kind === 'output'),
      };
    });
}

/** Joins whose branches are worth telling. */
const JOINS: ReadonlySet<StepRole> = new Set(['sum', 'product', 'concat']);

/** A sum as it was judged last; other joins, which are told apart by their form alone, as they lie in the graph. */
function joinOf(reading: Reading, node: NodeId, trial: SumTrial | undefined): ExplainedJoin | null {
  const step = reading.steps[node];
  const operands = trial?.operands ?? dataInputsOf(reading, node);
  if (trial === undefined && (step === undefined || !JOINS.has(step.role) || operands.length < 2))
    return null;
  const fork = trial === undefined ? forkOf(reading, operands) : trial.fork;
  const branches =
    trial?.branches ?? operands.map((operand) => branchOf(reading, operand, forkOf(reading, operands)));
  const sources = new Set(branches.flatMap((branch) => [...(branch?.sources ?? [])]));
  return {
    fork: fork === undefined || fork < 0 ? null : refTo(reading, fork),
    sources: [...sources],
    branches: operands.map((operand, index) => {
      const branch = branches[index];
      const { chosen } = trial ?? {};
      return {
        operand,
        part: chosen === undefined ? 'branch' : chosen.residual === branch ? 'residual' : 'skip',
        steps: branch === undefined ? null : inOrder(reading, branch.steps),
      };
    }),
    why: trial?.chosen?.why ?? null,
    rules: trial?.answers ?? [],
  };
}

function chainOf(reading: Reading, { family, found, answers }: ChainTrial): ExplainedChain {
  return { family, steps: inOrder(reading, found.steps), rules: answers };
}

function inOrder(reading: Reading, steps: Iterable<Step>): ReturnType<typeof stepOf>[] {
  return [...new Set(steps)]
    .sort((a, b) => (reading.place[a.node] ?? 0) - (reading.place[b.node] ?? 0))
    .map((step) => stepOf(reading, step));
}
