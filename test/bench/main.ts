// `npm run bench`: what the tool costs, as ratios in one run. Nothing here decides a test.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { bigGraph, resnet50Large } from '../../fixtures/networks/large.ts';
import { inferTypes } from '../../src/graph/infer.ts';
import { lintModel } from '../../src/graph/lint.ts';
import { viewGraph } from '../../src/graph/view.ts';
import { openOnnxRuntime } from '../../src/node/onnxruntime.ts';
import { openOnnxRuntimeThreads } from '../../src/node/ort-thread.ts';
import { verifyFiles } from '../../src/node/verify-files.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { findSites } from '../../src/sites/index.ts';
import { openModel, rewrite } from '../../src/splice/index.ts';
import { verify } from '../../src/verify/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { inTurn, median, run, runNode, timed } from './measure.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'se-inject.js');
const folder = mkdtempSync(join(tmpdir(), 'se-inject-bench-'));
const at = (name: string): string => join(folder, name);
const show = (ms: number): string => `${ms.toFixed(1)} ms`;

try {
  await speed();
  await linearity();
  await verification();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The main job on a network of 100 MB, against starting node and copying the file. */
async function speed(): Promise<void> {
  writeFileSync(at('resnet50.onnx'), resnet50Large().model);
  const inject = (): ReturnType<typeof runNode> =>
    runNode([BIN, at('resnet50.onnx'), '-o', at('out.onnx'), '--force', '--verify', 'off', '--quiet']);
  const sync = (): number => {
    const { stdout } = runJson([
      BIN,
      at('resnet50.onnx'),
      '-o',
      at('out.onnx'),
      '--force',
      '--verify',
      'off',
      '--json',
    ]);
    return (JSON.parse(stdout) as { timings: { syncMs: number } }).timings.syncMs;
  };
  const { node, cp, tool } = await inTurn(9, {
    node: () => runNode(['-e', '0']),
    cp: () => run('cp', [at('resnet50.onnx'), at('copy.onnx')]),
    tool: inject,
  });
  const syncMs = median([sync(), sync(), sync()]);
  const budget = node.ms + 2 * cp.ms + 60;
  console.log('ResNet-50, 102 MB, --verify off');
  console.log(
    `  node ${show(node.ms)}, cp ${show(cp.ms)}, se-inject ${show(tool.ms)}, of which the final sync about ${show(syncMs)}`,
  );
  console.log(
    `  without the sync ${show(tool.ms - syncMs)} = ${((tool.ms - syncMs) / budget).toFixed(2)} x (node + 2 cp + 60 ms)`,
  );
  console.log(`  peak memory ${(tool.peakBytes / 1e6).toFixed(0)} MB`);
}

/** Graphs of growing size: what a node costs must not grow with them. */
async function linearity(): Promise<void> {
  console.log('graphs of many nodes, microseconds a node');
  for (const nodes of [25_000, 50_000, 100_000]) {
    const source = memorySource(bigGraph(nodes).model);
    const model = await scanModel(source);
    const view = viewGraph(model);
    const types = inferTypes(view);
    const steps = {
      scan: await timed(() => scanModel(source)),
      lint: await timed(() => lintModel(model)),
      view: await timed(() => viewGraph(model)),
      infer: await timed(() => inferTypes(viewGraph(model))),
      sites: await timed(() => findSites(viewGraph(model), types)),
      // A record holds about ten thousand sites, and this graph has a site for every five nodes.
      ...(nodes > 50_000 ? {} : { all: await timed(() => rewrite(source)) }),
    };
    const figures = Object.entries(steps).map(
      ([name, { ms }]) => `${name} ${((1000 * ms) / nodes).toFixed(1)}`,
    );
    console.log(`  ${nodes}: ${figures.join(', ')}`);
  }
}

/**
 * Verification against loading and running both models, with graph optimizations off and on, once each: what it takes in
 * this process, with its threads and the models open, and as the command does it, with its child process.
 */
async function verification(): Promise<void> {
  const before = readFileSync(at('resnet50.onnx'));
  const { patch } = await rewrite(memorySource(before));
  const after = await patchedBytes(patch);
  writeFileSync(at('after.onnx'), after);
  const runtime = await openOnnxRuntime();
  const pair = {
    before: await openModel(memorySource(before)),
    after: await openModel(memorySource(after)),
    beforeSource: { path: at('resnet50.onnx') },
    afterSource: { path: at('after.onnx') },
    files: {
      before: { folder, name: 'resnet50.onnx' },
      after: { folder, name: 'after.onnx' },
    },
  };
  const threads = await openOnnxRuntimeThreads();
  const input = {
    dataType: 'float32' as const,
    dims: [1, 3, 224, 224],
    data: new Float32Array(3 * 224 * 224).fill(0.1),
  };
  const four = async (): Promise<void> => {
    for (const source of [pair.beforeSource, pair.afterSource]) {
      for (const graphOptimization of ['disabled', 'all'] as const) {
        const session = await runtime.createSession(source, { provider: 'cpu', graphOptimization });
        await session.run(new Map([[session.inputs[0]?.name ?? '', input]]));
        await session.close();
      }
    }
  };
  const taken = await inTurn(5, {
    sessions: () => timed(four),
    verify: () => timed(() => verify(threads, pair)),
    files: () => timed(() => verifyFiles(at('resnet50.onnx'), at('after.onnx'), { providers: ['cpu'] })),
  });
  const times = ({ ms }: { readonly ms: number }): string =>
    `${show(ms)} = ${(ms / taken.sessions.ms).toFixed(2)} x`;
  console.log('verification of the ResNet-50 on the CPU');
  console.log(
    `  four sessions ${show(taken.sessions.ms)}, verify ${times(taken.verify)}, verifyFiles ${times(taken.files)}`,
  );
  await threads.close();
}

function runJson(args: readonly string[]): { stdout: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return { stdout };
}
