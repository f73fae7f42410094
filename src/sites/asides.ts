import type { ValueTypes } from '../graph/types.ts';
import type { GraphView, NodeId, ValueId } from '../graph/view.ts';
import { isFloating } from '../onnx/data-type.ts';

/**
 * Tells what a node reads on the side: maps of other inputs, where it reads features of the first one too.
 *
 * A spectrum that conditions every layer of a vocoder, a second picture that is compared: the blocks are those of the
 * features that they work on, wherever else something comes from. Gives nothing for networks with one map.
 */
export function asidesOf(
  view: GraphView,
  types: ValueTypes,
  order: readonly NodeId[],
  isData: (value: ValueId) => boolean,
): ((value: ValueId, reader: NodeId) => boolean) | undefined {
  const maps = [...view.inputs.keys()].filter((name) => isData(name) && isMap(types, name));
  const [main] = maps;
  if (main === undefined || maps.length < 2) return undefined;
  const fromMain = new Set<ValueId>([main]);
  const readsMain = new Set<NodeId>();
  for (const node of order) {
    const proto = view.nodes[node];
    if (!proto?.input.some((value) => fromMain.has(value))) continue;
    readsMain.add(node);
    for (const value of proto.output) if (value !== '') fromMain.add(value);
  }
  return (value, reader) => readsMain.has(reader) && !fromMain.has(value);
}

function isMap(types: ValueTypes, input: ValueId): boolean {
  const type = types.get(input);
  return (type?.shape?.length ?? 0) > 2 && isFloating(type?.dataType ?? 0);
}
