import type { GraphView } from '../../src/graph/view.ts';

/**
 * How often a search asks a graph where a value comes from or who reads it: every walk does, with every step. Unlike
 * milliseconds it is the same on every machine.
 */
export function countLookups(view: GraphView, search: (watched: GraphView) => void): number {
  let lookups = 0;
  const watch = <K, T>(map: ReadonlyMap<K, T>): ReadonlyMap<K, T> =>
    new Proxy(map, {
      get(target, key) {
        if (key === 'get') lookups += 1;
        const found: unknown = Reflect.get(target, key);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
  const wires = { ...view.wires, numbers: watch(view.wires.numbers) };
  search({ ...view, wires, producers: watch(view.producers), uses: watch(view.uses) });
  return lookups;
}
