import { constantOf } from '../graph/constants.ts';
import type { ValueTypes } from '../graph/types.ts';
import { hasShapeOf } from '../graph/undone-reshape.ts';
import {
  type GraphView,
  type NodeId,
  producerOf,
  type Use,
  useKey,
  usesOf,
  type ValueId,
  viewGraph,
} from '../graph/view.ts';
import { isFloating } from '../onnx/data-type.ts';
import type { NodeProto } from '../onnx/model-file.ts';
import { isConvolution, startsAtZero } from './convolution.ts';
import { ARITHMETIC, FAKE_QUANTIZERS, NORMS, RESHAPINGS } from './operators.ts';

/** A graph without the nodes that only hand a value on. */
export interface Condensed {
  /** The graph as the finders read it: every node has its number, those that are left out have no inputs and outputs. */
  readonly view: GraphView;
  /** The graph as it is in the file. */
  readonly written: GraphView;
  /** The value in the condensed graph that a value of the file is. */
  readonly originOf: (value: ValueId) => ValueId;
}

/** A value, and those of its uses that are meant. */
export interface UsedValue {
  readonly value: ValueId;
  readonly uses: readonly Use[];
}

/**
 * Leaves out of a graph what changes no feature: Identity, Dropout, casts between floating-point types, quantizers and
 * dequantizers, Transposes and reshapings that undo each other. Converters and quantizers put these anywhere, and no
 * block is another one for them.
 *
 * What the graph gives out and what bodies capture keeps its name, and so its node.
 */
export function condense(written: GraphView, types: ValueTypes): Condensed {
  const turnedBack = valuesTurnedBack(written);
  const sources = new Map<ValueId, ValueId>();
  written.wires.opTypes.forEach((opType, node) => {
    const proto = PASSING.has(opType) || RESTORING.has(opType) ? written.nodes[node] : undefined;
    if (proto === undefined) return;
    const source = PASSING.has(opType)
      ? handedOn(written, types, turnedBack, proto)
      : reshapedBack(written, types, node);
    if (source !== undefined) sources.set(proto.output[0] ?? '', source);
  });
  if (sources.size === 0 && turnedBack.size === 0)
    return { view: written, written, originOf: (value) => value };
  const origins = resolveChains(sources);
  const originOf = (value: ValueId): ValueId => origins.get(value) ?? value;
  const handsOn = ({ output: [output = ''] }: NodeProto): boolean => sources.has(output);
  const read = new Set<ValueId>();
  const isIdle = ({ opType, output: [output = ''] }: NodeProto): boolean =>
    MOVING.has(opType) && !read.has(output) && isReadByNodesAlone(written, output);
  // From the end, so that of several in a row that are undone together none is left.
  const nodes = written.nodes.toReversed().map((proto) => {
    if (handsOn(proto) || isIdle(proto)) return { ...proto, input: [], output: [] };
    const input = proto.input.map(originOf);
    for (const value of input) read.add(value);
    return proto.input.some((value) => origins.has(value)) ? { ...proto, input } : proto;
  });
  nodes.reverse();
  const graph = { ...written.graph, node: nodes };
  return { view: viewGraph({ ...written.model, graph }), written, originOf };
}

/** What is not missed where nobody reads it any more. */
const MOVING: ReadonlySet<string> = new Set([...RESHAPINGS, 'Transpose']);

/** Where each chain of values that are handed on begins; a cycle has no beginning and stays as it is. */
function resolveChains(sources: ReadonlyMap<ValueId, ValueId>): ReadonlyMap<ValueId, ValueId> {
  const origins = new Map<ValueId, ValueId>();
  for (const value of sources.keys()) {
    const chain = new Set<ValueId>();
    let at: ValueId | undefined = value;
    let origin = value;
    for (; at !== undefined && !chain.has(at); at = sources.get(at)) {
      const known = origins.get(at);
      origin = known ?? at;
      if (known !== undefined) break;
      chain.add(at);
    }
    for (const passed of chain) origins.set(passed, origin);
  }
  return origins;
}

/**
 * Where a value of the condensed graph is tapped in the file: under the name by which all its readers know it, and where
 * they know it by several, where these part. Nothing where others follow it there too.
 */
export function writtenPlace(condensed: Condensed, { value, uses }: UsedValue): UsedValue | undefined {
  const { view, written } = condensed;
  if (view === written) return { value, uses };
  const wanted = new Set(uses.map(useKey));
  const [name = value, ...others] = new Set(uses.map((use) => nameRead(written, use, value)));
  if (others.length === 0)
    return { value: name, uses: usesOf(written, name).filter((use) => wanted.has(useKey(use))) };
  let reached = 0;
  /** Whether a use leads to readers that are wanted, and to no others. */
  const isWanted = (use: Use, passed = 0): boolean => {
    if (use.kind !== 'input' || !isLeftOut(condensed, use.node)) {
      reached += 1;
      return wanted.has(useKey(use));
    }
    const [output = ''] = written.nodes[use.node]?.output ?? [];
    return passed < CHAIN_LIMIT && usesOf(written, output).every((next) => isWanted(next, passed + 1));
  };
  const parting = usesOf(written, value).filter((use) => {
    const before = reached;
    const meant = isWanted(use);
    if (!meant) reached = before;
    return meant;
  });
  return reached === wanted.size ? { value, uses: parting } : undefined;
}

/** Whether a node is left out of the condensed graph. */
export function isLeftOut({ view, written }: Condensed, node: NodeId): boolean {
  return view.nodes[node] !== written.nodes[node] && view.nodes[node]?.output.length === 0;
}

/** The name by which a use reads a value. */
function nameRead(written: GraphView, use: Use, value: ValueId): ValueId {
  return use.kind === 'input' ? (written.nodes[use.node]?.input[use.input] ?? value) : value;
}

