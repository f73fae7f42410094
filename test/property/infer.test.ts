import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inferTypes, SHAPE_RULES } from '../../src/graph/infer.ts';
import { broadcastShapes } from '../../src/graph/shapes/dims.ts';
import { slicedDim } from '../../src/graph/shapes/slicing.ts';
import { unwindowedDim, type Window, windowedDim } from '../../src/graph/shapes/window.ts';
import { stridesOf } from '../../src/graph/strides.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import type { Dim } from '../../src/onnx/model-file.ts';
import {
  type AttributeSpec,
  type NodeRow,
  type TensorSpec,
  type TypeSpec,
  viewOf,
} from '../helpers/model.ts';

const small = (min: number, max: number) => fc.integer({ min, max });

/** Starts of the windows that fit, one by one. */
function countWindows(size: number, kernel: number, step: Window, ceil: boolean): number {
  const [stride = 1] = step.strides;
  const [dilation = 1] = step.dilations;
  const [before = 0, after = 0] = step.pads;
  let count = 0;
  for (let start = -before; ; start += stride) {
    const last = start + (kernel - 1) * dilation;
    const inside = last < size + after;
    // Rounded up, a window may hang over the end, but it must begin in the data or in the padding before it.
    const hangs = ceil && last - stride + 1 < size + after && start < size;
    if (!inside && !hangs) return count;
    count += 1;
  }
}

describe('the size of a windowed axis', () => {
  const step = fc.record({
    strides: fc.tuple(small(1, 5)),
    dilations: fc.tuple(small(1, 3)),
    pads: fc.tuple(small(0, 3), small(0, 3)),
    autoPad: fc.constant('NOTSET'),
  });

  it('is the number of windows that fit', () => {
    fc.assert(
      fc.property(small(1, 40), small(1, 6), step, fc.boolean(), (size, kernel, window, ceil) => {
        const [dilation = 1] = window.dilations;
        const [before, after] = window.pads;
        fc.pre((kernel - 1) * dilation < size + before + after && before < kernel && after < kernel);
        const dim = windowedDim(window, 0, size, kernel, ceil ? 'ceil' : 'floor');
        expect(dim).toBe(countWindows(size, kernel, window, ceil));
      }),
      { numRuns: 2000 },
    );
  });

  it('is undone by the transposed window, up to what the stride swallows', () => {
    fc.assert(
      fc.property(small(1, 20), small(1, 5), step, (size, kernel, window) => {
        const large = unwindowedDim(window, 0, size, kernel, 0);
        fc.pre(typeof large === 'number' && large > 0);
        expect(windowedDim(window, 0, large, kernel)).toBe(size);
      }),
    );
  });

  it('keeps a symbol just where it keeps every size', () => {
    fc.assert(
      fc.property(
        small(1, 6),
        step,
        fc.constantFrom('NOTSET', 'VALID', 'SAME_UPPER'),
        (kernel, window, autoPad) => {
          const keeps = [31, 32, 33, 34].every(
            (size) => windowedDim({ ...window, autoPad }, 0, size, kernel) === size,
          );
          expect(windowedDim({ ...window, autoPad }, 0, 'H', kernel)).toBe(keeps ? 'H' : undefined);
        },
      ),
    );
  });
});

