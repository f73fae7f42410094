import { DataType, type DataTypeNumber, dataTypeNumber } from '../../onnx/data-type.ts';
import type { Dim, GraphProto, NodeProto } from '../../onnx/model-file.ts';
import type { PartialTensor, ValueType } from '../types.ts';

/** What a rule may ask for beyond the types of its inputs. */
export interface RuleContext {
  /** Version of the operator set that the node's operator comes from. */
  readonly opset: number;
  /** What is known of the numbers of an input: shapes, axes, sizes, scales. */
  readonly numbers: (input: number) => PartialTensor | undefined;
  /** Types of the outputs of a body that the node holds. */
  readonly bodyOutputs: (body: GraphProto) => readonly ValueType[];
}

/**
 * Tells the types of a node's outputs from those of its inputs.
 *
 * A rule is total: whatever nonsense the file holds, it says what it can and leaves the rest unknown. It may give fewer
 * types than the node has outputs.
 */
export type Rule = (
  node: NodeProto,
  inputs: readonly ValueType[],
  context: RuleContext,
) => readonly ValueType[];

/** Rules by `domain:opType`. */
export type RuleTable = Readonly<Record<string, Rule>>;

/** Nothing is known. */
export const UNKNOWN: ValueType = { dataType: DataType.UNDEFINED, shape: undefined };

/** One rule for several operators of a domain. */
export function sameRule(domain: string, opTypes: readonly string[], rule: Rule): RuleTable {
  return Object.fromEntries(opTypes.map((opType) => [`${domain}:${opType}`, rule]));
}

/** The type of an input; unknown where the input is left out. */
export function typeAt(inputs: readonly ValueType[], input: number): ValueType {
  return inputs[input] ?? UNKNOWN;
}

/** Whether an optional input is there. */
export function hasInput(node: NodeProto, input: number): boolean {
  return (node.input[input] ?? '') !== '';
}

/** An integer attribute. */
export function intOf(node: NodeProto, name: string, fallback: number): number {
  return node.attribute.get(name)?.i ?? fallback;
}

/** The element type that a Cast makes, by its number; up to opset 5 by its name. */
export function castType({ attribute }: NodeProto): DataTypeNumber {
  const to = attribute.get('to');
  return dataTypeNumber(to?.s ?? '') ?? to?.i ?? DataType.UNDEFINED;
}

/** A list attribute of integers, or nothing where it is not there or was too long to be read. */
export function intsOf(node: NodeProto, name: string): readonly number[] | undefined {
  const attribute = node.attribute.get(name);
  return attribute === undefined || attribute.elided ? undefined : attribute.ints;
}

/** A string attribute. */
export function textOf(node: NodeProto, name: string, fallback: string): string {
  return node.attribute.get(name)?.s ?? fallback;
}

/** What is known of an operand that is an attribute in old operator sets and an input in new ones. */
export type Operand =
  | { readonly kind: 'absent' }
  /** Its entries, each known, symbolic or not. */
  | { readonly kind: 'known'; readonly entries: readonly Dim[] }
  /** Only how many entries it has, if that. */
  | { readonly kind: 'unknown'; readonly count: number | undefined };

/** Finds an operand that is an attribute or an input, whichever the node has. */
export function operandOf(
  node: NodeProto,
  inputs: readonly ValueType[],
  context: RuleContext,
  name: string,
  input: number,
): Operand {
  const attribute = intsOf(node, name);
  if (attribute !== undefined) return { kind: 'known', entries: attribute };
  if (node.attribute.get(name)?.elided === true) return { kind: 'unknown', count: undefined };
  if (!hasInput(node, input)) return { kind: 'absent' };
  const entries = context.numbers(input)?.entries;
  if (entries !== undefined) return { kind: 'known', entries };
  const count = typeAt(inputs, input).shape?.[0];
  return { kind: 'unknown', count: typeof count === 'number' ? count : undefined };
}

/** The entries of an operand as numbers, where all of them are. */
export function numbersOf(operand: Operand): readonly number[] | undefined {
  if (operand.kind !== 'known') return undefined;
  const numbers = operand.entries.filter((entry) => typeof entry === 'number');
  return numbers.length === operand.entries.length ? numbers : undefined;
}

/** A type with another shape. */
export function reshaped(type: ValueType, shape: readonly Dim[] | undefined): ValueType {
  return { dataType: type.dataType, shape };
}

/** A type with another element type. */
export function retyped(type: ValueType, dataType: DataTypeNumber): ValueType {
  return { dataType, shape: type.shape };
}
