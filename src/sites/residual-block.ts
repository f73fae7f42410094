import type { ValueId } from '../graph/view.ts';
import { type Block, readingUses, usesBy } from './block.ts';
import { isFireModule } from './fire.ts';
import { chainBack, readInvertedResidual } from './inverted-residual.ts';
import { firstBehind, outputOf, type Reading } from './reading.ts';
import { type Branch, nodesOf } from './region.ts';
import { residualVariant } from './residual-variant.ts';
import type { Skip } from './skip.ts';
import { isSlice } from './slices.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';
import { isInnerSum } from './sum-tree.ts';

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
): Block {
  const gate = [...residual.steps].find(({ role }) => role === 'gate');
  const nodes = nodesOf([step], residual.steps, ...skips.map(({ branch }) => branch.steps));
  const around = { input: source, output: outputOf(reading, step), skip: skips[0]?.branch.operand };
  // The operand may be read by an inner Add of the same sum.
  const reader = (reading.view.uses.get(residual.operand) ?? []).find(
    (use) => use.kind === 'input' && (use.node === step.node || isInnerSum(reading, use.node, step)),
  );
  const readerNode = reader?.kind === 'input' ? reader.node : step.node;
  const base = { anchor: step.node, nodes, around, gate };
  const project = projectBehind(reading, residual);
  // A project convolution is linear, whoever has fused the activation.
  const inverted =
    project?.convolution === undefined || project.convolution.fusedActivation
      ? undefined
      : readInvertedResidual(reading, project, (value) => residual.sources.has(value));
  const alone =
    inverted !== undefined &&
    leadsTo(reading, inverted.start, residual.sources) &&
    [...residual.steps].every(
      (inner) => inner.convolution === undefined || inverted.steps.includes(inner) || isInGate(inner, gate),
    );
  if (alone && !(inverted.steps.some(({ role }) => role === 'shuffle') && !inverted.activated)) {
    return {
      ...base,
      kind: 'inverted-residual',
      variant: inverted.expand === undefined ? 'no-expand' : 'expand',
      value: inverted.value,
      ...readingUses(reading, inverted.value, inverted.readers),
      project: inverted.project.node,
      expand: inverted.expand?.node,
    };
  }
  const fire = isFireModule(reading, residual.operand);
  return {
    ...base,
    kind: alone ? 'shuffle' : fire ? 'fire' : 'residual',
    variant: alone ? 'v1' : fire ? 'bypass' : residualVariant(reading, residual),
    value: residual.operand,
    uses: usesBy(reading, residual.operand, [readerNode]),
    reader: readerNode,
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
