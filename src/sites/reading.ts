import { type Constant, constantOf } from '../graph/constants.ts';
import { type Dominators, dominatorsOf } from '../graph/dominators.ts';
import { orderNodes } from '../graph/order.ts';
import { stridesOf } from '../graph/strides.ts';
import type { ValueType, ValueTypes } from '../graph/types.ts';
import { ValueTable } from '../graph/value-table.ts';
import { type GraphView, type NodeId, type Use, type ValueId, writerOf } from '../graph/view.ts';
import { LEFT_OUT, type ValueNumber } from '../graph/wires.ts';
import type { NodeProto } from '../onnx/model-file.ts';
import { asidesOf } from './asides.ts';
import { channelAxesOf } from './channel-axes.ts';
import { type Condensed, condense } from './condense.ts';
import { type Convolution, mayBeConvolution, readConvolution } from './convolution.ts';
import { dataValuesOf } from './data-values.ts';
import type { Step, StepRole } from './step.ts';

/** What all finders read: the graph as steps, derived once. */
export interface Reading extends Condensed {
  readonly types: ValueTypes;
  /** Nodes, producers before readers. */
  readonly order: readonly NodeId[];
  /** Place of each node in the order. */
  readonly place: Int32Array;
  readonly dominators: Dominators;
  /** The step that ends in each node that reads data. */
  readonly steps: (Step | undefined)[];
  /** For nodes inside a step of several nodes, that step. */
  readonly owners: (Step | undefined)[];
  /** Whether a node reads a value on the side, beside features of the network's first map; none where it has but one. */
  readonly isAside: ((value: ValueId, reader: NodeId) => boolean) | undefined;
  /** Axis of the channels of each value, where it can be told. */
  readonly channelAxes: ValueTable<number>;
  readonly strides: ReadonlyMap<ValueId, number>;
  /** Whether a value depends on the contents of a graph input. */
  readonly isData: (value: ValueId) => boolean;
  /** Whether a node writes such a value: others make weights, or ask for a shape. */
  readonly givesData: (node: NodeId) => boolean;
  readonly convolutions: readonly (Convolution | undefined)[];
  readonly convolutionCount: number;
  /** Nodes that read data and give none: they depend on its shape alone. */
  readonly asksShape: ReadonlySet<NodeId>;
  /** Data inputs by node. */
  readonly dataInputs: readonly (readonly ValueId[])[];
  readonly walks: Walks;
  /** The last node that computes attention, if any does; known once the steps are read. */
  readonly attention: { last: NodeId | undefined };
  /** Values from which a convolution or fully connected layer is reached other than through a softmax or the like. */
  readonly reachesWeights: ValueTable<true>;
}

/** What walks back from joins have in common. */
interface Walks {
  /** How many there were. */
  count: number;
  /** The last one that came by each node. */
  readonly last: Int32Array;
  /** The nodes that write the inputs of the steps that they came by. */
  readonly behind: (readonly NodeId[] | undefined)[];
  /** Steps that they may still visit, all together: keeps the time linear whatever the graph. */
  stepsLeft: number;
}

/** Blocks in blocks visit a node a few times; DenseNets of all features, some dozens. */
const STEPS_PER_NODE = 64;
/** Small graphs are walked whatever they hold. */
const SPARE_NODES = 1000;

/** Derives everything but the steps, which {@link readSteps} fills in. */
export function beginReading(written: GraphView, types: ValueTypes): Reading {
  const condensed = condense(written, types);
  const { view } = condensed;
  const { order } = orderNodes(view);
  const { names, numbers, inputs, opTypes, reads, writes } = view.wires;
  const data = dataValuesOf(view, types, order);
  const isData = (value: ValueId): boolean => {
    const number = numbers.get(value);
    return number === undefined || data[number] === true;
  };
  const givesData = (node: NodeId): boolean => writes[node]?.some((value) => data[value]) === true;
  const place = new Int32Array(view.nodes.length);
  order.forEach((node, at) => {
    place[node] = at;
  });
  const convolutions = opTypes.map((opType, node) => {
    const proto = mayBeConvolution(opType) ? view.nodes[node] : undefined;
    const isDataInput = (input: number): boolean => data[inputs[node]?.[input] ?? LEFT_OUT] === true;
    return proto && readConvolution(view, types, proto, isDataInput);
  });
  const isAside = asidesOf(view, types, order, isData);
  return {
    ...condensed,
    types,
    order,
    place,
    dominators: dominatorsOf(
      view,
      (value, reader) => data[value] === true && isAside?.(names[value] ?? '', reader) !== true,
    ),
    isAside,
    steps: new Array<Step | undefined>(view.nodes.length),
    owners: new Array<Step | undefined>(view.nodes.length),
    channelAxes: channelAxesOf(view, types, order, data, convolutions),
    strides: stridesOf(view, types),
    isData,
    givesData,
    convolutions,
    convolutionCount: convolutions.filter((convolution) => convolution !== undefined).length,
    asksShape: new Set(order.filter((node) => !givesData(node) && reads[node]?.some((value) => data[value]))),
    dataInputs: reads.map((values) => readDataInputs(values, data, names)),
    walks: {
      count: 0,
      last: new Int32Array(view.nodes.length),
      behind: new Array<readonly NodeId[] | undefined>(view.nodes.length),
      stepsLeft: STEPS_PER_NODE * (view.nodes.length + SPARE_NODES),
    },
    attention: { last: undefined },
    reachesWeights: valuesBeforeWeights(view, order, convolutions),
  };
}

