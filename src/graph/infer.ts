import { DataType } from '../onnx/data-type.ts';
import type { Dim, GraphProto, NodeProto, TypeProto } from '../onnx/model-file.ts';
import { orderNodes } from './order.ts';
import { isSmall, openTensor, tensorNumbers } from './partial/tensor.ts';
import { evaluatePartially } from './partial-values.ts';
import { CONTROL_FLOW_RULES } from './shapes/control-flow.ts';
import { CONVOLUTION_RULES } from './shapes/convolution.ts';
import { RANK_LIMIT, type Shape } from './shapes/dims.ts';
import { ELEMENTWISE_RULES } from './shapes/elementwise.ts';
import { GENERATION_RULES } from './shapes/generation.ts';
import { LAYOUT_RULES } from './shapes/layout.ts';
import { MATMUL_RULES } from './shapes/matmul.ts';
import { NORMALIZATION_RULES } from './shapes/normalization.ts';
import { POOLING_RULES } from './shapes/pooling.ts';
import { QUANTIZATION_RULES } from './shapes/quantization.ts';
import { RECURRENT_RULES } from './shapes/recurrent.ts';
import { REDUCTION_RULES } from './shapes/reduction.ts';
import { type Rule, UNKNOWN } from './shapes/rule.ts';
import { SLICING_RULES } from './shapes/slicing.ts';
import type { PartialTensor, ValueType, ValueTypes } from './types.ts';
import { ValueTable } from './value-table.ts';
import { type GraphView, type NodeId, type ValueId, viewGraph } from './view.ts';
import { LEFT_OUT, type ValueNumber } from './wires.ts';

/** Every rule by `domain:opType`. */
export const SHAPE_RULES: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    ...CONVOLUTION_RULES,
    ...POOLING_RULES,
    ...ELEMENTWISE_RULES,
    ...NORMALIZATION_RULES,
    ...LAYOUT_RULES,
    ...SLICING_RULES,
    ...REDUCTION_RULES,
    ...MATMUL_RULES,
    ...QUANTIZATION_RULES,
    ...GENERATION_RULES,
    ...RECURRENT_RULES,
    ...CONTROL_FLOW_RULES,
  }),
);

/** Those of ONNX's own domain by `opType`. */
const ONNX_RULES: ReadonlyMap<string, Rule> = new Map(
  [...SHAPE_RULES].flatMap(([key, rule]) => (key.startsWith(':') ? [[key.slice(1), rule] as const] : [])),
);

/** Bodies of bodies deeper than this are left unknown. */
const DEPTH_LIMIT = 8;

/** Values that a body can see, its own first. */
interface Scope {
  readonly view: GraphView;
  readonly types: ValueTable<ValueType>;
  readonly numbers: Map<ValueId, PartialTensor | undefined>;
  readonly outer: Scope | undefined;
  readonly depth: number;
}

/**
 * Infers the element type and the shape of every value of a graph, as far as they can be told.
 *
 * It starts from the graph's inputs and the weights and follows the operators; what the file declares of inner values
 * (`value_info`) only fills gaps, since it may be stale. Never throws: what makes no sense is unknown. Linear in the size
 * of the graph.
 *
 * @example
 * ```ts
 * inferTypes(view).get('conv_1')?.shape; // → ['N', 64, 112, 112]
 * ```
 */
export function inferTypes(view: GraphView): ValueTypes {
  return inferScope(view, undefined).types;
}

function inferScope(view: GraphView, outer: Scope | undefined): Scope {
  const { numbers, writes } = view.wires;
  const types = new ValueTable<ValueType>(view.wires);
  const scope: Scope = {
    view,
    types,
    numbers: new Map(),
    outer,
    depth: outer === undefined ? 0 : outer.depth + 1,
  };
  for (const [name, { type }] of view.inputs) types.byNumber[numbers.get(name) ?? LEFT_OUT] = declared(type);
  ValueTable.of(view.wires, view.initializers).byNumber.forEach((weight, value) => {
    if (weight !== undefined)
      types.byNumber[value] = clean({ dataType: weight.dataType, shape: weight.dims });
  });
  const { order, cyclic } = orderNodes(view);
  for (const node of order) inferNode(node, scope);
  for (const node of cyclic) {
    for (const value of writes[node] ?? []) setType(value, UNKNOWN, scope);
  }
  return scope;
}

