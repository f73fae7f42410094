import type { Dim, GraphProto, NodeProto } from '../onnx/model-file.ts';
import { constantOf } from './constants.ts';
import type { ValueTypes } from './types.ts';
import type { GraphView } from './view.ts';

/** How the multiply-accumulates of an operator follow from the shapes of its operands. */
interface Rule {
  /** Inputs with the data, or the left operand, and with the weights, or the right one. */
  readonly left: number;
  readonly right: number;
  readonly kind: 'conv' | 'transposed' | 'matmul' | 'gemm';
}

const RULES: Readonly<Record<string, Rule>> = {
  Conv: { left: 0, right: 1, kind: 'conv' },
  FusedConv: { left: 0, right: 1, kind: 'conv' },
  ConvInteger: { left: 0, right: 1, kind: 'conv' },
  QLinearConv: { left: 0, right: 3, kind: 'conv' },
  ConvTranspose: { left: 0, right: 1, kind: 'transposed' },
  Gemm: { left: 0, right: 1, kind: 'gemm' },
  FusedGemm: { left: 0, right: 1, kind: 'gemm' },
  QGemm: { left: 0, right: 3, kind: 'gemm' },
  MatMul: { left: 0, right: 1, kind: 'matmul' },
  FusedMatMul: { left: 0, right: 1, kind: 'matmul' },
  MatMulInteger: { left: 0, right: 1, kind: 'matmul' },
  QLinearMatMul: { left: 0, right: 3, kind: 'matmul' },
};

/**
 * Counts the multiply-accumulates of a model's convolutions and matrix products, for one sample.
 *
 * A first axis that is left open counts as one sample; a fixed one that is the batch of the network's input is divided
 * out. Gives null where a shape that matters is not known, and where such operators stand in bodies or functions, since
 * nobody can say how often those run.
 */
export function countMacs(view: GraphView, types: ValueTypes): number | null {
  let total = 0;
  let batch = batchOf(view);
  for (const node of view.nodes) {
    if (node.bodies.some(hasProducts) || callsProducts(view, node)) return null;
    const macs = nodeMacs(view, types, node);
    if (macs === undefined) return null;
    total += macs;
    // Where convolutions see another first axis, the input's was no batch.
    const first = types.get(node.output[0] ?? '')?.shape?.[0];
    if (ruleOf(node)?.kind === 'conv' && typeof first === 'number' && first % batch !== 0) batch = 1;
  }
  return Math.round(total / batch);
}

/** 0 for an operator without products; nothing where a shape is not known. */
function nodeMacs(view: GraphView, types: ValueTypes, node: NodeProto): number | undefined {
  const rule = ruleOf(node);
  if (rule === undefined) return 0;
  const shapeOf = (value: string | undefined): readonly Dim[] | undefined =>
    value === undefined || value === ''
      ? undefined
      : (types.get(value)?.shape ?? constantOf(view, value)?.dims);
  const left = shapeOf(node.input[rule.left]);
  const right = shapeOf(node.input[rule.right]);
  const output = shapeOf(node.output[0]);
  switch (rule.kind) {
    case 'conv':
      // Each output element is one product of a filter: [M, C/group, kernel...] over M.
      return product([samples(output), ...(output?.slice(2) ?? [undefined]), ...(right ?? [undefined])]);
    case 'transposed':
      // Each input element meets one filter: [C, M/group, kernel...] over C.
      return product([samples(left), ...(left?.slice(2) ?? [undefined]), ...(right ?? [undefined])]);
    case 'gemm': {
      const inner = node.attribute.get('transA')?.i === 1 ? left?.[0] : left?.[1];
      return product([samples(output), output?.[1], inner]);
    }
    case 'matmul':
      return product([samples(output), ...(output?.slice(1) ?? []), left?.at(-1)]);
  }
}

function ruleOf({ opType, domain }: NodeProto): Rule | undefined {
  const isKnown = domain === '' || domain === 'com.microsoft';
  return isKnown && Object.hasOwn(RULES, opType) ? RULES[opType] : undefined;
}

/** The first axis, one where it is left open; nothing where the shape is not known at all. */
function samples(shape: readonly Dim[] | undefined): Dim {
  return shape === undefined ? undefined : open(shape[0]);
}

function open(dim: Dim): Dim {
  return typeof dim === 'number' ? dim : 1;
}

function product(dims: readonly Dim[]): number | undefined {
  let result = 1;
  for (const dim of dims) {
    if (typeof dim !== 'number') return undefined;
    result *= dim;
  }
  return result;
}

/** The fixed batch of the input that the convolutions read, or one. */
function batchOf(view: GraphView): number {
  for (const [name, { type }] of view.inputs) {
    if (view.initializers.has(name) || (type.shape?.length ?? 0) < 3) continue;
    const first = type.shape?.[0];
    return typeof first === 'number' ? first : 1;
  }
  return 1;
}

function hasProducts(graph: GraphProto): boolean {
  return graph.node.some((node) => ruleOf(node) !== undefined || node.bodies.some(hasProducts));
}

function callsProducts(view: GraphView, { domain, opType }: NodeProto, depth = 0): boolean {
  const called = view.functions.get(`${domain}:${opType}`);
  if (called === undefined || depth > 16) return false;
  return called.node.some(
    (node) =>
      ruleOf(node) !== undefined || node.bodies.some(hasProducts) || callsProducts(view, node, depth + 1),
  );
}
