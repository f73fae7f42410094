import type { NodeProto } from '../../onnx/model-file.ts';
import type { ValueType } from '../types.ts';
import { intOf, type Rule, type RuleTable, reshaped, sameRule, textOf, typeAt } from './rule.ts';

/** All outputs [T, D, N, H], the last one and, for LSTM, the last cell [D, N, H]; batch first with `layout` 1. */
const recurrent: Rule = (node, inputs) => {
  const data = typeAt(inputs, 0);
  const batchFirst = intOf(node, 'layout', 0) !== 0;
  const [first, second] = data.shape ?? [];
  const [steps, batch] = batchFirst ? [second, first] : [first, second];
  const directions = textOf(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = hiddenSize(node, inputs);
  const last = reshaped(data, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
  const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
  return [reshaped(data, all), last, last];
};

/** The recurrence weights [D, gates * H, H] say it too. */
function hiddenSize(node: NodeProto, inputs: readonly ValueType[]) {
  return typeAt(inputs, 2).shape?.[2] ?? node.attribute.get('hidden_size')?.i;
}

/** Recurrent layers. */
export const RECURRENT_RULES: RuleTable = sameRule('', ['LSTM', 'GRU', 'RNN'], recurrent);