function inferNode(at: NodeId, scope: Scope): void {
  const { view, outer } = scope;
  const { names, writes } = view.wires;
  const node = view.nodes[at];
  if (node === undefined) return;
  const inputs = (view.wires.inputs[at] ?? []).map((value) => {
    const type = scope.types.byNumber[value];
    return type ?? (outer === undefined ? UNKNOWN : typeOf(names[value] ?? '', outer));
  });
  const numbers = (input: number): PartialTensor | undefined => numbersOf(node.input[input] ?? '', scope);
  const rule = ruleOf(node, view);
  const context = {
    opset: opsetOf(scope.view, node.domain),
    numbers,
    bodyOutputs: (body: GraphProto) => bodyOutputs(body, scope),
  };
  const computed = rule?.(node, inputs, context) ?? [];
  writes[at]?.forEach((value, output) => {
    setType(value, computed[output] ?? UNKNOWN, scope);
  });
  const [first = LEFT_OUT] = writes[at] ?? [];
  if (rule === undefined || first === LEFT_OUT) return;
  const { dataType, shape } = scope.types.byNumber[first] ?? UNKNOWN;
  if (shape === undefined || !isSmall(shape)) return;
  // A small tensor of integers that is not known can still be joined with others that are.
  const entries = (input: number) => numbers(input) ?? openTensor(inputs[input]);
  const evaluated = evaluatePartially({ node, inputs, numbers: entries, dataType, shape });
  if (evaluated !== undefined) scope.numbers.set(names[first] ?? '', evaluated);
}

/** The rule of a node's operator; a model-local function of its name comes first, and has none. */
function ruleOf({ domain, opType }: NodeProto, { functions }: GraphView): Rule | undefined {
  // Names put together are slow to look up, and most graphs hold no other nodes than these.
  if (domain === '' && functions.size === 0) return ONNX_RULES.get(opType);
  const key = `${domain}:${opType}`;
  return functions.has(key) ? undefined : SHAPE_RULES.get(key);
}

/** Keeps what was computed of a value, and fills its gaps with what the file declares; the first definition stands. */
function setType(value: ValueNumber, computed: ValueType, { view, types }: Scope): void {
  if (value === LEFT_OUT || types.byNumber[value] !== undefined) return;
  const cleaned = clean(computed);
  const name = view.wires.names[value] ?? '';
  const info = view.valueInfo.get(name) ?? view.outputs.get(name);
  if (info === undefined) {
    types.byNumber[value] = cleaned;
    return;
  }
  const { dataType, shape } = cleaned;
  const stated = declared(info.type);
  // People type the symbols of outputs: the "height" of a mask need not be that of the image.
  const trusted = view.outputs.has(name) ? stated.shape?.map(numeric) : stated.shape;
  types.byNumber[value] = {
    dataType: dataType === DataType.UNDEFINED ? stated.dataType : dataType,
    shape: mergeDeclared(shape, trusted),
  };
}

function numeric(dim: Dim): Dim {
  return typeof dim === 'number' ? dim : undefined;
}

/** A computed axis stands, its symbol too: a number beside it may date from before the axis was made dynamic. */
function mergeDeclared(computed: Shape, stated: Shape): Shape {
  if (computed === undefined) return stated;
  if (stated?.length !== computed.length) return computed;
  return computed.map((dim, axis) => dim ?? stated[axis]);
}

function declared({ elemType, shape }: TypeProto): ValueType {
  return clean({ dataType: elemType, shape });
}

/** Leaves out what no tensor can be: too many axes, sizes that are negative, broken or beyond counting. */
function clean(type: ValueType): ValueType {
  const { dataType, shape } = type;
  if (shape === undefined || shape.length > RANK_LIMIT) return { dataType, shape: undefined };
  return shape.every(isDim) ? type : { dataType, shape: shape.map((dim) => (isDim(dim) ? dim : undefined)) };
}

function isDim(dim: Dim): boolean {
  return typeof dim !== 'number' || (Number.isSafeInteger(dim) && dim >= 0);
}

function typeOf(name: ValueId, scope: Scope): ValueType {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const type = at.types.get(name);
    if (type !== undefined) return type;
  }
  return UNKNOWN;
}

function numbersOf(name: ValueId, scope: Scope): PartialTensor | undefined {
  if (name === '') return undefined;
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    if (!at.types.has(name)) continue;
    const initializer = at.view.initializers.get(name);
    if (initializer !== undefined && !at.numbers.has(name)) at.numbers.set(name, tensorNumbers(initializer));
    return at.numbers.get(name);
  }
  return undefined;
}

function opsetOf({ model, opset }: GraphView, domain: string): number {
  return domain === '' ? opset : (model.opsetImport.find((entry) => entry.domain === domain)?.version ?? 0);
}

function bodyOutputs(body: GraphProto, outer: Scope): readonly ValueType[] {
  if (outer.depth >= DEPTH_LIMIT) return body.output.map(({ type }) => declared(type));
  const scope = inferScope(viewGraph({ ...outer.view.model, graph: body }), outer);
  return body.output.map(({ name }) => typeOf(name, scope));
}
