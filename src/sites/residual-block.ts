import type { ValueId } from '../graph/view.ts';
import { type Block, readingUses, usesBy } from './block.ts';
import { isFireModule } from './fire.ts';
import { chainBack, type InvertedResidual, readInvertedResidual } from './inverted-residual.ts';
import { firstBehind, outputOf, type Reading } from './reading.ts';
import { type Branch, nodesOf } from './region.ts';
import { residualVariant } from './residual-variant.ts';
import { answersOf, askRules, type Rule } from './rules.ts';
import type { Skip } from './skip.ts';
import { isSlice } from './slices.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';
import { isInnerSum } from './sum-tree.ts';
import type { Tell } from './trial.ts';

interface Candidate {
  readonly reading: Reading;
  readonly residual: Branch;
  readonly gate: Step | undefined;
  readonly found: InvertedResidual;
}

const ALONE: Rule<Candidate, undefined> = {
  name: 'it is all that its residual branch holds',
  refuse: ({ reading, residual, gate, found }) =>
    leadsTo(reading, found.start, residual.sources) &&
    [...residual.steps].every(
      (inner) => inner.convolution === undefined || found.steps.includes(inner) || isInGate(inner, gate),
    )
      ? undefined
      : {
          reason: undefined,
          detail: 'the branch holds other convolutions too, and takes one gate at its end',
        },
};

const NO_SHUFFLE: Rule<Candidate, undefined> = {
  name: 'it is no ShuffleNet unit, which shuffles channels and has no activation behind the depthwise convolution',
  refuse: ({ found }) =>
    found.steps.some(({ role }) => role === 'shuffle') && !found.activated
      ? { reason: undefined, detail: 'it is one, and takes its gate before the sum' }
      : undefined,
};

/** What makes a residual block of an inverted residual one itself. */
const INVERTED_BRANCH_RULES: readonly Rule<Candidate, undefined>[] = [ALONE, NO_SHUFFLE];

/**
 * Makes the block of a sum whose branches are told apart.
 *
 * A residual branch that is an inverted residual and nothing else makes it one; a ShuffleNet unit or a fire module with a
 * bypass is of that kind, at the same value.
 */
export function makeResidual(
  reading: Reading,
  step: Step,
  source: ValueId,
  residual: Branch,
  skips: readonly Skip[],
  tell: Tell | undefined = undefined,
): Block {
  const gate = [...residual.steps].find(({ role }) => role === 'gate');
  const nodes = nodesOf([step], residual.steps, ...skips.map(({ branch }) => branch.steps));
  const around = { input: source, output: outputOf(reading, step), skip: skips[0]?.branch.operand };
  // The operand may be read by an inner Add of the same sum.
  const read = (reading.view.uses.get(residual.operand) ?? []).find(
    (use) => use.kind === 'input' && (use.node === step.node || isInnerSum(reading, use.node, step)),
  );
  const readerNode = read?.kind === 'input' ? read.node : step.node;
  const project = projectBehind(reading, residual);
  // A project convolution is linear, whoever has fused the activation.
  const inverted =
    project?.convolution === undefined || project.convolution.fusedActivation
      ? undefined
      : readInvertedResidual(reading, project, (value) => residual.sources.has(value));
  const refused = inverted && askRules(INVERTED_BRANCH_RULES, { reading, residual, gate, found: inverted });
  if (inverted !== undefined) {
    tell?.({
      kind: 'chain',
      node: inverted.depthwise.node,
      family: 'inverted-residual',
      found: inverted,
      answers: answersOf(INVERTED_BRANCH_RULES, refused),
      refusal: refused,
    });
  }
  if (inverted !== undefined && refused === undefined) {
    const { uses, reader } = readingUses(reading, inverted.value, inverted.readers);
    return {
      kind: 'inverted-residual',
      variant: inverted.expand === undefined ? 'no-expand' : 'expand',
      value: inverted.value,
      uses,
      reader,
      anchor: step.node,
      nodes,
      around,
      gate,
      project: inverted.project.node,
      expand: inverted.expand?.node,
    };
  }
  const shuffles = refused?.rule === NO_SHUFFLE.name;
  const fire = isFireModule(reading, residual.operand);
  return {
    kind: shuffles ? 'shuffle' : fire ? 'fire' : 'residual',
    variant: shuffles ? 'v1' : fire ? 'bypass' : residualVariant(reading, residual),
    value: residual.operand,
    uses: usesBy(reading, residual.operand, [readerNode]),
    reader: readerNode,
    anchor: step.node,
    nodes,
    around,
    gate,
    project: undefined,
    expand: undefined,
  };
}

/** The convolution that a branch ends with; ReXNet adds its skip to the first of the channels alone. */
function projectBehind(reading: Reading, { operand, sources }: Branch): Step | undefined {
  const behind = (value: ValueId): Step | undefined =>
    firstBehind(reading, value, LOOKED_THROUGH, (at) => sources.has(at));
  const last = behind(operand);
  const [input] = last?.inputs ?? [];
  return last !== undefined && input !== undefined && isSlice(reading, last) ? behind(input) : last;
}

/** Whether only norms, activations and the like lie between a source and a value. */
function leadsTo(reading: Reading, value: ValueId, sources: ReadonlySet<ValueId>): boolean {
  return sources.has(chainBack(reading, value, (at) => sources.has(at)).value);
}

function isInGate(step: Step, gate: Step | undefined): boolean {
  return gate?.nodes.includes(step.node) === true;
}
