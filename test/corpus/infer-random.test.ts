import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { viewGraph } from '../../src/graph/view.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type AttributeSpec, type ModelSpec, modelBytes, type TensorSpec } from '../helpers/model.ts';
import { hasPart } from '../helpers/parts.ts';

const ort = await import('onnxruntime-node').catch(() => undefined);
const present = hasPart('onnxruntime-node', ort !== undefined, 'npm install onnxruntime-node');

const int = (min: number, max: number) => fc.integer({ min, max });
const ints = (...values: number[]): TensorSpec => ({ ints: values });
const image = fc.tuple(
  int(1, 2),
  int(1, 3).map((half) => 2 * half),
  int(1, 13),
  int(1, 13),
);

type Attributes = Record<string, AttributeSpec>;

/** Attributes of a window over two axes; some are left out, since defaults count too. */
const windowed: fc.Arbitrary<Attributes> = fc.oneof(
  fc.record(
    {
      strides: fc.tuple(int(1, 3), int(1, 3)),
      dilations: fc.tuple(int(1, 2), int(1, 2)),
      pads: fc.tuple(int(0, 2), int(0, 2), int(0, 2), int(0, 2)),
    },
    { requiredKeys: [] },
  ),
  fc.record({
    strides: fc.tuple(int(1, 3), int(1, 3)),
    auto_pad: fc.constantFrom('SAME_UPPER', 'SAME_LOWER', 'VALID'),
  }),
);
const kernel = fc.tuple(int(1, 4), int(1, 4));

const conv = fc.record({ x: image, kernel, attributes: windowed, m: int(1, 3) }).map(
  ({ x, kernel: [h, w], attributes, m }): ModelSpec => ({
    inputs: { x },
    weights: { w: [m, x[1], h, w] },
    nodes: [['Conv', 'x w', 'y', attributes]],
  }),
);

const transposed = fc
  .record({
    x: image,
    kernel,
    attributes: windowed,
    m: int(1, 3),
    padding: fc.tuple(int(0, 1), int(0, 1)),
    group: fc.constantFrom(1, 2),
  })
  .map(
    ({ x, kernel: [h, w], attributes, m, padding, group }): ModelSpec => ({
      inputs: { x },
      weights: { w: [x[1], m, h, w] },
      nodes: [['ConvTranspose', 'x w', 'y', { ...attributes, output_padding: padding, group }]],
    }),
  );

const pool = fc
  .record({
    x: image,
    kernel,
    attributes: windowed,
    ceil: int(0, 1),
    op: fc.constantFrom('MaxPool', 'AveragePool'),
    opset: int(10, 22),
  })
  // A window larger than the image is nonsense, unless what hangs over counts.
  .filter(({ x: [, , h, w], ceil }) => ceil === 1 || Math.min(h, w) > 6)
  .map(
    ({ x, kernel: kernel_shape, attributes: { dilations, ...attributes }, ceil, op, opset }): ModelSpec => ({
      inputs: { x },
      nodes: [
        [
          op,
          'x',
          'y',
          {
            ...attributes,
            ...(op === 'MaxPool' && dilations ? { dilations } : {}),
            kernel_shape,
            ceil_mode: ceil,
          },
        ],
      ],
      opset,
    }),
  );

