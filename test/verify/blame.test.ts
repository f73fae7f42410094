import proto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { SeInjectError } from '../../src/errors.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { verify } from '../../src/verify/index.ts';
import { runError } from '../../src/verify/ort-errors.ts';
import type { ModelSource, Runtime, SessionOptions } from '../../src/verify/runtime.ts';
import { injectBytes, pairOf, plant, verifyBytes } from '../helpers/verify-bytes.ts';

const { onnx } = proto;
const before = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;

/** Which of the sessions of a verification. */
type Choose = (source: ModelSource, options: SessionOptions) => boolean;

/** onnxruntime, where some models are refused. */
async function refusing(which: Choose, error: SeInjectError): Promise<Runtime> {
  const runtime = await openOnnxRuntime();
  return {
    ...runtime,
    createSession(source, options) {
      if (which(source, options)) return Promise.reject(error);
      return runtime.createSession(source, options);
    },
  };
}

const rejected = new SeInjectError('verify/model-rejected', 'the fusion is broken', {
  details: { reason: 'unknown' },
});
const gone = new SeInjectError('verify/run-failed', 'the thread is gone', { details: { lost: 'thread' } });
const isOriginal = (source: ModelSource): boolean => 'bytes' in source && source.bytes === before;

describe.each(['neutral', 'kaiming-uniform'])('a rewritten model, started %s, is not blamed', (init) => {
  it('for an original that does not load with graph optimizations', async () => {
    const runtime = await refusing(
      (source, { graphOptimization }) => isOriginal(source) && graphOptimization === 'all',
      rejected,
    );
    const report = await verify(runtime, await pairOf(before, await injectBytes(before, { init })));
    expect([report.verdict, report.detail]).toEqual([
      'unchecked',
      'cpu: the original does not run with graph optimizations, so the rewrite was compared only without: the fusion is broken',
    ]);
    const [cpu] = report.providers;
    expect(cpu?.levels.map(({ graphOptimization }) => graphOptimization)).toEqual(['disabled']);
    expect(cpu?.sites.every(({ ok, oracleMaxRel }) => ok && oracleMaxRel < 1)).toBe(true);
  });

  it('for what goes wrong only with its blocks laid open', async () => {
    const isLaidOpen: Choose = (_, { graphOptimization, profile }) =>
      graphOptimization === 'disabled' && profile === true;
    const report = await verify(
      await refusing(isLaidOpen, rejected),
      await pairOf(before, await injectBytes(before, { init })),
    );
    expect(report).toMatchObject({ verdict: 'unchecked', providers: [{ status: 'error' }] });
    expect(report.detail).toMatch(/it runs, but not with its blocks laid open: the fusion is broken/);
  });

  it.each([
    ['memory', runError(new Error('std::bad_alloc'), 'cpu')],
    [
      'a profile',
      new SeInjectError('verify/run-failed', 'onnxruntime wrote no profile', {
        details: { lost: 'profile' },
      }),
    ],
  ])('for %s that is lost', async (_, error) => {
    const runtime = await refusing((source) => !isOriginal(source), error);
    const report = await verify(runtime, await pairOf(before, await injectBytes(before, { init })));
    expect(report).toMatchObject({ verdict: 'unchecked', providers: [{ status: 'error' }] });
    expect(report.detail).toContain(error.message);
  });

  it.each([
    ['not on the CPU', rejected, 'pass', /not cross-checked: the original does not run on the CPU/],
    ['loses the CPU', gone, 'unchecked', /what the rewritten model does is not known: the thread is gone/],
  ])('for an original that runs on another provider and %s', async (_, error, verdict, detail) => {
    const runtime = await openOnnxRuntime();
    // onnxruntime's CPU under another name; what is asked of the CPU itself is refused.
    const elsewhere: Runtime = {
      ...runtime,
      async createSession(source, options) {
        if (options.provider === 'cpu') throw error;
        const session = await runtime.createSession(source, { ...options, provider: 'cpu' });
        return {
          inputs: session.inputs,
          outputs: session.outputs,
          run: (feeds, fetches) => session.run(feeds, fetches),
          async close() {
            const profile = await session.close();
            return profile && { nodes: profile.nodes.map((node) => ({ ...node, provider: 'elsewhere' })) };
          },
        };
      },
    };
    const providers = [{ name: 'elsewhere' }];
    const report = await verify(elsewhere, await pairOf(before, await injectBytes(before, { init })), {
      providers,
    });
    expect([report.verdict, report.providers[0]?.original]).toEqual([
      verdict,
      { status: 'ok', crossCheck: null },
    ]);
    expect(report.detail).toMatch(detail);
  });

  it('for names that onnxruntime writes into its profile as they are', async () => {
    const named = plant(before, (graph) => {
      const names = ['a"b', 'C:\\nets\\u', 'two\nlines', 'x","args" : {"op_name" : "No"}}', '\u0001'];
      for (const [at, name] of names.entries()) {
        const node = graph.node[at];
        if (node !== undefined) node.name = name;
      }
    });
    const report = await verifyBytes(named, await injectBytes(named, { init }));
    expect([report.verdict, report.providers[0]?.injectedByProvider]).toEqual([
      'pass',
      { cpu: expect.any(Number) },
    ]);
  });
});

describe('a model that draws random numbers', () => {
  /** The network with noise on its output. */
  function noisy(): Uint8Array {
    return plant(before, ({ node, output }) => {
      const logits = output[0]?.name ?? '';
      const types = output[0]?.type ?? null;
      node.push(
        onnx.NodeProto.create({ opType: 'RandomNormalLike', input: [logits], output: ['noise'] }),
        onnx.NodeProto.create({ opType: 'Add', input: [logits, 'noise'], output: ['noisy'] }),
      );
      output.push(onnx.ValueInfoProto.create({ name: 'noisy', type: types }));
    });
  }

  it('is left open: the rewritten one gives other numbers, and so does the original each time', async () => {
    const network = noisy();
    const report = await verifyBytes(network, await injectBytes(network));
    expect([report.verdict, report.detail]).toEqual([
      'unchecked',
      expect.stringMatching(/^cpu: output "noisy": the original differs from itself by/),
    ]);
  });

  it('is still blamed for what is not random', async () => {
    const network = noisy();
    const faulty = plant(await injectBytes(network), ({ initializer }) => {
      const raw = initializer.find(({ name }) => name === 'conv1.weight')?.rawData;
      if (raw != null) raw[3] = (raw[3] ?? 0) ^ 1;
    });
    const report = await verifyBytes(network, faulty);
    expect(report.providers[0]).toMatchObject({
      status: 'mismatch',
      detail: expect.not.stringContaining('noisy'),
    });
  });
});

describe('a rewritten model', () => {
  it('is blamed where it does not load, and the original does', async () => {
    const runtime = await refusing((source) => !isOriginal(source), rejected);
    const report = await verify(runtime, await pairOf(before, await injectBytes(before)));
    expect([report.verdict, report.detail]).toEqual([
      'fail',
      'cpu: the rewritten model does not run, and the original does: the fusion is broken',
    ]);
  });
});
