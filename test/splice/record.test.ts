import { describe, expect, it } from 'vitest';
import type { ModelFile } from '../../src/onnx/model-file.ts';
import { applyPlan } from '../../src/splice/apply.ts';
import { planInjection } from '../../src/splice/plan.ts';
import { RECORD_KEY, readRecords, writeRecords } from '../../src/splice/record.ts';
import { strip } from '../../src/splice/strip.ts';
import { errorOf } from '../helpers/error-of.ts';
import { handReport, handSite } from '../helpers/hand-site.ts';
import { injectTaps, openBytes } from '../helpers/inject-taps.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { remodel, rerecord } from '../helpers/remodel.ts';
import { strangeModel } from '../helpers/strange-model.ts';

const PLAIN = strangeModel('plain-residual');

/** The record of an injection at two sites, as text. */
async function recordText(): Promise<string> {
  const { injection } = await injectTaps(PLAIN, [
    { value: 'branch', readers: ['sum'], id: '2_1' },
    { value: 'stem', readers: ['conv1.out'], id: '2_2' },
  ]);
  return injection.model.file.metadataProps[0]?.value ?? '';
}

const TEXT = await recordText();

/** A model of which only the metadata is asked for. */
function withMetadata(...values: readonly string[]): ModelFile {
  const metadataProps = values.map((value) => ({ key: RECORD_KEY, value }));
  return { metadataProps } as unknown as ModelFile;
}

type Json = Record<string, unknown>;

/** The text with its one record changed. */
function changed(change: (record: Json) => void): string {
  const records: Json[] = JSON.parse(TEXT);
  for (const record of records) change(record);
  return JSON.stringify(records);
}

/** The text with its first site changed. */
function changedSite(change: (site: Json) => void): string {
  return changed((record) => change((record['sites'] as Json[])[0] ?? {}));
}

function set(key: string, value: unknown): (record: Json) => void {
  return (record) => {
    record[key] = value;
  };
}

describe('the record', () => {
  it('is read as it was written', () => {
    const { records, entry } = readRecords(withMetadata(TEXT));
    expect(records).toHaveLength(1);
    expect(entry?.value).toBe(TEXT);
    expect(writeRecords(records)).toBe(TEXT);
  });

  it('is none in a model without one, whatever else its metadata says', () => {
    expect(readRecords(withMetadata())).toEqual({ records: [], entry: undefined });
    const other = { metadataProps: [{ key: 'se-inject ', value: 'x' }] } as unknown as ModelFile;
    expect(readRecords(other)).toEqual({ records: [], entry: undefined });
  });

  it('is not written where it could not be read', async () => {
    const value = 'v'.repeat(1_300_000);
    const bytes = modelFromText(
      `net (float[N,8,6,6] x) => (float[N,8,6,6] y) { ${value} = Relu (x) y = Relu (${value}) }`,
    );
    const error = await errorOf(injectTaps(bytes, [{ value }]));
    expect(error.code).toBe('splice/result-too-large');
    expect(error.message).toMatch(
      /^the record of the injection would have 18\d{6} characters, and 15728640 are the most/,
    );
  });

  it('keeps names that are not UTF-8', async () => {
    const bytes = strangeModel('names-not-utf8');
    const { injection } = await injectTaps(bytes, [{ value: 'caf\udcff.out', readers: ['sum'] }]);
    const [record] = readRecords(injection.model.file).records;
    expect(record?.sites[0]?.value).toBe('caf\udcff.out');
    expect(injection.model.file.metadataProps[0]?.value).toContain('"value":"caf\\udcff.out"');
    expect(Object.values(record?.sites[0]?.names ?? {})[0]).toBe('caf\ufffd.out/se/reduce.weight');
  });
});

