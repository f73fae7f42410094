import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { stageOf, stridesOf } from '../../src/graph/strides.ts';
import type { ValueType, ValueTypes } from '../../src/graph/types.ts';
import { type GraphView, viewGraph } from '../../src/graph/view.ts';
import { DataType, dataTypeName } from '../../src/onnx/data-type.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type CorpusModel, localModels, packagedModels } from '../helpers/corpus.ts';
import { hasPart } from '../helpers/parts.ts';
import { type ActualType, runAllValues } from '../helpers/run-all-values.ts';

const ort = await import('onnxruntime-node').catch(() => undefined);
const hasOrt = hasPart('onnxruntime-node', ort !== undefined, 'npm install onnxruntime-node');

/** Sizes for symbols and open axes, where 64 for an axis of the image will not do. */
const SIZES: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'silero-vad.onnx': [[2, 512], [2, 2, 128], []],
  'basic-pitch.onnx': [[1, 43844, 1]],
};

/** Models that onnxruntime cannot run, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'bad-missing-external-resnet18.onnx': 'its weights are missing',
  'bad-requantshift-mobilenet.onnx': 'RequantShift is no operator of ONNX',
};

const ELEMENT_NAMES: ReadonlyMap<string, number> = new Map([
  ['float32', DataType.FLOAT],
  ['float16', DataType.FLOAT16],
  ['float64', DataType.DOUBLE],
  ['int64', DataType.INT64],
  ['int32', DataType.INT32],
  ['int8', DataType.INT8],
  ['uint8', DataType.UINT8],
  ['bool', DataType.BOOL],
  ['string', DataType.STRING],
]);

async function viewOf({ path }: CorpusModel): Promise<GraphView> {
  return viewGraph(await scanModel(memorySource(new Uint8Array(readFileSync(path)))));
}

function feedsOf(view: GraphView, types: ValueTypes, name: string) {
  const inputs = [...view.inputs.keys()].filter((value) => !view.initializers.has(value));
  return Object.fromEntries(
    inputs.map((value, at) => {
      const { dataType, shape } = types.get(value) as ValueType;
      const [type = 'float32'] = [...ELEMENT_NAMES].find(([, number]) => number === dataType) ?? [];
      const dims =
        SIZES[name]?.[at] ?? shape?.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 2 : 64));
      return [value, { type, dims: dims ?? [] }];
    }),
  );
}

/** Rows of the image that a network takes, whichever way its axes are. */
function heightOf(view: GraphView, types: ValueTypes): number | undefined {
  const images = [...view.inputs.keys()].filter((value) => !view.initializers.has(value));
  const shape = images.map((value) => types.get(value)?.shape).find((dims) => dims?.length === 4);
  const last = shape?.[3];
  const height = typeof last === 'number' && last <= 4 ? shape?.[1] : shape?.[2];
  return typeof height === 'number' ? height : undefined;
}

/** What was inferred and is not so. A symbol must stand for one size all over. */
function faults(types: ValueTypes, actual: ReadonlyMap<string, ActualType>): string[] {
  const found: string[] = [];
  const symbols = new Map<string, number>();
  for (const [value, { type, dims }] of actual) {
    const { dataType, shape } = types.get(value) ?? { dataType: DataType.UNDEFINED, shape: undefined };
    const known = dataType === DataType.UNDEFINED || dataType === ELEMENT_NAMES.get(type);
    if (!known) found.push(`${value}: ${dataTypeName(dataType)}, is ${type}`);
    const agrees = shape?.every((dim, axis) => {
      if (typeof dim === 'string' && !symbols.has(dim)) symbols.set(dim, dims[axis] ?? -1);
      return dim === undefined || dims[axis] === (typeof dim === 'string' ? symbols.get(dim) : dim);
    });
    if (agrees === false || (shape !== undefined && shape.length !== dims.length)) {
      found.push(`${value}: [${shape}], is [${dims}]`);
    }
  }
  return found;
}

const models = [...packagedModels(), ...localModels()];
if (localModels().length === 0)
  console.warn('no local models: set SE_INJECT_MODELS to a folder of .onnx files');

describe.each(models)('$name', (model) => {
  it('has every convolution’s channels and rank told', async () => {
    const view = await viewOf(model);
    const types = inferTypes(view);
    const open = view.nodes
      .filter(({ opType }) => opType.includes('Conv'))
      .filter(({ output }) => typeof types.get(output[0] ?? '')?.shape?.[1] !== 'number')
      .map(({ output }) => output[0]);
    expect(open).toEqual([]);
  });

  it('needs no value_info for it', async () => {
    const view = await viewOf(model);
    const told = inferTypes(view);
    const types = inferTypes({ ...view, valueInfo: new Map() });
    const lost = view.nodes
      .flatMap(({ output }) => output)
      .filter((value) => told.get(value)?.shape?.length === 4 && types.get(value)?.shape?.length !== 4);
    expect(lost).toEqual([]);
  });

  it('has strides that agree with its sizes', async () => {
    const view = await viewOf(model);
    const types = inferTypes(view);
    const strides = stridesOf(view, types);
    const height = heightOf(view, types);
    const wrong: string[] = [];
    for (const { opType, output } of view.nodes) {
      const [value = ''] = output;
      const [shape, stride] = [types.get(value)?.shape, strides.get(value)];
      const size = shape?.[2];
      if (!/Conv|Pool|Add|Concat|Mul|Resize|Relu/.test(opType) || shape?.length !== 4) continue;
      // Below that, padding says more than the stride.
      if (height === undefined || stride === undefined || typeof size !== 'number' || size < 4) continue;
      if (stageOf(stride) !== stageOf(height / size)) wrong.push(`${value}: ${stride}, ${height} to ${size}`);
    }
    expect(wrong).toEqual([]);
  });

  const reason = NOT_RUN[model.name];
  it.skipIf(!hasOrt || reason !== undefined)(
    `is what was inferred of it, when it runs${reason ? `: ${reason}` : ''}`,
    async () => {
      const view = await viewOf(model);
      const types = inferTypes(view);
      const values = view.nodes
        .flatMap(({ output }) => output)
        .filter((value) => value !== '' && !view.outputs.has(value));
      const external = [...view.initializers.values()].flatMap(({ data }) =>
        data.location === 'external' ? [data.path] : [],
      );
      const actual = await runAllValues(ort as NonNullable<typeof ort>, {
        path: model.path,
        external: [...new Set(external)],
        values,
        feeds: feedsOf(view, types, model.name),
      });
      expect(actual.size).toBeGreaterThan(0);
      expect(faults(types, actual)).toEqual([]);
    },
  );
});
