import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { openOnnxRuntimeThreads } from '../../src/node/ort-thread.ts';
import { verifyFiles } from '../../src/node/verify-files.ts';
import { openModel } from '../../src/splice/index.ts';
import { type ModelPair, verify } from '../../src/verify/index.ts';
import { type HomeFile, patchedModel } from '../../src/verify/lean.ts';
import type { Runtime, RuntimeTensor } from '../../src/verify/runtime.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { testFolder } from '../helpers/folder.ts';
import { injectBytes, plant, verifyBytes } from '../helpers/verify-bytes.ts';

const folder = testFolder();
const before = cifarResnet20({ shortcut: 'poolConcat', style: STYLES.torchscript }).model;

function homeOf(path: string): HomeFile {
  return { folder: dirname(path), name: basename(path) };
}

async function filePair(after: Uint8Array): Promise<ModelPair> {
  const paths = [folder.write('net.onnx', before), folder.write('net.se.onnx', after)] as const;
  return {
    before: await openModel(memorySource(before)),
    after: await openModel(memorySource(after)),
    beforeSource: { path: paths[0] },
    afterSource: { path: paths[1] },
    externalData: { folder: dirname(paths[1]) },
    files: { before: homeOf(paths[0]), after: homeOf(paths[1]) },
  };
}

describe('a model whose weights are read where they are', () => {
  it('is a small part of the file, and gives the same bits', async () => {
    const path = folder.write('net.onnx', before);
    const model = await openModel(memorySource(before));
    const lean = await patchedModel(model, [], { file: homeOf(path) });
    expect('bytes' in lean && lean.bytes.length).toBeLessThan(before.length / 4);
    const x: RuntimeTensor = {
      dataType: 'float32',
      dims: [1, 3, 32, 32],
      data: Float32Array.from({ length: 3072 }, (_, at) => Math.sin(at)),
    };
    const runtime = await openOnnxRuntime();
    const outputs = await Promise.all(
      [{ path }, lean].map(async (source) => {
        const session = await runtime.createSession(source, {
          provider: 'cpu',
          graphOptimization: 'disabled',
        });
        return session.run(new Map([[session.inputs[0]?.name ?? '', x]]));
      }),
    );
    expect(outputs[0]?.size).toBe(1);
    expect([...(outputs[1] ?? [])]).toEqual([...(outputs[0] ?? [])]);
  });

  it.each(['neutral', 'kaiming-uniform'])(
    'makes no difference to a report, nor do threads, started %s',
    async (init) => {
      const after = await injectBytes(before, { init });
      const pair = await filePair(after);
      const plain = await verifyBytes(before, after);
      expect(plain.verdict).toBe('pass');
      expect(await verify(await openOnnxRuntime(), pair)).toEqual(plain);
      const threads = await openOnnxRuntimeThreads();
      expect(await verify(threads, pair)).toEqual(plain);
      await threads.close();
    },
  );

  it('is not blamed: what it does wrong is asked of the files as they are', async () => {
    const runtime = await openOnnxRuntime();
    let spoiled = 0;
    const spoiling: Runtime = {
      ...runtime,
      async createSession(source, options) {
        const session = await runtime.createSession(source, options);
        if (!('bytes' in source) || options.graphOptimization !== 'disabled') return session;
        if (source.bytes.length > before.length / 2) return session;
        return {
          ...session,
          close: () => session.close(),
          async run(feeds, fetches) {
            spoiled += 1;
            const outputs = new Map(await session.run(feeds, fetches));
            for (const [name, tensor] of outputs)
              outputs.set(name, {
                ...tensor,
                data: (tensor.data as Float32Array).map((x) => x + 1),
              } as RuntimeTensor);
            return outputs;
          },
        };
      },
    };
    const report = await verify(spoiling, await filePair(await injectBytes(before)));
    expect(spoiled).toBeGreaterThan(0);
    expect(report).toMatchObject({ verdict: 'pass', providers: [{ status: 'ok' }] });
  });
});

describe('a fault in a file', () => {
  it.each([
    ['a wire', 'scale', 1],
    ['an operator', 'act', undefined],
  ])('is found by the same questions as in memory: %s', async (_, local, input) => {
    const faulty = plant(await injectBytes(before, { init: 'kaiming-uniform' }), (graph) => {
      const nodes = graph.node.filter(({ name }) => name?.endsWith(`/se/${local}`));
      const [first, second] = nodes;
      if (first?.input == null || second?.input == null) throw new Error('no such node');
      if (input === undefined) first.opType = 'Sigmoid';
      else second.input[input] = first.input[input] ?? '';
    });
    const paths = [folder.write('net.onnx', before), folder.write('net.se.onnx', faulty)] as const;
    expect(readFileSync(paths[1]).equals(faulty)).toBe(true);
    const inMemory = await verifyBytes(before, faulty);
    expect(inMemory.verdict).toBe('fail');
    expect(await verifyFiles(...paths, { providers: ['cpu'] })).toEqual(inMemory);
  });
});
