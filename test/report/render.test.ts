import { describe, expect, it } from 'vitest';
import { renderInjection, renderLook } from '../../src/report/render-story.ts';
import { plainPaint } from '../../src/report/render-text.ts';
import type { Report, SiteEntry } from '../../src/report/report.ts';

function site(id: string, more: Partial<SiteEntry> = {}): SiteEntry {
  return {
    id,
    kind: 'residual',
    variant: 'bottleneck',
    stage: Number(id[0]),
    stride: 2 ** Number(id[0]),
    value: `v${id}`,
    node: `add${id}`,
    channels: 256,
    channelAxis: 1,
    spatial: [56, 56],
    dataType: 'FLOAT',
    quantization: null,
    injected: true,
    block: 'se',
    placement: 'standard',
    reducedChannels: 16,
    reductionRatio: 16,
    addedParameters: 8464,
    addedMacs: 811_008,
    leftOut: null,
    ...more,
  };
}

const MODEL = { irVersion: 8, opset: 17, producer: 'pytorch 2.4', nodes: 122, initializers: 107 };
const DEEP = {
  channels: 2048,
  spatial: [7, 7],
  reducedChannels: 128,
  addedParameters: 526_464,
  addedMacs: 624_640,
};

const REPORT: Report = {
  schemaVersion: 0,
  tool: { name: 'se-inject', version: '0.1.0' },
  outcome: 'injected',
  input: { ...MODEL, path: 'resnet.onnx', bytes: 102_500_000, parameters: 25_557_032, macs: 4_089_184_256 },
  output: {
    ...MODEL,
    path: 'resnet.se.onnx',
    bytes: 112_600_000,
    parameters: 26_100_424,
    macs: 4_091_430_912,
    nodes: 150,
    dataFiles: [],
  },
  options: { block: 'se', init: 'neutral', reducedChannels: 'auto', ratioOf: 'auto' },
  sites: [site('5_1', DEEP), site('2_1'), site('2_2')],
  rejections: [
    { node: 'add_fpn', opType: 'Add', reason: 'merges-resolutions', detail: 'joins 28x28 with 14x14' },
    { node: 'add_7', opType: 'Add', reason: 'bias', detail: 'adds a constant' },
    { node: 'add_8', opType: 'Add', reason: 'bias', detail: 'adds another' },
  ],
  existing: [{ kind: 'gate', node: 'mul', value: 'neck', channels: null }],
  present: [],
  warnings: [],
  verification: {
    verdict: 'unchecked',
    detail: 'not run',
    inputs: null,
    edit: { ok: true, findings: [] },
    providers: [],
  },
  timings: { scanMs: 10, sitesMs: 5, spliceMs: 20, writeMs: 60, syncMs: 25, verifyMs: 0 },
};

const text = (lines: readonly string[]): string => lines.join('\n');

describe('renderInjection', () => {
  it('tells what went where by stage, what it costs against the paper, and how it ended', () => {
    expect(text(renderInjection(REPORT, plainPaint, false))).toBe(`\
resnet.onnx: 122 nodes, 25,557,032 parameters, 4.09 G MACs, opset 17, IR 8, by pytorch 2.4

stage  stride   size  kind                  channels  reduced  blocks  parameters    MACs
    2       4  56x56  residual, bottleneck       256       16       2      16,928  1.62 M
    5      32    7x7  residual, bottleneck      2048      128       1     526,464   625 k

                 before        after       added
parameters   25,557,032   26,100,424     543,392   2.1%
MACs             4.09 G       4.09 G      2.25 M  0.05%
bytes       102,500,000  112,600,000  10,100,000   9.9%
paper, (2/r) * sum of C^2 at r = 16: 540,672 parameters; biases and whole multiples of the divisor make it +2,720

resnet.onnx (103 MB) → resnet.se.onnx (113 MB), 3 SE blocks in 120 ms
unchecked: not run
Its gates start at exactly 1: the model computes what it did until they are trained.
Next: load it into a trainer (PyTorch has onnx2torch), let at least the weights "*/se/*" learn, and fine-tune.`);
  });

  it('lists each site and each rejection when it is to say everything', () => {
    const lines = renderInjection(REPORT, plainPaint, true);
    expect(lines).toContain('5_1   residual, bottleneck      32    7x7      2048      128     526,464  v5_1');
    expect(text(lines)).toContain(`\
channel gates that are there already: 1
  gate on neck
turned down: 3
  merges-resolutions (1)
    Add add_fpn: joins 28x28 with 14x14
  bias (2)
    Add add_7: adds a constant
    Add add_8: adds another`);
    expect(lines).toContain('scan 10 ms, sites 5.0 ms, splice 20 ms, write 60 ms, sync 25 ms');
  });

  it('says of random weights that the model has changed', () => {
    const random = { ...REPORT, options: { ...REPORT.options, init: 'kaiming-normal' } };
    expect(text(renderInjection(random, plainPaint, false))).toContain(
      'Its new weights are random (kaiming-normal): the model computes something else until they are trained.',
    );
  });

  it('does not set numbers against the formula that are not of its kind', () => {
    for (const options of [{ reducedChannels: 8 }, { ratioOf: 'block-input' }]) {
      const other = { ...REPORT, options: { ...REPORT.options, ...options } };
      expect(text(renderInjection(other, plainPaint, false))).not.toContain('paper');
    }
  });

  it('says what is not known', () => {
    const open = site('2_1', { spatial: null, addedMacs: null });
    const lines = renderInjection(
      { ...REPORT, sites: [open], input: { ...REPORT.input, macs: null } },
      plainPaint,
      false,
    );
    expect(text(lines)).toContain(
      '    2       4     ?  residual, bottleneck       256       16       1       8,464     ?',
    );
    expect(text(lines)).toMatch(/^MACs +unknown +unknown +unknown$/m);
    const half = renderInjection({ ...REPORT, input: { ...REPORT.input, macs: null } }, plainPaint, false);
    expect(text(half)).toMatch(/^MACs +unknown +unknown +2\.25 M$/m);
  });

  it('tells where the data files are', () => {
    const output = {
      ...REPORT.output!,
      dataFiles: [
        { path: 'a.bin', bytes: 1000, fate: 'kept' },
        { path: 'b.bin', bytes: 2000, fate: 'copied' },
      ],
    } as const;
    const lines = renderInjection({ ...REPORT, output }, plainPaint, false);
    expect(lines).toContain('data file "a.bin" (1.00 KB) stays where it is');
    expect(lines).toContain('data file "b.bin" (2.00 KB) was copied beside the output');
  });

  it('marks up by role', () => {
    const lines = renderInjection(REPORT, (role, part) => `<${role}>${part}`, false);
    expect(lines.filter((line) => line.startsWith('<')).map((line) => line.slice(0, 9))).toEqual([
      '<heading>',
      '<heading>',
      '<good>res',
      '<warning>',
    ]);
  });
});

describe('renderLook', () => {
  it('shows what was not chosen', () => {
    const left = site('2_2', {
      injected: false,
      block: null,
      placement: null,
      reducedChannels: null,
      reductionRatio: null,
      addedParameters: null,
      addedMacs: null,
    });
    const lines = renderLook(
      { ...REPORT, outcome: 'planned', output: null, sites: [site('2_1'), left] },
      plainPaint,
    );
    expect(lines).toContain(
      '2_2   residual, bottleneck       4  56x56       256        -           -  v2_2          not chosen',
    );
    expect(lines.at(-1)).toBe('resnet.onnx (103 MB): 1 SE block would be injected, nothing was written');
  });
});
