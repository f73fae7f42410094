import { DataType } from '../../onnx/data-type.ts';
import type { Dim } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { intOf, type Rule, type RuleTable, typeAt, UNKNOWN } from './rule.ts';

/** What both branches agree on. */
const branch: Rule = (node, _inputs, context) => {
  const [then, otherwise] = ['then_branch', 'else_branch'].map((name) => {
    const body = node.attribute.get(name)?.g;
    return body === undefined ? [] : context.bodyOutputs(body);
  });
  return node.output.map((_, output) => common(then?.[output] ?? UNKNOWN, otherwise?.[output] ?? UNKNOWN));
};

function common(a: ValueType, b: ValueType): ValueType {
  const dataType = a.dataType === b.dataType ? a.dataType : DataType.UNDEFINED;
  if (a.shape === undefined || b.shape?.length !== a.shape.length) return { dataType, shape: undefined };
  const { shape } = b;
  return { dataType, shape: a.shape.map((dim, axis): Dim => (dim === shape[axis] ? dim : undefined)) };
}

/** Carried values keep their element type from turn to turn; the others are stacked, one entry a turn. */
const loop: Rule = (node, inputs) => {
  const body = node.attribute.get('body')?.g;
  const carried = Math.max(0, inputs.length - 2);
  return node.output.map((_, output) => {
    if (output < carried) return { dataType: typeAt(inputs, output + 2).dataType, shape: undefined };
    return stacked(body?.output[output + 1]?.type);
  });
};

/** State keeps its type; the others are stacked. Before opset 9 the first input was the sequences' lengths. */
const scan: Rule = (node, inputs, context) => {
  const body = node.attribute.get('body')?.g;
  const states = Math.max(0, inputs.length - intOf(node, 'num_scan_inputs', 0));
  if (context.opset < 9) return [];
  return node.output.map((_, output) => {
    if (output < states) return typeAt(inputs, output);
    return { dataType: body?.output[output]?.type.elemType ?? DataType.UNDEFINED, shape: undefined };
  });
};

function stacked(
  turn: { readonly elemType: number; readonly shape: readonly Dim[] | undefined } | undefined,
): ValueType {
  if (turn === undefined) return UNKNOWN;
  // Sizes that a body declares may hold for one turn only.
  return { dataType: turn.elemType, shape: turn.shape?.map(() => undefined).concat(undefined) };
}

/** Nodes that hold bodies. */
export const CONTROL_FLOW_RULES: RuleTable = {
  ':If': branch,
  ':Loop': loop,
  ':Scan': scan,
};
