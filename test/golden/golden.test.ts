/**
 * Golden tests: each file in `cases/` is a description, what is injected into which model, and the graph of the result
 * as a diff. Adding a test is adding a file; `UPDATE_GOLDEN=1` writes the last part.
 *
 * The second part is lines of `key: value` and, behind an empty line, a model as text:
 *
 *     tap: branch -> sum         a site, with who is to read the scaled value (all uses without an arrow)
 *     kind, layout, id, set, init, seed
 *     fixture: split-graph       instead of a text
 *     refused: pattern           what onnxruntime says, where it does not run the original either
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OptionValue } from '../../src/blocks/block.ts';
import { NEUTRAL } from '../../src/blocks/initializers.ts';
import { formatModel } from '../../src/onnx/text.ts';
import type { SiteKind } from '../../src/sites/site.ts';
import { applyPlan, type Injection } from '../../src/splice/apply.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import type { InjectOptions } from '../../src/splice/plan.ts';
import { strip } from '../../src/splice/strip.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';
import { compareEdited } from '../helpers/fidelity.ts';
import type { HandSite } from '../helpers/hand-site.ts';
import { type Injected, injectTaps } from '../helpers/inject-taps.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { runModel } from '../helpers/run-model.ts';
import { strangeModel } from '../helpers/strange-model.ts';
import { textDiff } from '../helpers/text-diff.ts';

const CASES = join(import.meta.dirname, 'cases');
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';

interface GoldenCase {
  readonly path: string;
  readonly description: string;
  readonly given: string;
  readonly expected: string;
  readonly bytes: Uint8Array;
  readonly taps: readonly HandSite[];
  readonly options: InjectOptions;
  readonly refused: string | undefined;
}

const cases = readdirSync(CASES).map(readCase);

it('has cases', () => {
  expect(cases.length).toBeGreaterThan(20);
});

describe.each(cases)('$description', (golden) => {
  it('gives the expected graph', async () => {
    const { original, injection } = await inject(golden);
    const diff = textDiff(graphText(original), graphText(injection.model));
    if (UPDATE) {
      const { path, description, given } = golden;
      writeFileSync(path, [description, given, diff].map((part) => `${part.trimEnd()}\n`).join('===\n'));
    } else expect(diff.trimEnd()).toBe(golden.expected.trimEnd());
  });

  it('gives the same bytes each time, and edits nothing else', async () => {
    const bytes = (await inject(golden)).bytes;
    expect(Buffer.compare((await inject(golden)).bytes, bytes)).toBe(0);
    const account = compareEdited(golden.bytes, bytes);
    expect(account.changed).toEqual([]);
    expect(account.inserted.filter(({ kind }) => kind === 'metadataProps')).toHaveLength(1);
  });

  it('is taken out again to the last bit', async () => {
    const { injection } = await inject(golden);
    const { patch, exact, findings } = await strip(injection.model);
    expect(findings).toEqual([]);
    expect(exact).toBe(true);
    expect(Buffer.compare(await patchedBytes(patch), golden.bytes)).toBe(0);
  });

  it('is not what its plan was made for, and takes a plan of its own', async () => {
    const first = await inject(golden);
    const { model } = first.injection;
    expect((await errorOf(applyPlan(model, first.plan))).code).toBe('splice/stale-plan');
    const taps = golden.taps.map((tap, index) => ({ ...tap, value: scaledValue(first.injection, index) }));
    const second = await injectTaps(model, taps, golden.options);
    const once = await strip(second.injection.model);
    expect(once.exact).toBe(true);
    expect(Buffer.compare(await patchedBytes(once.patch), await patchedBytes(first.injection.patch))).toBe(0);
    const twice = await strip(once.model);
    expect(Buffer.compare(await patchedBytes(twice.patch), golden.bytes)).toBe(0);
  });

  it('runs as the original does', async () => {
    const bytes = (await inject(golden)).bytes;
    if (golden.refused !== undefined) {
      await expect(runModel(golden.bytes)).rejects.toThrow(golden.refused);
      await expect(runModel(bytes)).rejects.toThrow(golden.refused);
      return;
    }
    const [before, after] = [await runModel(golden.bytes), await runModel(bytes)];
    if ((golden.options.init ?? NEUTRAL) === NEUTRAL) expect(after).toEqual(before);
    else expect(after).not.toEqual(before);
  });
});

function readCase(name: string): GoldenCase {
  const path = join(CASES, name);
  const [description = '', given = '', expected = ''] = readFileSync(path, 'utf8').split('===\n');
  const [head = '', ...rest] = given.split('\n\n');
  const lines = head
    .trim()
    .split('\n')
    .map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1).trim()];
    });
  const values = (key: string): string[] =>
    lines.filter(([found]) => found === key).map(([, value]) => value);
  const [fixture] = values('fixture');
  const [kind = 'residual'] = values('kind');
  const [layout] = values('layout');
  const [set = ''] = values('set');
  const [init = NEUTRAL] = values('init');
  const [seed = '0'] = values('seed');
  const [refused] = values('refused');
  return {
    path,
    description: description.trim(),
    given,
    expected,
    bytes: fixture === undefined ? modelFromText(rest.join('\n\n')) : strangeModel(fixture),
    taps: values('tap').map((tap, index) => {
      const [value = '', readers] = tap.split(' -> ');
      return {
        value,
        ...(readers === undefined ? {} : { readers: readers.split(', ') }),
        id: `2_${index + 1}`,
        kind: kind as SiteKind,
        channelsLast: layout === 'channels-last',
      };
    }),
    options: {
      init,
      seed: Number(seed),
      blockOptions: Object.fromEntries(set.split(' ').filter(Boolean).map(option)),
    },
    refused,
  };
}

function option(setting: string): [string, OptionValue] {
  const [key = '', value = ''] = setting.split('=');
  if (value === 'true' || value === 'false') return [key, value === 'true'];
  return [key, Number.isNaN(Number(value)) ? value : Number(value)];
}

async function inject({ bytes, taps, options }: GoldenCase): Promise<Injected> {
  return injectTaps(bytes, taps, options);
}

function scaledValue({ record }: Injection, index: number): string {
  const scaled = record?.sites[index]?.names['scale'];
  if (scaled === undefined) throw new Error(`site ${index} has no scaled value`);
  return scaled;
}

/** The graph without the model's header: the record would be half of the text, and has tests of its own. */
function graphText({ file }: OpenModel): string {
  return formatModel(file).replace(/^<\n[\s\S]*?\n>\n/, '');
}
