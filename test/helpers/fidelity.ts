/**
 * Proves, from the two files alone, what an edit did: every message of the original must be in the edited file, byte for
 * byte and in order, apart from what may change.
 *
 * What may change: the length prefixes around an edit; strings of nodes that name the values they read and write, and
 * those of bodies that name what they give out; messages that are new. All of it is listed. Whatever else differs is a
 * fault, in `changed`.
 *
 * It knows nothing of how an edit is made: it reads both files with `protobuf-tree.ts`.
 */
import { fieldsOf, latin1, type ProtoField, parseModel, textOf } from './protobuf-tree.ts';

/** The kinds of messages that an edit may add. */
export type InsertedKind = 'node' | 'initializer' | 'metadataProps';

/** A message that the original does not have. */
export interface Inserted {
  readonly kind: InsertedKind;
  /** The node's type and outputs, the initializer's name, the entry's key. */
  readonly name: string;
  readonly field: ProtoField;
  /** How many fields of the original stand before it in its message. */
  readonly behind: number;
}

/** A string of a node that names another value than before. */
export interface Renaming {
  /** The way to the node: `graph.node[4]`, or on into bodies. */
  readonly node: string;
  readonly index: number;
  readonly from: string;
  readonly to: string;
}

/** What an edit did to a file. Names are as `latin1` gives them. */
export interface FidelityAccount {
  readonly inserted: readonly Inserted[];
  /** Inputs of nodes that read another value. */
  readonly redirected: readonly Renaming[];
  /** Outputs of nodes that got another name. */
  readonly renamed: readonly Renaming[];
  /** Everything else that differs: none of it is allowed. */
  readonly changed: readonly string[];
}

interface Account {
  inserted: Inserted[];
  redirected: Renaming[];
  renamed: Renaming[];
  changed: string[];
  /** Fields of the graph met so far, by number: its pieces count as one. */
  readonly inGraph: Map<number, number>;
}

const newAccount = (): Account => ({
  inserted: [],
  redirected: [],
  renamed: [],
  changed: [],
  inGraph: new Map(),
});

/** Compares a file with what an edit made of it. */
export function compareEdited(before: Uint8Array, after: Uint8Array): FidelityAccount {
  const account = newAccount();
  let edited: readonly ProtoField[];
  try {
    edited = parseModel(after);
  } catch (error) {
    return {
      inserted: [],
      redirected: [],
      renamed: [],
      changed: [`the edited file cannot be parsed: ${String(error)}`],
    };
  }
  alignFields(parseModel(before), edited, 'model', account);
  const { inserted, redirected, renamed, changed } = account;
  return { inserted, redirected, renamed, changed };
}

const INSERTABLE: Readonly<Record<string, InsertedKind>> = {
  'model 14': 'metadataProps',
  'graph 1': 'node',
  'graph 5': 'initializer',
};

/** Walks both lists at once: a field of the edited one is the next of the original, or it is new. */
function alignFields(
  before: readonly ProtoField[],
  after: readonly ProtoField[],
  where: 'model' | 'graph',
  account: Account,
): void {
  // Contents that come later tell an insertion from an edit where both would do.
  const later = new Map<string, number>();
  for (const [at, field] of after.entries()) later.set(key(field), at);
  const counts = where === 'graph' ? account.inGraph : new Map<number, number>();
  let next = 0;
  for (const [at, field] of after.entries()) {
    const original = before[next];
    const index = counts.get(original?.number ?? 0) ?? 0;
    if (
      original !== undefined &&
      matches(original, field, where, index, (later.get(key(original)) ?? -1) > at, account)
    ) {
      counts.set(original.number, index + 1);
      next += 1;
      continue;
    }
    const kind = INSERTABLE[`${where} ${field.number}`];
    if (kind === undefined)
      account.changed.push(`${where}: field ${field.number} at ${field.start} is not of the original`);
    else account.inserted.push({ kind, name: nameOf(kind, field), field, behind: next });
  }
  for (const field of before.slice(next)) {
    account.changed.push(
      `${where}: field ${field.number} at ${field.start} of the original is gone or has changed`,
    );
  }
}

function matches(
  original: ProtoField,
  field: ProtoField,
  where: 'model' | 'graph',
  index: number,
  comesLater: boolean,
  account: Account,
): boolean {
  const isGraph = where === 'model' && original.message === 'graph';
  // An equal piece of the graph is walked all the same, so that its nodes are counted.
  if (same(original.raw, field.raw) && !isGraph) return true;
  if (!same(original.tag, field.tag) || original.wireType !== 2) return false;
  if (isGraph) {
    checkPrefix(original, field, 'model.graph', account);
    alignFields(original.children, field.children, 'graph', account);
    return true;
  }
  if (where !== 'graph' || original.message !== 'node' || comesLater) return false;
  const trial = newAccount();
  if (!compareInside(original, field, `graph.node[${index}]`, trial)) return false;
  account.redirected.push(...trial.redirected);
  account.renamed.push(...trial.renamed);
  account.changed.push(...trial.changed);
  return true;
}

/** Which messages a renaming may lie in, by the message and the number of its field. */
const WAYS = new Set(['node 5', 'attribute 6', 'attribute 11', 'graph 1', 'graph 12']);

/** Compares messages that nothing may have been added to; false where they are not the same one. */
function compareInside(original: ProtoField, field: ProtoField, path: string, account: Account): boolean {
  if (same(original.raw, field.raw)) return true;
  if (!same(original.tag, field.tag) || original.children.length !== field.children.length) return false;
  checkPrefix(original, field, path, account);
  const counts = new Map<number, number>();
  return original.children.every((inner, at) => {
    const other = field.children[at];
    const index = counts.get(inner.number) ?? 0;
    counts.set(inner.number, index + 1);
    if (other === undefined || !same(inner.tag, other.tag)) return false;
    if (same(inner.raw, other.raw)) return true;
    if (original.message === 'node' && (inner.number === 1 || inner.number === 2)) {
      checkPrefix(inner, other, `${path} field ${inner.number}`, account);
      const list = inner.number === 1 ? account.redirected : account.renamed;
      list.push({ node: path, index, from: latin1(inner), to: latin1(other) });
      return true;
    }
    if (original.message === 'value' && inner.number === 1) {
      // A body gives a value out that it has from outside.
      checkPrefix(inner, other, `${path} field 1`, account);
      account.redirected.push({ node: path, index: 0, from: latin1(inner), to: latin1(other) });
      return true;
    }
    if (!WAYS.has(`${original.message} ${inner.number}`)) return false;
    const step = inner.number === 1 ? `node[${index}]` : `${inner.message ?? ''}[${index}]`;
    return compareInside(inner, other, `${path}.${step}`, account);
  });
}

/** A length prefix keeps its width unless the new length needs a wider one. */
function checkPrefix(original: ProtoField, field: ProtoField, path: string, account: Account): void {
  let needs = 1;
  for (let rest = field.content.length; rest >= 128; rest = Math.floor(rest / 128)) needs += 1;
  const wanted = Math.max(original.prefix.length, needs);
  if (field.prefix.length === wanted) return;
  account.changed.push(
    `${path}: the length prefix has ${field.prefix.length} bytes and should have ${wanted}`,
  );
}

function nameOf(kind: InsertedKind, field: ProtoField): string {
  if (kind === 'metadataProps') return textOf(field.children, 1);
  if (kind === 'initializer') return textOf(field.children, 8);
  return `${textOf(field.children, 4)} ${fieldsOf(field.children, 2).map(latin1).join(' ')}`;
}

function key(field: ProtoField): string {
  return Buffer.from(field.raw).toString('latin1');
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
