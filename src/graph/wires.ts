import type { NodeProto } from '../onnx/model-file.ts';
import { capturedValues } from './captures.ts';

/** A value by its name, one to one with the name's bytes. */
export type ValueId = string;

/** A node by its place in the file's order. */
export type NodeId = number;

/** A value by its place in {@link Wires.names}; what is worked out for every value is kept in arrays by it. */
export type ValueNumber = number;

/** The number of an optional input or output that is left out. */
export const LEFT_OUT: ValueNumber = 0;

/** What nodes read and write, with numbers for names: looked up once, since the hash of a name costs more than a rule. */
export interface Wires {
  readonly names: readonly ValueId[];
  readonly numbers: ReadonlyMap<ValueId, ValueNumber>;
  /** The operator of each node, so that what looks for a few of them touches no other node. */
  readonly opTypes: readonly string[];
  /** The nodes that hold bodies: few, if any. */
  readonly withBodies: readonly NodeId[];
  /** The inputs of each node, one by one. */
  readonly inputs: readonly (readonly ValueNumber[])[];
  /** What each node reads: its inputs, then what its bodies capture. */
  readonly reads: readonly (readonly ValueNumber[])[];
  readonly writes: readonly (readonly ValueNumber[])[];
  /** The node that writes each value: the first where there are several, none (-1) for inputs and weights. */
  readonly writers: readonly NodeId[];
}

/** Numbers the values of some nodes; those that no node need read or write can be named besides, in lists. */
export function wireNodes(
  nodes: readonly NodeProto[],
  others: readonly (readonly { readonly name: ValueId }[])[] = [],
): Wires {
  const names: ValueId[] = [];
  const writers: NodeId[] = [];
  const numbers = new Map<ValueId, ValueNumber>();
  const numberOf = (name: ValueId): ValueNumber => {
    let number = numbers.get(name);
    if (number === undefined) {
      number = names.length;
      numbers.set(name, number);
      names.push(name);
      writers.push(-1);
    }
    return number;
  };
  numberOf('');
  for (const list of others) for (const { name } of list) numberOf(name);
  const opTypes: string[] = [];
  const withBodies: NodeId[] = [];
  const inputs: ValueNumber[][] = [];
  const reads: ValueNumber[][] = [];
  const writes: ValueNumber[][] = [];
  nodes.forEach((proto, node) => {
    const own = proto.input.map(numberOf);
    opTypes.push(proto.opType);
    inputs.push(own);
    if (proto.bodies.length === 0) reads.push(own);
    else {
      withBodies.push(node);
      reads.push([...own, ...[...capturedValues(proto)].map(numberOf)]);
    }
    const written = proto.output.map(numberOf);
    for (const value of written) if (value !== LEFT_OUT && writers[value] === -1) writers[value] = node;
    writes.push(written);
  });
  return { names, numbers, opTypes, withBodies, inputs, reads, writes, writers };
}
