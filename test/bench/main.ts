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
import { scanModel } from '../../src/onnx/scan.ts';
import { findSites } from '../../src/sites/index.ts';
import { openModel, rewrite } from '../../src/splice/index.ts';
import { verify } from '../../src/verify/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { inTurn, median, run, runNode, type Taken, timed } from './measure.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'se-inject.js');
const folder = mkdtempSync(join(tmpdir(), 'se-inject-bench-'));
const at = (name: string): string => join(folder, name);
const show = (ms: number): string => `${ms.toFixed(1)} ms`;

/** Loads and runs two models as a process of its own, with graph optimizations off and on. */
const FOUR_SESSIONS = `
import process from 'node:process';
import ort from 'onnxruntime-node';
const input = new ort.Tensor('float32', new Float32Array(3 * 224 * 224).fill(0.1), [1, 3, 224, 224]);
for (const path of process.argv.slice(1)) {
  for (const graphOptimizationLevel of ['disabled', 'all']) {
    const options = { executionProviders: ['cpu'], graphOptimizationLevel, logSeverityLevel: 3 };
    const session = await ort.InferenceSession.create(path, options);
    await session.run({ [session.inputNames[0]]: input });
    await session.release();
  }
}
process.exit(0);`;

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
 * Verification against loading and running both models, with graph optimizations off and on, once each: in this process,
 * where threads and models are open, and as the command does it, with its child process, against a process too.
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
  // The first time, libraries are loaded and code is compiled; and no other processes in between.
  const inProcess = { sessions: () => timed(four), verify: () => timed(() => verify(threads, pair)) };
  await inTurn(2, inProcess);
  const taken = {
    ...(await inTurn(15, inProcess)),
    ...(await inTurn(5, {
      process: () =>
        runNode(['--input-type=module', '-e', FOUR_SESSIONS, at('resnet50.onnx'), at('after.onnx')]),
      command: () => runNode([BIN, 'verify', at('resnet50.onnx'), at('after.onnx'), '--provider', 'cpu']),
    })),
  };
  console.log('verification of the ResNet-50 on the CPU');
  const against = (tool: Taken, sessions: Taken): string =>
    `four sessions ${show(sessions.ms)}, verification ${show(tool.ms)}: ${(tool.ms / sessions.ms).toFixed(2)} x`;
  console.log(`  in a process that runs already: ${against(taken.verify, taken.sessions)}`);
  console.log(`  as a command of its own: ${against(taken.command, taken.process)}`);
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
