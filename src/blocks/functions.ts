import type { NodeSpec, WeightSpec } from './block.ts';

/** The activations between the two layers of an excitation. */
export const ACTIVATIONS: readonly string[] = ['relu', 'silu', 'hardswish'];

/** The bounded functions that give a gate. */
export const GATES: readonly string[] = ['2*sigmoid', 'sigmoid', 'hardsigmoid'];

/**
 * The slope of MobileNetV3's hard sigmoid, ReLU6(x + 3)/6. ONNX's default for HardSigmoid is 0.2: another function,
 * and a well-known trap.
 */
export const HARD_SIGMOID_ALPHA: number = 1 / 6;

/** The nodes of an activation from value `input` to value `output`. */
export function activationNodes(
  activation: string,
  input: string,
  output: string,
  opset: number,
): NodeSpec[] {
  switch (activation) {
    case 'silu':
      return [
        { name: `${output}_sigmoid`, opType: 'Sigmoid', inputs: [input] },
        { name: output, opType: 'Mul', inputs: [input, `${output}_sigmoid`] },
      ];
    case 'hardswish':
      // HardSwish is an operator from opset 14 on.
      return opset >= 14
        ? [{ name: output, opType: 'HardSwish', inputs: [input] }]
        : [
            hardSigmoid(`${output}_gate`, input),
            { name: output, opType: 'Mul', inputs: [input, `${output}_gate`] },
          ];
    default:
      return [{ name: output, opType: 'Relu', inputs: [input] }];
  }
}

/** The nodes of a gate from value `input` to value `output`. */
export function gateNodes(gate: string, input: string, output: string): NodeSpec[] {
  switch (gate) {
    case '2*sigmoid':
      return [
        { name: `${output}_sigmoid`, opType: 'Sigmoid', inputs: [input] },
        { name: output, opType: 'Mul', inputs: [`${output}_sigmoid`, 'gate.two'] },
      ];
    case 'hardsigmoid':
      return [hardSigmoid(output, input)];
    default:
      return [{ name: output, opType: 'Sigmoid', inputs: [input] }];
  }
}

/** The constants that a gate's nodes read. */
export function gateConstants(gate: string): WeightSpec[] {
  if (gate !== '2*sigmoid') return [];
  return [{ name: 'gate.two', dims: [], role: 'constant', value: [2], fanIn: 1, fanOut: 1 }];
}

function hardSigmoid(name: string, input: string): NodeSpec {
  const attributes = { alpha: { float: HARD_SIGMOID_ALPHA }, beta: { float: 0.5 } };
  return { name, opType: 'HardSigmoid', inputs: [input], attributes };
}