/** Nobody puts more of these between a layer and its quantizer, or its readers. */
const CHAIN_LIMIT = 16;

/** What only hands its first input on. */
const PASSING: ReadonlySet<string> = new Set([
  'Identity',
  'Dropout',
  'Cast',
  'CastLike',
  'QuantizeLinear',
  'DequantizeLinear',
  'Transpose',
  // AMD's, for element types that ONNX's own do not take.
  'VitisQuantizeLinear',
  'VitisDequantizeLinear',
  'ExtendedQuantizeLinear',
  'ExtendedDequantizeLinear',
  ...FAKE_QUANTIZERS,
]);

/** The value that a node hands on, where it does only that. */
function handedOn(
  view: GraphView,
  types: ValueTypes,
  turnedBack: ReadonlySet<ValueId>,
  proto: NodeProto,
): ValueId | undefined {
  const [source = ''] = proto.input;
  const [value = ''] = proto.output;
  if (source === '' || value === '') return undefined;
  if (!mayBeLeftOut(view, value, source)) return undefined;
  const isFloat = (at: ValueId): boolean => isFloating(types.get(at)?.dataType ?? 0);
  switch (proto.opType) {
    case 'Dropout':
      return proto.output.slice(1).some((mask) => usesOf(view, mask).length > 0) ? undefined : source;
    case 'Cast':
    case 'CastLike':
      return isFloat(source) && isFloat(value) ? source : undefined;
    case 'Transpose':
      return turnedBack.has(source) ? producerOf(view, source)?.input[0] : undefined;
    case 'QuantizeLinear':
      return mayFoldActivation(view, proto, source) ? undefined : source;
    default:
      return source;
  }
}

/** What keeps every entry where it keeps the shape. */
const WHOLE: ReadonlySet<string> = new Set(['Expand', 'Tile']);

/** What may give the shape that something had before. */
const RESTORING: ReadonlySet<string> = new Set([...RESHAPINGS, ...WHOLE, 'Slice']);

/** Whether a node that keeps the shape keeps all else: repeating once, or taking every entry as it comes. */
function isWholeOrSame(view: GraphView, { opType, input }: NodeProto): boolean {
  if (opType !== 'Slice') return WHOLE.has(opType);
  const steps = input[4] ?? '';
  return steps === '' || constantOf(view, steps)?.numbers?.every((step) => step > 0) === true;
}

/** The value that a reshaping has the shape of again, by itself or behind others: entries never change places in between. */
function reshapedBack(view: GraphView, types: ValueTypes, node: NodeId): ValueId | undefined {
  const [value = ''] = view.nodes[node]?.output ?? [];
  let at = view.nodes[node];
  const alone = at !== undefined && isWholeOrSame(view, at);
  for (let passed = 0; passed < (alone ? 1 : CHAIN_LIMIT); passed += 1) {
    const source = at?.input[0] ?? '';
    if (at === undefined || source === '' || !(alone || RESHAPINGS.has(at.opType))) return undefined;
    if (hasShapeOf(view, types, node, source)) return mayBeLeftOut(view, value, source) ? source : undefined;
    at = producerOf(view, source);
  }
  return undefined;
}

/**
 * What Transposes give to Transposes that turn it back, and to nobody else: what others read transposed is part of the
 * network's layout.
 */
function valuesTurnedBack(view: GraphView): ReadonlySet<ValueId> {
  const found = new Set<ValueId>();
  view.wires.opTypes.forEach((opType, node) => {
    const first = opType === 'Transpose' ? view.nodes[node] : undefined;
    if (first === undefined) return;
    const [value = ''] = first.output;
    const turned = usesOf(view, value).every((use) => {
      const reader = use.kind === 'input' ? view.nodes[use.node] : undefined;
      return reader?.opType === 'Transpose' && areInverse(first, reader);
    });
    if (turned) found.add(value);
  });
  return found;
}

function areInverse(first: NodeProto, second: NodeProto): boolean {
  const [a, b] = [first, second].map(({ attribute }) => attribute.get('perm')?.ints);
  // Both reverse all axes where neither says how.
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && b.every((from, to) => a[from] === to);
}

/** What the graph gives out and what bodies capture keeps its name; weights keep what says how they are stored. */
function mayBeLeftOut(view: GraphView, value: ValueId, source: ValueId): boolean {
  return isReadByNodesAlone(view, value) && !isConstant(view, source);
}

function isReadByNodesAlone(view: GraphView, value: ValueId): boolean {
  return usesOf(view, value).every(({ kind }) => kind === 'input');
}

function isConstant(view: GraphView, value: ValueId): boolean {
  const producer = producerOf(view, value);
  return (
    view.initializers.has(value) || producer?.opType === 'Constant' || constantOf(view, value) !== undefined
  );
}

/** A convolution quantized to a range that starts at 0 has its activation in the quantizer, which is no mere hand-over. */
function mayFoldActivation(view: GraphView, quantizer: NodeProto, source: ValueId): boolean {
  if (!startsAtZero(constantOf(view, quantizer.input[2] ?? ''))) return false;
  let node = producerOf(view, source);
  const passes = ({ opType }: NodeProto): boolean => PASSING.has(opType) || RESHAPINGS.has(opType);
  for (let passed = 0; passed < CHAIN_LIMIT && node !== undefined && passes(node); passed += 1)
    node = producerOf(view, node.input[0] ?? '');
  if (node === undefined) return false;
  const { opType, input } = node;
  return (
    isConvolution(opType) ||
    NORMS.has(opType) ||
    (ARITHMETIC.has(opType) && input.some((value) => isConstant(view, value)))
  );
}
