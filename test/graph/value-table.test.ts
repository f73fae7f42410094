import { describe, expect, it } from 'vitest';
import { ValueTable } from '../../src/graph/value-table.ts';
import { viewOf } from '../helpers/model.ts';

describe('ValueTable', () => {
  it('is the map that it is made of, for the values that the graph has', async () => {
    const { wires } = await viewOf({
      inputs: { x: [1] },
      outputs: { b: null },
      nodes: [
        ['Relu', 'x', 'a'],
        ['Relu', 'a', 'b'],
      ],
    });
    const map = new Map([
      ['x', 1],
      ['b', 0],
      ['of another graph', 2],
    ]);
    const table = ValueTable.of(wires, map);
    map.delete('of another graph');
    expect([...table]).toEqual([...map]);
    expect([...table.keys()]).toEqual(['x', 'b']);
    expect([...table.values()]).toEqual([1, 0]);
    expect(table.size).toBe(2);
    expect(table.get('b')).toBe(0);
    expect(table.has('b')).toBe(true);
    expect(table.get('a')).toBeUndefined();
    expect(table.has('of another graph')).toBe(false);
    const told: [string, number][] = [];
    table.forEach((entry, name, whole) => {
      expect(whole).toBe(table);
      told.push([name, entry]);
    });
    expect(new Map(told)).toEqual(map);
  });

  it('is not copied where it is one of the same graph', async () => {
    const { wires, producers } = await viewOf({ inputs: { x: [1] }, nodes: [['Relu', 'x', 'a']] });
    expect(ValueTable.of(wires, producers)).toBe(producers);
  });
});
