import { SeInjectError } from '../errors.ts';
import type { GraphView, NodeId } from '../graph/view.ts';
import { formatName } from '../onnx/format-name.ts';
import type { NodeProto } from '../onnx/model-file.ts';

/** A node that somebody means: one of the graph, or one that lies in a body or a function. */
export type FoundNode =
  | { readonly kind: 'graph'; readonly node: NodeId }
  | {
      readonly kind: 'nested';
      readonly proto: NodeProto;
      /** Where it lies, from the outside in: `the body of If "pick"`, `the function "local:Block"`. */
      readonly inside: readonly string[];
    };

/** Names that are offered where none fits. */
const OFFERED = 5;

/**
 * Finds the node that a text means: its name, one of the values that it writes, or its index (`12`, or `#12` where a name
 * is a number too).
 *
 * Throws `sites/unknown-node`, naming near matches, and `sites/ambiguous-node` where several nodes have the name.
 *
 * @example
 * ```ts
 * findNode(view, 'layer1.0/Add'); // → { kind: 'graph', node: 12 }
 * ```
 */
export function findNode(view: GraphView, text: string): FoundNode {
  const named = view.nodes.flatMap(({ name, output }, node) =>
    text !== '' && (name === text || output.includes(text)) ? [node] : [],
  );
  const [only, ...more] = named;
  if (only !== undefined && more.length === 0) return { kind: 'graph', node: only };
  if (only !== undefined) throw ambiguous(view, text, named);
  const index = /^#?(\d+)$/.exec(text)?.[1];
  if (index !== undefined && Number(index) < view.nodes.length) return { kind: 'graph', node: Number(index) };
  const nested = findNested(view, text);
  if (nested !== undefined) return nested;
  throw unknown(view, text);
}

function findNested(view: GraphView, text: string): FoundNode | undefined {
  const search = (nodes: readonly NodeProto[], inside: readonly string[]): FoundNode | undefined => {
    for (const proto of nodes) {
      if (inside.length > 0 && (proto.name === text || proto.output.includes(text))) {
        return { kind: 'nested', proto, inside };
      }
      const holder = `a body of ${labelOf(proto)}`;
      for (const body of proto.bodies) {
        const found = search(body.node, [...inside, holder]);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  if (text === '') return undefined;
  const found = search(view.nodes, []);
  if (found !== undefined) return found;
  for (const { domain, name, node } of view.functions.values()) {
    const within = search(node, [`the function "${formatName(`${domain}:${name}`)}"`]);
    if (within !== undefined) return within;
  }
  return undefined;
}

/** A node as people call it: `Add "layer1.0/Add"`, by its name or its first output. */
function labelOf({ opType, name, output }: NodeProto): string {
  return `${formatName(opType)} "${formatName(name || output.find((value) => value !== '') || '')}"`;
}

function ambiguous(view: GraphView, text: string, nodes: readonly NodeId[]): SeInjectError {
  const shown = nodes.slice(0, OFFERED).map((node) => {
    const proto = view.nodes[node];
    return `#${node}${proto === undefined ? '' : ` (${labelOf(proto)})`}`;
  });
  const rest = nodes.length > OFFERED ? ` and ${nodes.length - OFFERED} more` : '';
  return new SeInjectError(
    'sites/ambiguous-node',
    `"${formatName(text)}" names ${nodes.length} nodes: ${shown.join(', ')}${rest}; say which by its number`,
    { details: { node: text, nodes } },
  );
}

function unknown(view: GraphView, text: string): SeInjectError {
  const names = new Set(view.nodes.flatMap(({ name, output }) => (name === '' ? output : [name, ...output])));
  names.delete('');
  const near = nearest(text, names);
  const offer = near.map((name) => `"${formatName(name)}"`).join(', ');
  return new SeInjectError(
    'sites/unknown-node',
    `no node is called "${formatName(text)}": ${
      near.length > 0 ? `near are ${offer}` : 'give its name, a value that it writes, or its number'
    }`,
    { details: { node: text, near } },
  );
}

/** Names are near that share half of their pairs of letters with the text, the nearest first. */
function nearest(text: string, names: Iterable<string>): readonly string[] {
  const wanted = pairsOf(text);
  const scored: { readonly name: string; readonly score: number }[] = [];
  for (const name of names) {
    const pairs = pairsOf(name);
    const shared = [...wanted].filter((pair) => pairs.has(pair)).length;
    const score = (2 * shared) / (wanted.size + pairs.size);
    if (score >= 0.5) scored.push({ name, score });
  }
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, OFFERED)
    .map(({ name }) => name);
}

function pairsOf(text: string): ReadonlySet<string> {
  const letters = text.toLowerCase();
  return new Set(
    Array.from({ length: Math.max(letters.length - 1, 1) }, (_, at) => letters.slice(at, at + 2)),
  );
}