const resize = fc
  .record({
    x: image,
    scales: fc.tuple(
      fc.float({ min: 0.25, max: 4, noNaN: true }),
      fc.constantFrom(2, 1.5, 0.5, 1 / 3, 5 / 3),
    ),
  })
  .map(
    ({ x, scales: [h, w] }): ModelSpec => ({
      inputs: { x },
      weights: { s: { floats: [1, 1, h, w] } },
      nodes: [
        [
          'Resize',
          'x _ s',
          'y',
          { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' },
        ],
      ],
      opset: 13,
    }),
  );

const bound = fc.oneof(int(-15, 15), fc.constantFrom(2 ** 53, -(2 ** 53)));
const slice = fc
  .record({
    x: image,
    start: fc.tuple(bound, bound),
    end: fc.tuple(bound, bound),
    step: fc.tuple(fc.constantFrom(-3, -1, 1, 2), fc.constantFrom(-2, 1, 5)),
  })
  .map(
    ({ x, start, end, step }): ModelSpec => ({
      inputs: { x },
      weights: { s: ints(...start), e: ints(...end), a: ints(-1, 2), t: ints(...step) },
      nodes: [['Slice', 'x s e a t', 'y']],
    }),
  );

const split = fc.record({ x: image, count: int(1, 4) }).map(
  ({ x, count }): ModelSpec => ({
    inputs: { x },
    nodes: [
      [
        'Split',
        'x',
        Array.from({ length: count }, (_, at) => `y${at}`).join(' '),
        { axis: 2, num_outputs: count },
      ],
    ],
    opset: 18,
  }),
);

const reshape = fc
  .record({
    x: image,
    target: fc.array(fc.constantFrom(0, -1, 1, 2, 3, 4, 6), { minLength: 1, maxLength: 5 }),
  })
  .map(
    ({ x, target }): ModelSpec => ({
      inputs: { x },
      weights: { s: ints(...target) },
      nodes: [['Reshape', 'x s', 'y']],
    }),
  );

const reduce = fc
  .record({
    x: image,
    axes: fc.array(int(-4, 3), { maxLength: 2 }),
    keepdims: int(0, 1),
    noop: int(0, 1),
    op: fc.constantFrom('ReduceMean', 'ReduceSum', 'ReduceMax'),
  })
  .map(
    ({ x, axes, keepdims, noop, op }): ModelSpec => ({
      inputs: { x },
      weights: { a: ints(...axes) },
      nodes: [[op, 'x a', 'y', { keepdims, noop_with_empty_axes: noop }]],
      opset: 18,
    }),
  );

const quantized: fc.Arbitrary<ModelSpec> = fc
  .record({ x: image, kernel, attributes: windowed, last: int(0, 1) })
  .map(({ x, kernel: [h, w], attributes, last }) => {
    const scale = { floats: [0.1], dims: [] };
    const [n, c, ...size] = x;
    return {
      inputs: { x: last === 1 ? [n, ...size, c] : x },
      weights: { s: scale, w: [2, c, h, w] },
      nodes: [
        ['DynamicQuantizeLinear', 'x', 'q qs qz'],
        ['DynamicQuantizeLinear', 'w', 'k ks kz'],
        ['com.microsoft:QLinearConv', 'q qs qz k ks kz s qz', 'c', { ...attributes, channels_last: last }],
        ['com.microsoft:QLinearGlobalAveragePool', 'c s qz s qz', 'g', { channels_last: last }],
        ['com.microsoft:QLinearAdd', 'c s qz g s qz s qz', 'sum'],
        ['com.microsoft:QLinearLeakyRelu', 'sum s qz s qz', 'leaky', { alpha: { float: 0.1 } }],
        ['com.microsoft:QLinearConcat', 's qz c s qz sum s qz', 'joined', { axis: last === 1 ? 3 : 1 }],
        ['DequantizeLinear', 'joined s qz', 'y'],
      ],
      opsets: { 'com.microsoft': 1 },
    };
  });

const CASES: Readonly<Record<string, fc.Arbitrary<ModelSpec>>> = {
  conv,
  transposed,
  pool,
  resize,
  slice,
  split,
  reshape,
  reduce,
  quantized,
};

const ELEMENT_NAMES: ReadonlyMap<number, string> = new Map([
  [DataType.FLOAT, 'float32'],
  [DataType.UINT8, 'uint8'],
  [DataType.INT64, 'int64'],
]);

describe.skipIf(!present)('what is inferred of random operators', () => {
  it.each(Object.entries(CASES))('is what onnxruntime makes of them: %s', async (_name, models) => {
    const { InferenceSession, Tensor } = ort as NonNullable<typeof ort>;
    let ran = 0;
    await fc.assert(
      fc.asyncProperty(models, async (spec) => {
        const values = spec.nodes.flatMap(([, , outputs]) => outputs.split(' '));
        const weights = Object.entries(spec.weights ?? {}).map(
          ([name, tensor]) => [name, withNumbers(tensor)] as const,
        );
        const outputs = Object.fromEntries(values.map((value) => [value, null]));
        const bytes = modelBytes({ ...spec, weights: Object.fromEntries(weights), outputs });
        const x = (spec.inputs?.['x'] ?? []) as number[];
        const count = x.reduce((product, dim) => product * dim, 1);
        let results: Awaited<ReturnType<Awaited<ReturnType<typeof InferenceSession.create>>['run']>>;
        try {
          const session = await InferenceSession.create(bytes, {
            graphOptimizationLevel: 'disabled',
            logSeverityLevel: 4,
            intraOpNumThreads: 1,
          });
          results = await session.run({ x: new Tensor('float32', new Float32Array(count).fill(1), x) });
          await session.release();
        } catch {
          return;
        }
        ran += 1;
        const types = inferTypes(viewGraph(await scanModel(memorySource(bytes))));
        for (const value of values) {
          const { dataType, shape } = types.get(value) ?? {};
          expect({ type: ELEMENT_NAMES.get(dataType ?? 0), dims: shape }).toEqual({
            type: results[value]?.type,
            dims: [...(results[value]?.dims ?? [])],
          });
        }
      }),
      { numRuns: 300 },
    );
    // Reshapes and windows that do not fit are refused. Of reshapes about one in six runs: half of that is out of chance's
    // reach, and fewer would test nothing.
    expect(ran).toBeGreaterThan(20);
  });
});

/** Weights of a shape alone get their numbers. */
function withNumbers(tensor: TensorSpec): TensorSpec {
  if (!isShape(tensor)) return tensor;
  return {
    floats: new Array<number>(tensor.reduce((product, dim) => product * dim, 1)).fill(0.5),
    dims: tensor,
  };
}

function isShape(tensor: TensorSpec): tensor is readonly number[] {
  return Array.isArray(tensor);
}
