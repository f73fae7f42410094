import type { ValueId, ValueNumber, Wires } from './wires.ts';

/** What is known of the values of a graph: a map by name, and an array by number for whoever goes through all of them. */
export class ValueTable<T> implements ReadonlyMap<ValueId, T> {
  readonly wires: Wires;
  readonly byNumber: (T | undefined)[];

  constructor(wires: Wires) {
    this.wires = wires;
    this.byNumber = new Array<T | undefined>(wires.names.length);
  }

  /** The table of what a map says by name: the same, where it is one already. */
  static of<T>(wires: Wires, map: ReadonlyMap<ValueId, T>): ValueTable<T> {
    if (map instanceof ValueTable && map.wires === wires) return map;
    const table = new ValueTable<T>(wires);
    wires.names.forEach((name, value) => {
      table.byNumber[value] = map.get(name);
    });
    return table;
  }

  get(name: ValueId): T | undefined {
    return this.byNumber[this.#numberOf(name)];
  }

  has(name: ValueId): boolean {
    return this.byNumber[this.#numberOf(name)] !== undefined;
  }

  get size(): number {
    return [...this.entries()].length;
  }

  *entries(): MapIterator<[ValueId, T]> {
    for (const [value, entry] of this.byNumber.entries()) {
      if (entry !== undefined) yield [this.wires.names[value] ?? '', entry];
    }
  }

  *keys(): MapIterator<ValueId> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): MapIterator<T> {
    for (const [, entry] of this.entries()) yield entry;
  }

  [Symbol.iterator](): MapIterator<[ValueId, T]> {
    return this.entries();
  }

  forEach(call: (entry: T, name: ValueId, map: ReadonlyMap<ValueId, T>) => void): void {
    for (const [name, entry] of this.entries()) call(entry, name, this);
  }

  /** One past the end for a name that the graph does not have. */
  #numberOf(name: ValueId): ValueNumber {
    return this.wires.numbers.get(name) ?? this.byNumber.length;
  }
}
