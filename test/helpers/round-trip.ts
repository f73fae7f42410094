/** Takes a model through injection and back, and holds every step against the two files alone. */
import { expect } from 'vitest';
import { lintModel } from '../../src/graph/lint.ts';
import type { GraphView, Use, ValueId } from '../../src/graph/view.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import type { InjectionPlan } from '../../src/splice/index.ts';
import { openModel, strip } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type BytePatch, patchedBytes } from '../../src/wire/patch.ts';
import { encodeUtf8 } from '../../src/wire/utf8.ts';
import { expectAgreement } from './agreement.ts';
import { compareEdited, type FidelityAccount, type Renaming } from './fidelity.ts';
import { fieldsOf, latin1, parseModel, textOf } from './protobuf-tree.ts';

/** An edit: what it was planned to do, and what it did. */
export interface Edited {
  readonly original: { readonly view: GraphView };
  readonly plan: InjectionPlan;
  readonly patch: BytePatch;
}

/** What `expectRoundTrip` found, for tests that want more. */
export interface RoundTrip {
  readonly bytes: Uint8Array;
  readonly account: FidelityAccount;
}

/** A name as the independent parser writes it. */
const raw = (name: string): string => Buffer.from(encodeUtf8(name)).toString('latin1');

/**
 * Fails unless the edit did what was planned and nothing else, the result is sound, and taking the blocks out gives the
 * original back.
 */
export async function expectRoundTrip(before: Uint8Array, edited: Edited): Promise<RoundTrip> {
  const bytes = await patchedBytes(edited.patch);
  if (edited.plan.sites.length === 0) {
    expect(Buffer.compare(bytes, before)).toBe(0);
    return { bytes, account: compareEdited(before, bytes) };
  }
  const account = compareEdited(before, bytes);
  expectPromised(account, edited);
  expectReadersFollow(before, bytes, account);
  const rescanned = await scanModel(memorySource(bytes));
  expectAgreement(rescanned, bytes);
  expect(lintModel(rescanned)).toEqual([]);
  const stripped = await strip(await openModel(memorySource(bytes)));
  expect(stripped.findings).toEqual([]);
  expect(stripped.exact).toBe(true);
  expect(Buffer.compare(await patchedBytes(stripped.patch), before)).toBe(0);
  return { bytes, account };
}

/** The strings that the plan means to change, and no others; the messages that are new are of a block. */
function expectPromised(account: FidelityAccount, { original: { view }, plan }: Edited): void {
  expect(account.changed).toEqual([]);
  const made = new Set(
    account.inserted.flatMap(({ kind, field }) =>
      kind === 'node' ? fieldsOf(field.children, 2).map(latin1) : [],
    ),
  );
  const inputs = new Map<string, string>();
  const captures = new Map<string, string>();
  const outputs = new Map<string, string>();
  const change = (use: Use, value: ValueId): void => {
    if (use.kind === 'input') inputs.set(`graph.node[${use.node}] ${use.input}`, raw(value));
    if (use.kind === 'capture') captures.set(`graph.node[${use.node}].`, raw(value));
  };
  for (const { site } of plan.sites) {
    const isOutput = site.uses.some(({ kind }) => kind === 'output');
    if (!isOutput) for (const use of site.uses) change(use, site.value);
    else {
      // The tapped value gets another name, and its other readers follow it.
      const producer = view.producers.get(site.value);
      outputs.set(`graph.node[${producer?.node}] ${producer?.output}`, raw(site.value));
      const scaled = site.uses.map((use) => JSON.stringify(use));
      for (const use of view.uses.get(site.value) ?? [])
        if (!scaled.includes(JSON.stringify(use))) change(use, site.value);
    }
  }
  const [own, inBodies] = [[] as Renaming[], [] as Renaming[]];
  for (const each of account.redirected) (each.node.includes('.attribute[') ? inBodies : own).push(each);
  expect(asMap(own)).toEqual(inputs);
  expect(asMap(account.renamed)).toEqual(outputs);
  // A body may read a captured value in several places.
  expect(
    new Map(inBodies.map(({ node, from }) => [`${node.slice(0, node.indexOf('.', 6) + 1)}`, from])),
  ).toEqual(captures);
  const renamed = new Set(account.renamed.map(({ to }) => to));
  for (const { to } of account.redirected) expect(made.has(to) || renamed.has(to)).toBe(true);
  expect(account.inserted.filter(({ kind }) => kind === 'metadataProps').length).toBeLessThanOrEqual(1);
}

function asMap(changes: readonly Renaming[]): Map<string, string> {
  return new Map(changes.map(({ node, index, from }) => [`${node} ${index}`, from]));
}

/** New nodes stand where a sorted file stays sorted: behind everything that they read. */
function expectReadersFollow(before: Uint8Array, after: Uint8Array, account: FidelityAccount): void {
  if (!isSorted(before)) return;
  expect(isSorted(after)).toBe(true);
  // Graph inputs, outputs and what is declared of values stay what they were: none of them is ever new.
  expect(
    account.inserted
      .map(({ kind }) => kind)
      .filter((kind) => !['node', 'initializer', 'metadataProps'].includes(kind)),
  ).toEqual([]);
}

function isSorted(bytes: Uint8Array): boolean {
  const nodes = fieldsOf(parseModel(bytes), 7).flatMap(({ children }) => fieldsOf(children, 1));
  const made = new Map<string, number>();
  for (const [at, { children }] of nodes.entries())
    for (const output of fieldsOf(children, 2)) made.set(latin1(output), at);
  return nodes.every(({ children }, at) =>
    fieldsOf(children, 1).every(
      (input) => input.content.length === 0 || (made.get(latin1(input)) ?? -1) < at,
    ),
  );
}

/** Names of the initializers of a file. */
export function initializerNames(bytes: Uint8Array): readonly string[] {
  return fieldsOf(parseModel(bytes), 7).flatMap(({ children }) =>
    fieldsOf(children, 5).map((field) => textOf(field.children, 8)),
  );
}
