/** Whether a record says of a site what is so: nothing in it is believed because it is written there. */
import type { BlockDefinition, BlockSite } from '../blocks/block.ts';
import { checkInit } from '../blocks/initializers.ts';
import { fillOptions } from '../blocks/options.ts';
import { isSeInjectError } from '../errors.ts';
import { type GraphView, usesOf } from '../graph/view.ts';
import { encodeNode } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import type { Site } from '../sites/index.ts';
import {
  type FoundBlock,
  type InjectionRecord,
  LOADED,
  type OpenModel,
  type RecordedSite,
  recordedNodes,
  toBlockSite,
} from '../splice/index.ts';
import { equalBytes } from '../wire/bytes.ts';

/** Facts of a site that a record may not have known. */
const MAY_BE_UNKNOWN: ReadonlySet<string> = new Set(['spatial', 'inputChannels', 'outputChannels']);

/** What is wrong with what a record says the block was built for; nothing where some site of the original is that. */
export function siteFault(
  candidates: readonly Site[],
  { site: declared }: RecordedSite,
  opset: number,
): string | undefined {
  const faults = candidates.map((site) => factFault(toBlockSite(site, opset), declared));
  return faults.includes(undefined) ? undefined : faults[0];
}

function factFault(actual: BlockSite, declared: BlockSite): string | undefined {
  for (const [name, fact] of Object.entries(actual)) {
    const said: unknown = declared[name as keyof BlockSite];
    if ((said === undefined || said === null) && MAY_BE_UNKNOWN.has(name)) continue;
    // Now and then a newer inference knows less.
    if ((fact === undefined || fact === null) && MAY_BE_UNKNOWN.has(name)) continue;
    if (JSON.stringify(said) !== JSON.stringify(fact))
      return `the record has ${name} ${JSON.stringify(said)}, and in the original it is ${JSON.stringify(fact)}`;
  }
  return undefined;
}

/** What is wrong with the options that a record says a block was built with. */
export function optionFault(
  block: BlockDefinition,
  { init }: InjectionRecord,
  { options, site }: RecordedSite,
): string | undefined {
  try {
    const filled = fillOptions(block, options);
    const resolved = block.resolve(filled, site, init);
    if (init !== LOADED) checkInit(block, resolved, init);
    const undecided = Object.keys(options).find((name) => resolved[name] !== options[name]);
    return undecided === undefined ? undefined : `option "${formatName(undecided)}" is not decided`;
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    return error.message;
  }
}

/**
 * The first node of a block that is not, byte for byte, what an injection writes: another name, a doc string, a field
 * that nobody asked for.
 */
export async function strangeNode(
  { view, file }: OpenModel,
  recorded: RecordedSite,
  block: BlockDefinition,
  { nodes }: FoundBlock,
): Promise<string | undefined> {
  for (const [index, written] of recordedNodes(view, recorded, block).entries()) {
    const node = view.nodes[nodes[index] ?? -1];
    if (node === undefined) continue;
    const { start, end } = node.span;
    if (!equalBytes(await file.source.read(start, end - start), encodeNode(written)))
      return `the ${written.opType} node of "${formatName(written.output[0] ?? '')}" is not written as an injection writes it`;
  }
  return undefined;
}

/** The uses that a record says were redirected and were not, or the other way round, in words. */
export function redirectedFault(
  view: GraphView,
  recorded: RecordedSite,
  { scaled }: FoundBlock,
  {
    inserted,
    tappedNames,
  }: { readonly inserted: ReadonlySet<number>; readonly tappedNames: ReadonlyMap<string, string> },
): string | undefined {
  const { value, tapped, redirected } = recorded;
  const follows = scaled === value && tapped !== value ? tapped : scaled;
  const actual = usesOf(view, follows)
    .filter((use) => use.kind !== 'output' && !inserted.has(use.node))
    .map((use) => {
      const output = view.nodes[use.kind === 'output' ? -1 : use.node]?.output.find((name) => name !== '');
      // Nodes go by the names that their values had before some of these were given to scaled ones.
      const node = output === undefined ? '' : (tappedNames.get(output) ?? output);
      return JSON.stringify([node, use.kind === 'input' ? use.input : -1]);
    });
  const said = redirected.map(({ node, input }) => JSON.stringify([node, input]));
  return actual.sort().join() === said.sort().join()
    ? undefined
    : `the record says that ${said.join(', ') || 'nobody'} read the scaled value, and it is ${actual.join(', ') || 'nobody'}`;
}