/** What ends a network's features: scores, coordinates and choices come behind. */
const DECODING: ReadonlySet<string> = new Set([
  'Softmax',
  'LogSoftmax',
  'TopK',
  'ArgMax',
  'NonMaxSuppression',
]);

function valuesBeforeWeights(
  view: GraphView,
  order: readonly NodeId[],
  convolutions: readonly (Convolution | undefined)[],
): ValueTable<true> {
  const { inputs, opTypes, writes } = view.wires;
  const reaching = new ValueTable<true>(view.wires);
  for (const node of order.toReversed()) {
    if (DECODING.has(opTypes[node] ?? '')) continue;
    if (convolutions[node] === undefined && !writes[node]?.some((value) => reaching.byNumber[value]))
      continue;
    for (const value of inputs[node] ?? []) reaching.byNumber[value] = true;
  }
  return reaching;
}

/** The node as the finders read it. */
export function protoOf(reading: Reading, node: NodeId): NodeProto {
  return reading.view.nodes[node]!;
}

/** The operator of a node. */
export function opTypeOf({ view }: Reading, node: NodeId): string {
  return view.wires.opTypes[node] ?? '';
}

/** The data inputs of a node, each once; for one with bodies, what these capture too. */
export function dataInputsOf({ dataInputs }: Reading, node: NodeId): readonly ValueId[] {
  return dataInputs[node] ?? [];
}

function readDataInputs(
  values: readonly ValueNumber[],
  data: readonly boolean[],
  names: readonly ValueId[],
): readonly ValueId[] {
  const found: ValueId[] = [];
  for (const value of values) if (data[value]) found.push(names[value] ?? '');
  return found.length > 1 ? [...new Set(found)] : found;
}

/** The step that gives a value, or nothing for graph inputs. */
export function stepBehind(reading: Reading, value: ValueId): Step | undefined {
  return reading.steps[writerOf(reading.view, value)];
}

/** The steps that read a value: where one node inside a larger step does, the larger step. */
export function stepsAfter(reading: Reading, value: ValueId): readonly Step[] {
  const found = new Set<Step>();
  for (const use of usesOf(reading, value)) {
    if (use.kind !== 'input') continue;
    const step = outermost(reading, use.node);
    // A step's own interior reads its interior: only readers from outside count.
    if (step !== undefined) found.add(step);
  }
  return [...found];
}

/** The largest step that a node belongs to. */
export function outermost(reading: Reading, node: NodeId): Step | undefined {
  let step = reading.owners[node] ?? reading.steps[node];
  for (let outer = step; outer !== undefined; ) {
    step = outer;
    const next = reading.owners[outer.node];
    outer = next === step ? undefined : next;
  }
  return step;
}

/** The first output of a step's last node. */
export function outputOf({ view }: Reading, { node }: Step): ValueId {
  const { names, writes } = view.wires;
  return names[writes[node]?.[0] ?? LEFT_OUT] ?? '';
}

/** The uses of what a value holds: those who ask for its shape, as exporters of open sizes do anywhere, read none of it. */
export function usesOf({ view, asksShape }: Reading, value: ValueId): readonly Use[] {
  const uses = view.uses.get(value) ?? [];
  return asksShape.size === 0 ? uses : uses.filter((use) => use.kind !== 'input' || !asksShape.has(use.node));
}

/** What is known of a value's type. */
export function typeOf(reading: Reading, value: ValueId): ValueType | undefined {
  return reading.types.get(value);
}

/** Axis of the channels of a value: where nothing tells, the second, as ONNX has it. */
export function channelAxisOf(reading: Reading, value: ValueId): number {
  return reading.channelAxes.get(value) ?? 1;
}

/** Number of channels of a value, where known. */
export function channelsOf(reading: Reading, value: ValueId): number | undefined {
  const size = reading.types.get(value)?.shape?.[channelAxisOf(reading, value)];
  return typeof size === 'number' ? size : undefined;
}

/** The constant that an input of a node is, if it is one. */
export function constantInput(reading: Reading, node: NodeId, input: number): Constant | undefined {
  const value = reading.view.nodes[node]?.input[input];
  return value === undefined || value === '' ? undefined : constantOf(reading.view, value);
}

/** No network does more than this between two things of weight; without an end, walks from many joins add up. */
const RUN_LIMIT = 64;

/** The first step behind a value that is none of some roles, going back to where `stop` says at most. */
export function firstBehind(
  reading: Reading,
  value: ValueId,
  roles: ReadonlySet<StepRole>,
  stop: (value: ValueId) => boolean = () => false,
): Step | undefined {
  let at = value;
  for (let passed = 0; passed < RUN_LIMIT && !stop(at); passed += 1) {
    const step = stepBehind(reading, at);
    if (step === undefined || !roles.has(step.role) || step.inputs.length !== 1) return step;
    at = step.inputs[0] ?? '';
  }
  return undefined;
}