describe('broadcasting', () => {
  /** numpy's rule, one axis at a time from the end. */
  function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
    const rank = Math.max(a.length, b.length);
    const result: number[] = [];
    for (let back = 1; back <= rank; back += 1) {
      const [left = 1, right = 1] = [a.at(-back), b.at(-back)];
      if (left !== right && left !== 1 && right !== 1) return undefined;
      result.unshift(left === 1 ? right : left);
    }
    return result;
  }

  const shape = fc.array(fc.constantFrom(1, 1, 2, 3, 0), { maxLength: 4 });
  const symbols: Readonly<Record<number, string>> = { 0: 'Z', 1: 'A', 2: 'B', 3: 'C' };

  it('is numpy’s, and hiding sizes makes nothing untrue', () => {
    fc.assert(
      fc.property(
        shape,
        shape,
        fc.array(fc.constantFrom('size', 'symbol', 'open'), { minLength: 8, maxLength: 8 }),
        (a, b, veils) => {
          const expected = broadcast(a, b);
          fc.pre(expected !== undefined);
          expect(broadcastShapes([a, b])).toEqual(expected);
          let at = 0;
          const veiled = (dims: readonly number[]): Dim[] =>
            dims.map((dim) => {
              const veil = veils[at++];
              return veil === 'size' ? dim : veil === 'symbol' ? symbols[dim] : undefined;
            });
          const found = broadcastShapes([veiled(a), veiled(b)]);
          expect(found?.length).toBe(expected.length);
          for (const [axis, dim] of (found ?? []).entries()) {
            if (dim !== undefined) expect([expected[axis], symbols[expected[axis] ?? -1]]).toContain(dim);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('slices', () => {
  it('take as many entries as Python’s do', () => {
    const bound = fc.oneof(small(-12, 12), fc.constantFrom(-(2 ** 53), 2 ** 53));
    fc.assert(
      fc.property(
        small(0, 9),
        bound,
        bound,
        fc.oneof(small(-4, -1), small(1, 4)),
        (size, start, end, step) => {
          // Where a step backwards starts before the first entry, ONNX begins there and Python nowhere.
          fc.pre(step > 0 || size === 0 || start >= -size);
          const place = (index: number) => (index < 0 ? index + size : index);
          const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
          let count = 0;
          let index = Math.min(Math.max(place(start), low), high);
          const stop = Math.min(Math.max(place(end), low), high);
          for (; step > 0 ? index < stop : index > stop; index += step) count += 1;
          expect(slicedDim(size, start, end, step)).toBe(count);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('nonsense', () => {
  const number = fc.oneof(
    small(-3, 9),
    fc.constantFrom(-(2 ** 53), 2 ** 53 - 1, 2 ** 31, -(2 ** 31), 2 ** 40, 65, 129),
  );
  const wild = fc.oneof(fc.float(), number);
  const dims = fc.array(fc.oneof(number, fc.constantFrom('N', 'H'), fc.constant(undefined)), {
    maxLength: 7,
  });
  const type = fc.oneof(small(0, 30), fc.constant(DataType.INT64));
  const typeSpec: fc.Arbitrary<TypeSpec> = fc.oneof(dims, fc.record({ type, dims }), fc.record({ type }));
  const tensor: fc.Arbitrary<TensorSpec> = fc.oneof(
    fc.record({ ints: fc.array(number, { maxLength: 8 }) }),
    fc.record({ ints: fc.array(number, { maxLength: 3 }), dims: fc.array(number, { maxLength: 3 }) }),
    fc.record({ floats: fc.array(wild, { maxLength: 6 }) }),
    fc.record({ type, dims: fc.array(number, { maxLength: 5 }) }),
  );
  const list = fc.array(number, { maxLength: 9 });
  const text = fc.constantFrom(
    'SAME_UPPER',
    'VALID',
    'bidirectional',
    'ij,jk->ik',
    '...->',
    '->',
    'not_larger',
    '',
  );
  const attribute: fc.Arbitrary<AttributeSpec> = fc.oneof(
    number,
    list,
    text,
    fc.record({ float: wild }),
    fc.record({ floats: fc.array(wild, { maxLength: 6 }) }),
    fc.record({ tensor }),
    fc.constant({ graph: { nodes: [['Relu', 'a', 'r']], outputs: { r: [1] } } } as AttributeSpec),
  );
  const NAMES = [
    ...['strides', 'pads', 'kernel_shape', 'dilations', 'group', 'auto_pad', 'ceil_mode', 'output_shape'],
    ...[
      'output_padding',
      'axis',
      'axes',
      'perm',
      'shape',
      'split',
      'num_outputs',
      'starts',
      'ends',
      'scales',
    ],
    ...[
      'keepdims',
      'noop_with_empty_axes',
      'allowzero',
      'blocksize',
      'to',
      'value',
      'value_ints',
      'batch_dims',
    ],
    ...['equation', 'hidden_size', 'direction', 'layout', 'channels_last', 'start', 'end', 'then_branch'],
    ...[
      'else_branch',
      'body',
      'num_scan_inputs',
      'k',
      'border',
      'scale',
      'paddings',
      'transA',
      'channels',
      'N',
    ],
  ];
  const attributes = fc.dictionary(fc.constantFrom(...NAMES), attribute, { maxKeys: 6 });
  const value = fc.constantFrom('a', 'b', 'c', 'p', 'q', 's', '_', 'y0', 'y1', 'z0');
  const inputs = fc.array(value, { maxLength: 6 }).map((names) => names.join(' '));
  const operator = fc
    .constantFrom(...SHAPE_RULES.keys(), ':GroupNorm', 'custom:Thing')
    .map((key) => key.replace(/^:/, ''));
  const node = (output: string): fc.Arbitrary<NodeRow> =>
    fc.tuple(operator, inputs, fc.constant(output), attributes);

  it('gives what can be told, never an error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(node('y0 y1 y2'), node('z0 z1'), node('v')),
        fc.record({ a: typeSpec, b: typeSpec, c: typeSpec }),
        fc.record({ p: tensor, q: tensor, s: tensor }),
        fc.dictionary(fc.constantFrom('y0', 'y1', 'z0', 'v'), typeSpec),
        small(1, 25),
        async (nodes, graphInputs, weights, valueInfo, opset) => {
          const view = await viewOf({
            nodes,
            inputs: graphInputs,
            weights,
            valueInfo,
            outputs: { v: [2] },
            opset,
          });
          const types = inferTypes(view);
          for (const { shape } of types.values()) {
            for (const dim of shape ?? []) {
              if (typeof dim === 'number') expect(Number.isSafeInteger(dim) && dim >= 0).toBe(true);
            }
            expect(shape?.length ?? 0).toBeLessThan(33);
          }
          for (const stride of stridesOf(view, types).values()) expect(stride).toBeGreaterThan(0);
        },
      ),
      { numRuns: 3000 },
    );
  }, 60_000);
});
