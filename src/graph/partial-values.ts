import type { Dim, NodeProto } from '../onnx/model-file.ts';
import { elementCount } from '../onnx/tensor-data.ts';
import { ARITHMETIC } from './partial/arithmetic.ts';
import { SELECTION } from './partial/selection.ts';
import {
  type Evaluation,
  type Evaluator,
  isSmall,
  knownNumbers,
  list,
  scalar,
  tensorNumbers,
} from './partial/tensor.ts';
import { multiplyDims } from './shapes/dims.ts';
import { intOf } from './shapes/rule.ts';
import type { PartialTensor } from './types.ts';
import { type GraphView, producerOf, type ValueId } from './view.ts';

/** Works out what can be known of the numbers of a node's first output. */
export function evaluatePartially(evaluation: Evaluation): PartialTensor | undefined {
  const { node } = evaluation;
  if (node.domain !== '') return undefined;
  const tensor = EVALUATORS.get(node.opType)?.(evaluation);
  return tensor !== undefined && isSmall(tensor.dims) ? tensor : undefined;
}

/** The numbers of a weight or a Constant, where they are few. */
export function constantNumbers(view: GraphView, value: ValueId): PartialTensor | undefined {
  const initializer = view.initializers.get(value);
  if (initializer !== undefined) return tensorNumbers(initializer);
  const node = producerOf(view, value);
  return node?.opType === 'Constant' ? constantEntries(node) : undefined;
}

function constantEntries(node: NodeProto): PartialTensor | undefined {
  for (const { name, t, i, f, ints, floats, elided } of node.attribute.values()) {
    if (elided) return undefined;
    if (name === 'value') return t === undefined ? undefined : tensorNumbers(t);
    if (name === 'value_int') return scalar(i);
    if (name === 'value_float') return scalar(f);
    if (name === 'value_ints') return list(ints);
    if (name === 'value_floats') return list(floats);
  }
  return undefined;
}

const shapeOf: Evaluator = ({ node, inputs }) => {
  const dims = inputs[0]?.shape;
  return dims === undefined
    ? undefined
    : list(dims.slice(intOf(node, 'start', 0), intOf(node, 'end', dims.length)));
};

const size: Evaluator = ({ inputs }) => {
  const dims = inputs[0]?.shape;
  return dims === undefined ? undefined : scalar(multiplyDims(dims));
};

const constantOfShape: Evaluator = ({ node, numbers }) => {
  const dims = knownNumbers(numbers(0));
  if (dims === undefined || !isSmall(dims)) return undefined;
  const value = node.attribute.get('value')?.t;
  const fill = value === undefined ? 0 : tensorNumbers(value)?.entries[0];
  return { dims, entries: new Array<Dim>(elementCount(dims)).fill(fill) };
};

const range: Evaluator = ({ numbers }) => {
  const [start, limit, delta] = [0, 1, 2].map((input) => numbers(input)?.entries[0]);
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number') return undefined;
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!isSmall([count])) return undefined;
  return list(Array.from({ length: count }, (_, index) => start + index * delta));
};

const EVALUATORS: ReadonlyMap<string, Evaluator> = new Map(
  Object.entries<Evaluator>({
    Constant: ({ node }) => constantEntries(node),
    ConstantOfShape: constantOfShape,
    Shape: shapeOf,
    Size: size,
    Range: range,
    ...SELECTION,
    ...ARITHMETIC,
  }),
);