describe('a record that cannot be trusted', () => {
  const lacks = 'it lacks what this tool writes';
  const siteCases: readonly (readonly [string, (site: Json) => void])[] = [
    ['id', set('id', 7)],
    ['value', set('value', null)],
    ['tapped', set('tapped', undefined)],
    ['site', set('site', [])],
    ['options', set('options', 'none')],
    ['an option that is a list', (site) => set('gate', ['sigmoid'])(site['options'] as Json)],
    ['an option that is nothing', (site) => set('gate', null)(site['options'] as Json)],
    ['names', set('names', null)],
    ['a name that is a number', (site) => set('squeeze', 1)(site['names'] as Json)],
    ['a name twice', (site) => set('squeeze', 'branch/se/gate')(site['names'] as Json)],
    ['a name of the other site', (site) => set('squeeze', 'stem/se/squeeze')(site['names'] as Json)],
    ['redirected', set('redirected', {})],
    ['a use without a node', set('redirected', [{ input: 0 }])],
    ['a use of input -2', set('redirected', [{ node: 'sum', input: -2 }])],
    ['a use of half an input', set('redirected', [{ node: 'sum', input: 0.5 }])],
    ['the other site’s id', set('id', '2_2')],
    ...['channels', 'channelAxis', 'rank', 'dataType', 'opset'].flatMap((key) =>
      [-1, 0.5, '1', null, 1e300].map((value): readonly [string, (site: Json) => void] => [
        `${key} ${value}`,
        (site) => set(key, value)(site['site'] as Json),
      ]),
    ),
    ['a field that no site has', (site) => set('more', 1)(site)],
    ['a field that no place has', (site) => set('more', 1)(site['site'] as Json)],
    ['a field that no use has', set('redirected', [{ node: 'sum', input: 0, more: 1 }])],
    ['spatial sizes that are none', (site) => set('spatial', [8, '8'])(site['site'] as Json)],
    ['input channels that are none', (site) => set('inputChannels', '8')(site['site'] as Json)],
    ['a kind that is a number', (site) => set('kind', 1)(site['site'] as Json)],
    ['too many channels', (site) => set('channels', 65_537)(site['site'] as Json)],
    ['too many axes', (site) => set('rank', 9)(site['site'] as Json)],
    ['an axis that is not there', (site) => set('channelAxis', 4)(site['site'] as Json)],
  ];

  it.each<[string, string, string]>([
    ['no JSON', '[{', 'it is no JSON'],
    ['an empty text', '', 'it is no JSON'],
    ['no list', '{}', lacks],
    ['an empty list', '[]', lacks],
    ['a list of nothing', '[null]', lacks],
    ['a list in a list', '[[]]', lacks],
    ...['tool', 'block', 'init', 'digest'].flatMap((key): [string, string, string][] => [
      [`${key} 1`, changed(set(key, 1)), lacks],
      [`no ${key}`, changed(set(key, undefined)), lacks],
    ]),
    ...['blockVersion', 'seed'].flatMap((key): [string, string, string][] => [
      [`${key} as text`, changed(set(key, '1')), lacks],
      [`${key} 0.5`, changed(set(key, 0.5)), lacks],
    ]),
    ['weights elsewhere', changed(set('weightsAs', 'external')), lacks],
    ['no widths', changed(set('widths', undefined)), lacks],
    ['widths as a list', changed(set('widths', [1])), lacks],
    ['a negative width', changed(set('widths', { 0: -1 })), lacks],
    ['no sites', changed(set('sites', {})), lacks],
    ['a field that no record has', changed(set('more', 1)), lacks],
    [
      'lists a million deep',
      changed(set('more', 'deep')).replace('"deep"', '['.repeat(1e6) + ']'.repeat(1e6)),
      lacks,
    ],
    ['a site that is text', changed(set('sites', ['2_1'])), lacks],
    ...siteCases.map(([what, change]): [string, string, string] => [what, changedSite(change), lacks]),
    ['white space', TEXT.replace('[', '[ '), 'it was rewritten by something else'],
    [
      'an escape where none is needed',
      TEXT.replace('"se"', '"\\u0073e"'),
      'it was rewritten by something else',
    ],
    ['a key twice', TEXT.replace('"seed":0', '"seed":1,"seed":0'), 'it was rewritten by something else'],
    [
      'a number written otherwise',
      TEXT.replace('"seed":0', '"seed":0.0'),
      'it was rewritten by something else',
    ],
    ['15 MiB of it', TEXT.padEnd(15 * 1024 * 1024 + 1), 'it has 15728641 characters'],
  ])('has %s', async (_what, text, why) => {
    expect(text).not.toBe(TEXT);
    const error = await errorOf(() => readRecords(withMetadata(text)));
    expect(error.code).toBe('splice/invalid-record');
    expect(error.message).toBe(
      `the record "se-inject" in the model's metadata cannot be trusted: ${why}; remove the entry to go on without it`,
    );
  });

  it('stands in the metadata twice', async () => {
    const error = await errorOf(() => readRecords(withMetadata(TEXT, TEXT)));
    expect(error.message).toContain('there are several of them');
  });

  it('keeps a model from being stripped and from being injected again', async () => {
    const { bytes } = await injectTaps(PLAIN, [{ value: 'branch' }]);
    const model = await openBytes(rerecord(bytes, () => '[]'));
    expect((await errorOf(strip(model))).code).toBe('splice/invalid-record');
    const plan = await planInjection(model, handReport([handSite(model, { value: 'stem' })]));
    expect((await errorOf(applyPlan(model, plan))).code).toBe('splice/invalid-record');
  });

  it('is not looked for in other models', async () => {
    const other = remodel(PLAIN, (model) => {
      model.metadataProps.push({ key: 'other', value: 'se-inject' });
    });
    expect((await errorOf(strip(await openBytes(other)))).code).toBe('splice/no-record');
  });
});
