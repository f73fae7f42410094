import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import { openFile } from '../../src/node/file-source.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { rewrite } from '../../src/splice/index.ts';
import { graphOf, parseModel } from '../helpers/protobuf-tree.ts';
import { countingSource } from '../helpers/sources.ts';

const w = wireWriter();

/** Bytes of the weight that makes the file large. */
const WEIGHT = 1.5 * 2 ** 30;

let folder = '';
let path = '';
let size = 0;

/** Writes a residual network with a weight of 1.5 GiB that is all zeros and takes no room: the file is sparse. */
beforeAll(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'se-inject-large-'));
  path = joinPath(folder, 'large.onnx');
  const small = writeModel(w, residualNet().model);
  const graph = join(...graphOf(parseModel(small)).map(({ raw }) => raw));
  const tensorHead = join(
    w.int(1, WEIGHT / 4),
    w.int(2, 1),
    w.text(8, 'large'),
    Uint8Array.of(0x4a),
    varint(WEIGHT),
  );
  const weight = join(Uint8Array.of(0x2a), varint(tensorHead.length + WEIGHT), tensorHead);
  const head = join(w.int(1, 8), Uint8Array.of(0x3a), varint(weight.length + WEIGHT + graph.length), weight);
  const tail = join(graph, w.message(8, w.int(2, 13)));
  size = head.length + WEIGHT + tail.length;
  const file = await open(path, 'wx');
  await file.truncate(size);
  await file.write(head, 0, head.length, 0);
  await file.write(tail, 0, tail.length, head.length + WEIGHT);
  await file.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

const bytesOf = (reads: readonly (readonly [number, number])[]): number =>
  reads.reduce((sum, [, length]) => sum + length, 0);

describe('a file of 1.5 GiB', () => {
  it('is sparse, or this test takes the disk', async () => {
    const { blocks } = await stat(path);
    expect(blocks * 512).toBeLessThan(10_000_000);
  });

  it('is scanned by reading its graph, and with little memory', async () => {
    const file = await openFile(path);
    try {
      const source = countingSource(file);
      const before = process.memoryUsage().rss;
      const model = await scanModel(source);
      expect(source.size).toBe(size);
      expect(model.graph.node.length).toBe(9);
      expect(model.graph.initializer.map(({ name }) => name)).toContain('large');
      expect(model.payloads[0]?.length).toBe(WEIGHT);
      // The first window, and those of the graph behind the weight.
      expect(bytesOf(source.reads)).toBeLessThan(600_000);
      expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
    } finally {
      await file.close();
    }
  });

  it('is rewritten without reading the weight: the result is ranges of it and new bytes', async () => {
    const file = await openFile(path);
    try {
      const source = countingSource(file);
      const { patch, plan } = await rewrite(source);
      expect(plan.sites.map(({ site }) => site.value)).toEqual(['branch']);
      expect(patch.size).toBeGreaterThan(size);
      expect(bytesOf(source.reads)).toBeLessThan(3_000_000);
      const fresh = patch.pieces.reduce(
        (sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0),
        0,
      );
      expect(fresh).toBeLessThan(10_000);
    } finally {
      await file.close();
    }
  });
});
