import type { Convolution } from './convolution.ts';
import { opTypeOf, type Reading } from './reading.ts';
import type { Step } from './step.ts';

/** Says what a step is: `convolution 3x3 s2 64->128`, `activation HardSwish, written as 4 nodes`. */
export function describeStep(reading: Reading, step: Step): string {
  const opTypes = step.nodes.map((node) => opTypeOf(reading, node));
  const [opType = ''] = opTypes.length > 1 ? [] : opTypes;
  if (step.convolution !== undefined) {
    return describeConvolution(step.convolution) + writtenAs(step);
  }
  switch (step.role) {
    case 'activation':
      return `activation${spaced(opType || activationOf(new Set(opTypes)))}${writtenAs(step)}`;
    case 'gate':
      return `channel gate${writtenAs(step)}`;
    case 'shuffle':
      return `channel shuffle${writtenAs(step)}`;
    case 'sum':
    case 'product':
    case 'concat':
      return `${step.role} of ${step.inputs.length} values`;
    default:
      return `${NOUNS[step.role] ?? step.role}${spaced(opType)}${writtenAs(step)}`;
  }
}

const NOUNS: Partial<Record<Step['role'], string>> = {
  affine: 'scaling by constants',
  pass: 'hands on',
  transpose: 'transposition',
  layout: 'reshaping',
  pool: 'pooling',
  upsample: 'upsampling',
  recurrent: 'recurrent layer',
  other: 'something else',
};

function spaced(name: string): string {
  return name === '' ? '' : ` ${name}`;
}

function writtenAs({ nodes }: Step): string {
  return nodes.length > 1 ? `, written as ${nodes.length} nodes` : '';
}

function describeConvolution(convolution: Convolution): string {
  const { form, depthwise, kernel, strides, group, dilated, inChannels, outChannels } = convolution;
  const channels = `${inChannels ?? '?'}->${outChannels ?? '?'}`;
  const fused = convolution.fusedActivation ? ', activation fused' : '';
  if (form === 'matmul') return `matrix product ${channels}${fused}`;
  const size = kernel === undefined ? 'of unknown size' : kernel.join('x');
  const [first = 1] = strides;
  const step = strides.every((stride) => stride === first) ? `${first}` : strides.join('x');
  return [
    depthwise ? 'depthwise convolution' : form === 'transposed' ? 'transposed convolution' : 'convolution',
    size,
    ...(strides.some((stride) => stride > 1) ? [`s${step}`] : []),
    channels,
    ...(group > 1 && !depthwise ? [`in ${group} groups`] : []),
    ...(dilated ? ['dilated'] : []),
  ]
    .join(' ')
    .concat(fused);
}

/** What an activation in several nodes is commonly called; nothing where it is none that is known. */
function activationOf(opTypes: ReadonlySet<string>): string {
  const has = (...names: readonly string[]): boolean => names.every((name) => opTypes.has(name));
  if (has('Erf')) return 'GELU';
  if (has('Softplus', 'Tanh')) return 'Mish';
  if (has('Tanh') && opTypes.size > 2) return 'GELU';
  if (has('Split', 'Sigmoid')) return 'GLU';
  if (has('Sigmoid', 'Mul')) return 'SiLU';
  if (has('HardSigmoid', 'Mul') || (has('Add', 'Mul') && (has('Clip') || has('Min') || has('Relu')))) {
    return 'HardSwish';
  }
  return '';
}
