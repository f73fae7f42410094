/** What damaged files may come to; `damaged.test.ts` tries it on some, `damaged.slow.test.ts` on many. */
import process from 'node:process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invented, modernFields } from '../../fixtures/strange/fields.ts';
import { invertedResidualNet, type Net, residualNet, withGraph } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { join, varint, wireWriter } from '../../fixtures/wire-writer.ts';
import { isSeInjectError } from '../../src/errors.ts';
import { type LintFinding, lintModel } from '../../src/graph/lint.ts';
import type { ModelFile } from '../../src/onnx/model-file.ts';
import { scanModel } from '../../src/onnx/scan.ts';
import { openModel, rewrite, strip } from '../../src/splice/index.ts';
import { type ByteSource, memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { type InjectedAt, injectAt, tappable } from '../helpers/inject.ts';

const w = wireWriter();

/** What became of a file. */
type Fate = 'refused by the scan' | 'refused by the lint' | 'refused later' | 'nothing to do' | 'rewritten';

/** No damaged file of a few kilobytes may become larger: a size that is wrong must not be believed. */
const LIMIT_BYTES = 2 ** 20;

/** Nor may it take longer, of the processor's time: others may be using it too. */
const LIMIT_MS = 200;

/** For all runs of a property, on a machine that does other things too. */
const PATIENCE_MS = 300_000;

/** Takes a file through everything, and fails on any end but those that are allowed. */
async function fateOf(bytes: Uint8Array): Promise<Fate> {
  const start = process.cpuUsage();
  const fate = await judge(bytes);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(LIMIT_MS);
  return fate;
}

async function judge(bytes: Uint8Array): Promise<Fate> {
  let model: ModelFile;
  try {
    model = await scanModel(memorySource(bytes));
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    expect(error.code).toMatch(/^(wire|onnx)\//);
    if (error.code.startsWith('wire/')) {
      const { offset, field } = error.details;
      expect(offset).toSatisfy(
        (at: unknown) => Number.isInteger(at) && Number(at) >= 0 && Number(at) <= bytes.length,
      );
      expect(field).toMatch(/^(model|…)/);
      expect(error.message).toContain(String(offset));
    }
    return 'refused by the scan';
  }
  const findings = lintModel(model);
  for (const { code, message } of findings) {
    expect(code).toMatch(/^(graph\/|onnx\/tensor-data-size$)/);
    expect(message).not.toBe('');
  }
  // Where the search for sites goes, and where it never would.
  const found = await injected(bytes, findings, (source) => rewrite(source));
  const anywhere = await injected(bytes, findings, (source) => injectAt(source, tappable));
  if (findings.length === 0) await stripped(model);
  return found === 'rewritten' ? found : anywhere;
}

/** Takes out what the file says was injected, which it may lie about: what is left is sound, or nothing is done. */
async function stripped(model: ModelFile): Promise<void> {
  try {
    const { patch } = await strip(await openModel(model.source));
    expect(lintModel(await scanModel(memorySource(await patchedBytes(patch))))).toEqual([]);
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    expect(error.code).toMatch(/^(splice|blocks|onnx)\//);
  }
}

async function injected(
  bytes: Uint8Array,
  findings: readonly LintFinding[],
  inject: (source: ByteSource) => Promise<InjectedAt>,
): Promise<Fate> {
  let edited: InjectedAt;
  try {
    edited = await inject(memorySource(bytes));
  } catch (error) {
    if (!isSeInjectError(error)) throw error;
    if (findings.length === 0) return 'refused later';
    expect(error.code).toBe(findings[0]?.code);
    return 'refused by the lint';
  }
  expect(findings).toEqual([]);
  const output = await patchedBytes(edited.patch);
  expect(output.length).toBeLessThan(LIMIT_BYTES);
  if (edited.plan.sites.length === 0) {
    expect(Buffer.compare(output, bytes)).toBe(0);
    return 'nothing to do';
  }
  expect(lintModel(await scanModel(memorySource(output)))).toEqual([]);
  const stripped = await strip(await openModel(memorySource(output)));
  expect(Buffer.compare(await patchedBytes(stripped.patch), bytes)).toBe(0);
  return 'rewritten';
}

/** A small network with every kind of message, so that damage can be anywhere. */
function smallModel(net: Net): Uint8Array {
  const fields = modernFields(w);
  const list = join(
    w.message(7, ...[1, 2].map((value) => w.float(1, value).subarray(1))),
    w.message(8, varint(300), varint(-1)),
    w.text(9, 'one'),
    w.message(14, w.message(4, w.message(1, w.message(1, w.int(1, 1))))),
  );
  const sparse = w.message(
    22,
    w.message(1, w.int(1, 1), w.int(2, 1), w.float(4, 1)),
    w.message(2, w.message(1, varint(1)), w.int(2, 7), w.int(7, 0)),
    w.int(3, 4),
  );
  const annotated = w.message(
    14,
    w.text(1, 'stem'),
    w.message(2, w.text(1, 'SCALE_TENSOR'), w.text(2, 'conv1.weight')),
  );
  const unread = w.message(
    1,
    w.text(4, 'Odd'),
    w.text(7, 'strange'),
    w.text(2, 'odd'),
    w.message(5, w.text(1, 'list'), list),
    w.message(5, w.text(1, 'sparse'), sparse),
  );
  return writeModel(w, withBody(net).model, {
    extras: { ...fields, graph: join(fields.graph, annotated, unread) },
  });
}

function withBody(net: Net): Net {
  const body = (opType: string) => ({
    graph: {
      name: opType,
      nodes: [{ opType, input: ['stem'], output: [`${opType}.out`] }],
      initializers: [],
      inputs: [],
      outputs: [{ name: `${opType}.out`, dims: ['N', 2, 8, 8] }],
    },
  });
  return withGraph(net, ({ nodes, initializers, outputs }) => ({
    nodes: [
      ...nodes,
      {
        opType: 'If',
        input: ['always'],
        output: ['aside'],
        attributes: { then_branch: body('Identity'), else_branch: body('Neg') },
      },
    ],
    initializers: [...initializers, { name: 'always', dims: [], values: [1], dataType: 9 }],
    outputs: [...outputs, { name: 'aside', dims: ['N', 2, 8, 8] }],
  }));
}

const SMALL = { channels: 4, kernel: 1, opset: 21, irVersion: 12 } as const;
const MODELS: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['a residual network', smallModel(residualNet(SMALL))],
  ['an inverted residual network', writeModel(w, invertedResidualNet(SMALL).model, { splitAt: 4 })],
  ['a network that was injected before', await patchedBytes((await rewrite(memorySource(smallest()))).patch)],
];

function smallest(): Uint8Array {
  return writeModel(w, residualNet({ channels: 4, kernel: 1 }).model);
}

function count(fates: readonly Fate[]): Record<Fate, number> {
  const counts = {
    'refused by the scan': 0,
    'refused by the lint': 0,
    'refused later': 0,
    'nothing to do': 0,
    rewritten: 0,
  };
  for (const fate of fates) counts[fate] += 1;
  return counts;
}

/** Declares the tests, with so many times the runs of the short ones. */
export function testDamage(times: number): void {
  describe.each(MODELS)('%s', (_, bytes) => {
    it('is rewritten when it is whole', async () => {
      expect(await fateOf(bytes)).toBe('rewritten');
    });

    it(
      'cut short anywhere gives a located error or a sound model',
      async () => {
        const fates: Fate[] = [];
        for (let length = 0; length < bytes.length; length += 1)
          fates.push(await fateOf(bytes.subarray(0, length)));
        expect(count(fates)['refused by the scan']).toBeGreaterThan(bytes.length / 2);
      },
      PATIENCE_MS,
    );

    it(
      'with a byte changed anywhere gives a located error or a sound model',
      async () => {
        const fates: Fate[] = [];
        const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
        await fc.assert(
          fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
            const damaged = Uint8Array.from(bytes);
            for (const [at, value] of changes) damaged[at] = value;
            fates.push(await fateOf(damaged));
          }),
          { numRuns: 150 * times },
        );
        const counts = count(fates);
        expect(
          Math.min(counts['refused by the scan'], counts['refused by the lint'], counts.rewritten),
        ).toBeGreaterThan(0);
      },
      PATIENCE_MS,
    );

    it(
      'with a byte more or less gives a located error or a sound model',
      async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.nat(bytes.length - 1),
            fc.uint8Array({ maxLength: 3 }),
            fc.nat(3),
            async (at, insert, remove) => {
              await fateOf(join(bytes.subarray(0, at), insert, bytes.subarray(at + remove)));
            },
          ),
          { numRuns: 150 * times },
        );
      },
      PATIENCE_MS,
    );
  });

  describe('bytes that were never a model', () => {
    it(
      'give a located error or a sound model',
      async () => {
        const tags = fc.constantFrom(0x08, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x3a, 0x42, 0x5a, 0x62);
        const soup = fc.array(fc.oneof(tags, fc.nat(20), fc.nat(255)), { maxLength: 60 });
        await fc.assert(
          fc.asyncProperty(soup, async (values) => {
            await fateOf(Uint8Array.from(values));
          }),
          { numRuns: 300 * times },
        );
      },
      PATIENCE_MS,
    );

    it('are kept apart from a model that has nothing but unknown fields', async () => {
      expect(await fateOf(join(w.message(7, invented(w)), invented(w)))).toBe('nothing to do');
    });
  });
}
