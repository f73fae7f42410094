import type { Runtime, RuntimeTensor, RuntimeValue } from '../../src/verify/runtime.ts';

/** A model in a few lines: what it declares, and what it gives for its one input. */
export interface FakeModel {
  readonly inputs: readonly RuntimeValue[];
  readonly outputs: readonly RuntimeValue[];
  readonly run: (x: RuntimeTensor) => Readonly<Record<string, RuntimeTensor>>;
}

/** A runtime that "loads" the models of a table by their paths. */
export function fakeRuntime(models: Readonly<Record<string, FakeModel>>): Runtime {
  return {
    name: 'fake',
    version: '0',
    providers: ['fake'],
    async createSession(source) {
      const model = models['path' in source ? source.path : ''];
      if (model === undefined) throw new Error('no such model');
      return {
        inputs: model.inputs,
        outputs: model.outputs,
        async run(feeds) {
          const x = feeds.get(model.inputs[0]?.name ?? '');
          if (x === undefined) throw new Error('nothing was fed');
          return new Map(Object.entries(model.run(x)));
        },
        async close() {
          return undefined;
        },
      };
    },
  };
}

/** A classifier whose input, `classes` numbers a sample, is changed by a function and is its output. */
export function passThrough(
  classes: number,
  change: (row: Float32Array) => Float32Array | readonly number[] = (row) => row,
  batch: number | string = 'N',
): FakeModel {
  return {
    inputs: [{ name: 'x', dataType: 'float32', shape: [batch, classes] }],
    outputs: [{ name: 'logits', dataType: 'float32', shape: [batch, classes] }],
    run(x) {
      const data = Float32Array.from(x.data as Float32Array);
      for (let start = 0; start < data.length; start += classes)
        data.set(change(data.slice(start, start + classes)), start);
      return { logits: { dataType: 'float32', dims: x.dims, data } };
    },
  };
}
