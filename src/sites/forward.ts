import { scalarOf } from '../graph/constants.ts';
import type { ValueId } from '../graph/view.ts';
import { opTypeOf, outputOf, protoOf, type Reading, stepsAfter, usesOf } from './reading.ts';
import { LOOKED_THROUGH, type Step } from './step.ts';

/** More readers than a value inside a block has. */
const READER_LIMIT = 64;

/** Whether a value goes on without an activation: somebody reads it as it is. */
export function isLinear(reading: Reading, value: ValueId): boolean {
  const waiting = [value];
  const seen = new Set<Step>();
  for (let at = waiting.pop(); at !== undefined && seen.size < READER_LIMIT; at = waiting.pop()) {
    const uses = usesOf(reading, at);
    if (uses.length === 0 || uses.some(({ kind }) => kind !== 'input')) return true;
    for (const step of stepsAfter(reading, at)) {
      if (step.role === 'activation' || seen.has(step)) continue;
      if (!LOOKED_THROUGH.has(step.role)) return true;
      seen.add(step);
      waiting.push(outputOf(reading, step));
    }
  }
  return false;
}

/** The value behind the activation of a convolution, and the steps up to it; the convolution's own where it is fused. */
export function activatedOutput(
  reading: Reading,
  convolution: Step,
): { readonly value: ValueId; readonly steps: readonly Step[] } | undefined {
  let value = outputOf(reading, convolution);
  if (convolution.convolution?.fusedActivation === true) return { value, steps: [] };
  const steps: Step[] = [];
  while (steps.length < READER_LIMIT) {
    const readers = stepsAfter(reading, value);
    const activation = readers.find(({ role }) => role === 'activation');
    const [next, ...more] = readers;
    const step = activation ?? (more.length === 0 ? next : undefined);
    if (step === undefined) return undefined;
    steps.push(step);
    value = outputOf(reading, step);
    if (step === activation) return furtherActivated(reading, value, steps);
    if (!LOOKED_THROUGH.has(step.role)) return undefined;
  }
  return undefined;
}

const CLAMPS: ReadonlySet<string> = new Set(['Min', 'Max', 'Clip', 'Where']);

/** ReLU6 may be two nodes, HardSwish ends in a division. */
function furtherActivated(
  reading: Reading,
  from: ValueId,
  before: readonly Step[],
): { readonly value: ValueId; readonly steps: readonly Step[] } {
  const steps = [...before];
  let value = from;
  while (steps.length < READER_LIMIT) {
    const [step, ...more] = stepsAfter(reading, value);
    if (step === undefined || more.length > 0) break;
    const opType = opTypeOf(reading, step.node);
    const scales =
      step.role === 'affine' && steps.at(-1)?.role === 'activation' && isLastFactor(reading, step);
    const clamps = scales || (step.role === 'activation' && CLAMPS.has(opType));
    if (!clamps) break;
    steps.push(step);
    value = outputOf(reading, step);
  }
  return { value, steps };
}

/** What HardSwish and GELU end in where their last factor stands behind the product: any other is a scale of its own. */
const LAST_FACTORS = [1 / 6, 1 / 2] as const;

function isLastFactor(reading: Reading, { node }: Step): boolean {
  const { opType, input } = protoOf(reading, node);
  if (opType !== 'Mul' && opType !== 'Div') return false;
  return input.some((value) => {
    const number = scalarOf(reading.view, value);
    if (number === undefined) return false;
    const factor = opType === 'Div' ? 1 / number : number;
    return LAST_FACTORS.some((last) => Math.abs(factor - last) < FACTOR_TOLERANCE);
  });
}

/** Half precision, and quantizers, round them. */
const FACTOR_TOLERANCE = 2e-3;

/** A gate that already scales a value, which may be moved, cast or quantized on the way to it. */
export function gateOn(reading: Reading, value: ValueId): Step | undefined {
  const waiting = [value];
  for (let passed = 0; passed < waiting.length && passed < READER_LIMIT; passed += 1) {
    const at = waiting[passed] ?? '';
    for (const step of stepsAfter(reading, at)) {
      if (!step.inputs.includes(at)) continue;
      if (step.role === 'gate') return step;
      if (step.role === 'pass' || step.role === 'transpose') waiting.push(outputOf(reading, step));
    }
  }
  return undefined;
}

/** Whether nothing but norms and the like lies between a value and an output of the graph. */
export function endsAsItIs(reading: Reading, value: ValueId): boolean {
  let at = value;
  for (let passed = 0; passed < READER_LIMIT; passed += 1) {
    if (reading.view.outputs.has(at)) return true;
    const [step, ...more] = stepsAfter(reading, at);
    if (step === undefined || more.length > 0) return false;
    if (step.role !== 'norm' && step.role !== 'affine' && step.role !== 'pass') return false;
    at = outputOf(reading, step);
  }
  return false;
}
