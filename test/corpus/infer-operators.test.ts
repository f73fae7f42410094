import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { inferTypes } from '../../src/graph/infer.ts';
import { stridesOf } from '../../src/graph/strides.ts';
import type { ValueType } from '../../src/graph/types.ts';
import { type GraphView, viewGraph } from '../../src/graph/view.ts';
import { DataType } from '../../src/onnx/data-type.ts';
import type { ValueInfoProto } from '../../src/onnx/model-file.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { type CorpusModel, operatorModels } from '../helpers/corpus.ts';
import { hasPart } from '../helpers/parts.ts';

const { onnx } = onnxProto;
const models = operatorModels();
const present = hasPart('libonnx-testdata', models.length > 0, 'apt-get install libonnx-testdata');

/** Operators without a rule, since no network of feature maps is made of them. */
const NO_RULE = new Set([
  ...['Adagrad', 'Adam', 'Momentum', 'Gradient', 'NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'],
  ...['BlackmanWindow', 'HammingWindow', 'HannWindow', 'MelWeightMatrix', 'DFT', 'STFT', 'Det'],
  ...['Compress', 'NonMaxSuppression', 'NonZero', 'Unique', 'StringNormalizer', 'TfIdfVectorizer'],
  ...['ConcatFromSequence', 'OptionalGetElement', 'OptionalHasElement', 'SequenceAt', 'SequenceLength'],
  ...['Loop', 'Scan'],
]);

/** Cases whose rules tell less than all. */
const OPEN: Readonly<Record<string, string>> = {
  test_einsum_batch_diagonal: 'an ellipsis in the equation',
};

/** The tensors of a test's data set, by the names of what they are for. */
function dataOf({ path }: CorpusModel, kind: 'input' | 'output', infos: Iterable<ValueInfoProto>) {
  const tensors: onnxProto.onnx.ITensorProto[] = [];
  for (const [at, { name, type }] of [...infos].entries()) {
    const file = join(dirname(path), 'test_data_set_0', `${kind}_${at}.pb`);
    if (type.kind !== 'tensor' || !existsSync(file)) continue;
    const tensor = onnx.TensorProto.decode(readFileSync(file));
    // The reference implementation has no bfloat16: its data sets hold the bits as UINT16.
    const dataType = type.elemType === DataType.BFLOAT16 ? type.elemType : (tensor.dataType as number);
    tensors.push({ ...tensor, name, dataType });
  }
  return tensors;
}

async function viewOf(bytes: Uint8Array): Promise<GraphView> {
  return viewGraph(await scanModel(memorySource(bytes)));
}

function contradicts(inferred: ValueType | undefined, { dataType, shape }: ValueType): boolean {
  if (inferred === undefined) return false;
  const type =
    inferred.dataType !== DataType.UNDEFINED &&
    dataType !== DataType.UNDEFINED &&
    inferred.dataType !== dataType;
  if (inferred.shape === undefined || shape === undefined) return type;
  const dims = inferred.shape.some((dim, axis) => {
    const other = shape[axis];
    return typeof dim === 'number' && typeof other === 'number' && dim !== other;
  });
  return type || dims || inferred.shape.length !== shape.length;
}

function infer(view: GraphView) {
  // Without what the file declares of its outputs, which is what the rules are checked against.
  const types = inferTypes({ ...view, outputs: new Map(), valueInfo: new Map() });
  stridesOf(view, types);
  return types;
}

describe.skipIf(!present)('the operator tests of ONNX', () => {
  it('contradict nothing that was inferred from declared inputs', async () => {
    const wrong: string[] = [];
    for (const model of models) {
      const view = await viewOf(readFileSync(model.path));
      const types = infer(view);
      for (const { name, type } of view.outputs.values()) {
        if (type.kind !== 'tensor') continue;
        const declared = { dataType: type.elemType, shape: type.shape };
        if (contradicts(types.get(name), declared)) wrong.push(`${model.name}: ${name}`);
      }
    }
    expect(models.length).toBeGreaterThan(1000);
    expect(wrong).toEqual([]);
  });

  it('give what was inferred from their inputs, in full', async () => {
    const wrong: string[] = [];
    const open: string[] = [];
    let told = 0;
    for (const model of models) {
      const bytes = readFileSync(model.path);
      const { graph } = await scanModel(memorySource(bytes));
      const initializer = dataOf(model, 'input', graph.input);
      // A second occurrence of the graph's field is merged with the first one: inputs become constants.
      const view = await viewOf(
        Buffer.concat([bytes, onnx.ModelProto.encode({ graph: { initializer } }).finish()]),
      );
      const types = infer(view);
      for (const { name, dims, dataType } of dataOf(model, 'output', graph.output)) {
        const actual = { dataType: dataType ?? 0, shape: (dims ?? []).map(Number) };
        const inferred = types.get(name ?? '');
        if (contradicts(inferred, actual)) wrong.push(`${model.name}: ${name}`);
        else if (inferred?.shape?.every((dim) => typeof dim === 'number') && inferred.dataType !== 0)
          told += 1;
        else if (!graph.node.some(({ opType }) => NO_RULE.has(opType))) open.push(`${model.name}: ${name}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(open.filter((name) => OPEN[name.split('/').at(-2) ?? ''] === undefined)).toEqual([]);
    expect(told).toBeGreaterThan(1000);
  });
});
