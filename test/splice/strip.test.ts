import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { strangeModels } from '../../fixtures/strange.ts';
import { wireWriter } from '../../fixtures/wire-writer.ts';
import { formatModel } from '../../src/onnx/text.ts';
import type { OpenModel } from '../../src/splice/model.ts';
import { readRecords } from '../../src/splice/record.ts';
import { rewrite } from '../../src/splice/rewrite.ts';
import { type Stripped, strip } from '../../src/splice/strip.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { errorOf } from '../helpers/error-of.ts';
import { injectTaps, openBytes } from '../helpers/inject-taps.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { initializerOf, type ModelMessage, nodeOf, remodel, rerecord } from '../helpers/remodel.ts';
import { runModel } from '../helpers/run-model.ts';

const { onnx } = onnxProto;

/** Two blocks one behind the other, and a value that is given out. */
const TWO_BLOCKS = modelFromText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[N,8,6,6] x) => (float[N,8,6,6] y, float[N,8,6,6] first)
< float[8,8,3,3] w = {…}, float[8,8,3,3] v = {…} >
{
  first = Conv <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (x, w)
  sum = Add (first, x)
  second = Conv <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (sum, v)
  total = Add (second, sum)
  y = Relu (total)
}`);

const TAPS = [
  { value: 'first', readers: ['sum'], id: '2_1' },
  { value: 'second', readers: ['total'], id: '2_2' },
];

async function bytesOf({ patch }: Stripped): Promise<Uint8Array> {
  return patchedBytes(patch);
}

function expectSame(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(found, expected)).toBe(0);
}

async function textOf(bytes: Uint8Array): Promise<string> {
  return formatModel((await openBytes(bytes)).file);
}

describe('strip', () => {
  it.each(strangeModels())('gives $name back, bit for bit', async ({ bytes }) => {
    const rewritten = await rewrite(memorySource(bytes), { init: 'kaiming-uniform' });
    expect(rewritten.plan.sites).toHaveLength(1);
    const stripped = await strip(await openBytes(await patchedBytes(rewritten.patch)));
    expectSame(await bytesOf(stripped), bytes);
    expect(stripped).toMatchObject({ exact: true, findings: [], removed: ['0_1'], record: { block: 'se' } });
    expect(stripped.model.file.metadataProps.some(({ key }) => key === 'se-inject')).toBe(false);
  });

  it.each([1, 2, 3, 4, 5])(
    'gives a file back whose length prefixes take %i bytes at least',
    async (width) => {
      const bytes = writeModel(wireWriter(width), residualNet().model);
      const values = ['branch', 'stem', 'relu1.out', 'conv0.out'];
      const { injection } = await injectTaps(
        bytes,
        values.map((value, at) => ({ value, id: `2_${at}` })),
      );
      const stripped = await strip(injection.model);
      expectSame(await bytesOf(stripped), bytes);
      expect(stripped.exact).toBe(true);
    },
  );

  it('gives a width back that only the record can tell: one that was too wide and is no longer', async () => {
    const widths: number[] = [];
    for (let length = 84; length < 104; length += 1) {
      const tap = 'v'.repeat(length);
      const bytes = writeModel(wireWriter(2), residualNet({ tap }).model);
      const { injection } = await injectTaps(bytes, [{ value: tap }]);
      expectSame(await bytesOf(await strip(injection.model)), bytes);
      widths.push(...Object.values(injection.record?.widths ?? {}));
    }
    // The Add has grown over 127 bytes.
    expect(widths.length).toBeGreaterThan(5);
    expect(new Set(widths)).toEqual(new Set([2]));
  });

  it('says that it is not exact where a part of such an injection is gone', async () => {
    const tap = 'v'.repeat(96);
    const bytes = writeModel(wireWriter(2), residualNet({ tap }).model);
    const { injection } = await injectTaps(bytes, [
      { value: tap, id: '2_1' },
      { value: 'relu1.out', id: '2_2' },
    ]);
    expect(injection.record?.widths).not.toEqual({});
    const half = await strip(injection.model, { sites: ['2_2'] });
    expect(readRecords(half.model.file).records[0]?.widths).toEqual({});
    const whole = await strip(half.model);
    expect(whole.exact).toBe(false);
    expect(await textOf(await bytesOf(whole))).toBe(await textOf(bytes));
  });

  it('takes the last injection out first', async () => {
    const first = await injectTaps(TWO_BLOCKS, TAPS.slice(0, 1), { seed: 1 });
    const second = await injectTaps(first.bytes, TAPS.slice(1), { seed: 2 });
    const once = await strip(second.injection.model);
    expect(once.record.seed).toBe(2);
    expectSame(await bytesOf(once), first.bytes);
    const twice = await strip(once.model);
    expect(twice.record.seed).toBe(1);
    expectSame(await bytesOf(twice), TWO_BLOCKS);
    expect((await errorOf(strip(twice.model))).code).toBe('splice/no-record');
  });

  it('gives the original back after its blocks were trained', async () => {
    const { bytes, injection } = await injectTaps(TWO_BLOCKS, TAPS);
    const trained = bytes.slice();
    let changed = 0;
    for (const { span, name, dims } of injection.model.file.graph.initializer) {
      if (!name.endsWith('weight') && !name.endsWith('bias')) continue;
      // The numbers are the last bytes of the tensor.
      const length = 4 * dims.reduce((product, dim) => product * dim, 1);
      trained.fill(0x3e, span.end - length, span.end);
      changed += 1;
    }
    expect(changed).toBe(8);
    const stripped = await strip(await openBytes(trained));
    expect(stripped.exact).toBe(true);
    expectSame(await bytesOf(stripped), TWO_BLOCKS);
  });

  it('keeps what the model’s own weights were trained to', async () => {
    const { bytes, injection, original } = await injectTaps(TWO_BLOCKS, TAPS);
    const trained = bytes.slice();
    const endOfW = ({ file }: OpenModel): number =>
      file.graph.initializer.find(({ name }) => name === 'w')?.span.end ?? 0;
    const end = endOfW(injection.model);
    trained.fill(0x3d, end - 64, end);
    const stripped = await strip(await openBytes(trained));
    // The structure is that of the original, the weights are not.
    expect(stripped.exact).toBe(true);
    const result = await bytesOf(stripped);
    expect(result.length).toBe(TWO_BLOCKS.length);
    const expected = TWO_BLOCKS.slice();
    const originalEnd = endOfW(original);
    expected.fill(0x3d, originalEnd - 64, originalEnd);
    expectSame(result, expected);
    expect(Buffer.compare(result, TWO_BLOCKS)).not.toBe(0);
  });

  it('refuses a model that was never injected', async () => {
    const error = await errorOf(strip(await openBytes(TWO_BLOCKS)));
    expect(error.code).toBe('splice/no-record');
    expect(error.message).toContain('the model holds no record of an injection');
  });
});

describe('strip of some sites', () => {
  it('leaves the others and their record, and gives the original back in the end', async () => {
    const { injection } = await injectTaps(TWO_BLOCKS, TAPS);
    for (const order of [
      ['2_1', '2_2'],
      ['2_2', '2_1'],
    ]) {
      let { model } = injection;
      for (const [at, id] of order.entries()) {
        const stripped = await strip(model, { sites: [id] });
        expect(stripped).toMatchObject({ removed: [id], findings: [], exact: at === 1 });
        model = stripped.model;
        const left = readRecords(model.file).records.flatMap(({ sites }) => sites.map((site) => site.id));
        expect(left).toEqual(order.slice(at + 1));
      }
      expectSame(await model.file.source.read(0, model.file.source.size), TWO_BLOCKS);
    }
  });

  it('is what the others alone would have been', async () => {
    const { injection } = await injectTaps(TWO_BLOCKS, TAPS, { init: 'xavier-uniform' });
    const alone = await injectTaps(TWO_BLOCKS, TAPS.slice(1), { init: 'xavier-uniform' });
    expectSame(await bytesOf(await strip(injection.model, { sites: ['2_1'] })), alone.bytes);
  });

  it('names a site that is not there', async () => {
    const { injection } = await injectTaps(TWO_BLOCKS, TAPS);
    const error = await errorOf(strip(injection.model, { sites: ['2_1', '9_9'] }));
    expect(error.code).toBe('sites/unknown-site');
    expect(error.message).toBe('site "9_9" is not in the last injection: it has 2_1, 2_2');
  });

  // Both read one value, which the second one has renamed.
  it.each([[['2_1', '2_2']], [['2_2', '2_1']]])(
    'in the order %s, where two share a renamed value',
    async (order) => {
      const shared = [
        { value: 'first', readers: ['sum'], id: '2_1' },
        { value: 'first', readers: ['output'], id: '2_2' },
      ];
      // Gates that change something, or a reader of the wrong value would not be seen.
      const init = { init: 'xavier-uniform' };
      const { injection } = await injectTaps(TWO_BLOCKS, shared, init);
      expect(injection.record?.sites.map(({ tapped }) => tapped)).toEqual([
        'first/se/features',
        'first/se/features',
      ]);
      const [first = '', second = ''] = order;
      const half = await strip(injection.model, { sites: [first] });
      expect(half.removed).toEqual([first]);
      const alone = await injectTaps(
        TWO_BLOCKS,
        shared.filter(({ id }) => id === second),
        init,
      );
      expect(await runModel(await bytesOf(half))).toEqual(await runModel(alone.bytes));
      expect(await runModel(alone.bytes)).not.toEqual(await runModel(TWO_BLOCKS));
      const whole = await strip(half.model, { sites: [second] });
      expect(whole.exact).toBe(true);
      expectSame(await bytesOf(whole), TWO_BLOCKS);
    },
  );
});

describe('strip of a block that was changed', () => {
  const gate = { gate: 'hardsigmoid' };

  it.each<[string, (model: ModelMessage) => void, string]>([
    [
      'an attribute',
      (model) => {
        const [alpha] = nodeOf(model, 'first/se/gate').attribute ?? [];
        if (alpha) alpha.f = 0.2;
      },
      'the HardSigmoid node of "first/se/gate" has another "alpha" than the record',
    ],
    [
      'one attribute more',
      (model) => nodeOf(model, 'first/se/reduce').attribute?.push({ name: 'group', type: 2, i: 1 }),
      'the Conv node of "first/se/reduce" has other attributes than the record',
    ],
    [
      'one attribute for another',
      (model) => {
        const [kernel] = nodeOf(model, 'first/se/reduce').attribute ?? [];
        if (kernel) kernel.name = 'strides';
      },
      'the Conv node of "first/se/reduce" has another "kernel_shape" than the record',
    ],
    [
      'an input',
      (model) => {
        nodeOf(model, 'first/se/squeeze').input = ['x'];
      },
      'the GlobalAveragePool node of "first/se/squeeze" reads "x" where the record has "first"',
    ],
    [
      'one input less',
      (model) => nodeOf(model, 'first/se/reduce').input?.pop(),
      'the Conv node of "first/se/reduce" has 2 inputs, not 3',
    ],
    [
      'one output more',
      (model) => nodeOf(model, 'first/se/act').output?.push('more'),
      'the Relu node of "first/se/act" has 2 outputs',
    ],
    [
      'an operator',
      (model) => {
        nodeOf(model, 'first/se/act').opType = 'Sigmoid';
      },
      'the Relu node of "first/se/act" is of type Sigmoid',
    ],
    [
      'a domain',
      (model) => {
        nodeOf(model, 'first/se/act').domain = 'mine';
      },
      'the Relu node of "first/se/act" is of type Relu',
    ],
    [
      'a body',
      (model) =>
        nodeOf(model, 'first/se/act').attribute?.push({ name: 'body', type: 5, g: { name: 'body' } }),
      'the Relu node of "first/se/act" has a body',
    ],
    [
      'a node’s output',
      (model) => {
        nodeOf(model, 'first/se/act').output = ['renamed'];
        nodeOf(model, 'first/se/expand').input = [
          'renamed',
          'first/se/expand.weight',
          'first/se/expand.bias',
        ];
      },
      'nothing gives value "first/se/act", where the record has a Relu node',
    ],
    [
      'the shape of a weight',
      (model) => {
        initializerOf(model, 'first/se/reduce.weight').dims = [8, 8];
      },
      'weight "first/se/reduce.weight" has shape [8,8], the record has [8,8,1,1]',
    ],
    [
      'the type of a weight',
      (model) => {
        initializerOf(model, 'first/se/reduce.bias').dataType = 6;
      },
      'weight "first/se/reduce.bias" is of type INT32, the record has FLOAT',
    ],
    [
      'a weight’s name',
      (model) => {
        initializerOf(model, 'first/se/reduce.weight').name = 'renamed';
        const node = nodeOf(model, 'first/se/reduce');
        node.input = ['first/se/squeeze', 'renamed', 'first/se/reduce.bias'];
      },
      'weight "first/se/reduce.weight" is missing',
    ],
    [
      'a weight into an input',
      (model) => model.graph?.input?.push({ name: 'first/se/reduce.bias' }),
      'weight "first/se/reduce.bias" is a graph input too',
    ],
    [
      'who reads a weight',
      (model) =>
        model.graph?.node?.push({ opType: 'Neg', input: ['first/se/reduce.bias'], output: ['aside'] }),
      'weight "first/se/reduce.bias" is read outside its block',
    ],
    [
      'who reads the gate',
      (model) => model.graph?.node?.push({ opType: 'Neg', input: ['first/se/gate'], output: ['aside'] }),
      'value "first/se/gate" inside the block is read from outside it',
    ],
    [
      'a graph output: the gate',
      (model) => model.graph?.output?.push({ name: 'first/se/gate' }),
      'value "first/se/gate" inside the block is read from outside it',
    ],
    [
      'a graph output: the scaled value',
      (model) => model.graph?.output?.push({ name: 'first/se/scale' }),
      'value "first/se/scale" was made a graph output since',
    ],
  ])('leaves it in place: %s', async (_what, change, finding) => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS, { blockOptions: gate });
    const tampered = remodel(bytes, change);
    const { findings, removed, exact, model } = await strip(await openBytes(tampered));
    expect(findings).toContain(`2_1: ${finding}`);
    expect(findings.filter((text) => !text.startsWith('2_1: '))).toEqual([]);
    expect(removed).toEqual(['2_2']);
    expect(exact).toBe(false);
    const nodes = model.file.graph.node.flatMap(({ output }) => output);
    expect(nodes).toContain('first/se/scale');
    expect(nodes).not.toContain('second/se/scale');
    expect(readRecords(model.file).records[0]?.sites.map(({ id }) => id)).toEqual(['2_1']);
  });

  it('leaves it in place: a constant', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const tampered = remodel(bytes, (model) => {
      initializerOf(model, 'first/se/gate.two').rawData = new Uint8Array(Float32Array.of(3).buffer);
    });
    const { findings, removed } = await strip(await openBytes(tampered));
    expect(findings).toEqual(['2_1: constant "first/se/gate.two" is not [2] as in the block']);
    expect(removed).toEqual(['2_2']);
  });

  it('throws where none is left that may go', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const tampered = remodel(bytes, (model) => {
      for (const value of ['first/se/act', 'second/se/act']) nodeOf(model, value).opType = 'Elu';
    });
    const error = await errorOf(strip(await openBytes(tampered)));
    expect(error.code).toBe('splice/cannot-strip');
    expect(error.message).toBe(
      'no block is what the record says, so none was taken out: 2_1: the Relu node of "first/se/act" is of type Elu (and 1 more)',
    );
    expect(error.details['findings']).toHaveLength(2);
  });
});

describe('strip of a file that was changed around its blocks', () => {
  it('undoes the injection and does not call it exact', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const changed = remodel(bytes, (model) => {
      model.producerName = 'another tool';
      model.graph?.node?.push({ opType: 'Neg', input: ['second/se/scale'], output: ['negated'] });
      model.graph?.output?.push({ name: 'negated' });
    });
    const stripped = await strip(await openBytes(changed));
    expect(stripped).toMatchObject({ removed: ['2_1', '2_2'], exact: false, findings: [] });
    const expected = remodel(TWO_BLOCKS, (model) => {
      model.producerName = 'another tool';
      model.graph?.node?.push({ opType: 'Neg', input: ['second'], output: ['negated'] });
      model.graph?.output?.push({ name: 'negated' });
    });
    expect(await textOf(await bytesOf(stripped))).toBe(await textOf(expected));
  });

  it('finds blocks whose nodes have lost their names and changed places', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const changed = remodel(bytes, (model) => {
      for (const node of model.graph?.node ?? []) node.name = '';
      model.graph?.node?.reverse();
      model.graph?.initializer?.reverse();
    });
    const stripped = await strip(await openBytes(changed));
    expect(stripped).toMatchObject({ removed: ['2_1', '2_2'], exact: false, findings: [] });
    const expected = remodel(TWO_BLOCKS, (model) => {
      model.graph?.node?.reverse();
      model.graph?.initializer?.reverse();
    });
    expect(await textOf(await bytesOf(stripped))).toBe(await textOf(expected));
  });
});

describe('strip by a forged record', () => {
  /** A model with an SE block of its own that is ours to the last attribute, but for the names. */
  const OWN = modelFromText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[N,8,6,6] x) => (float[N,8,6,6] y)
< float[8,8,1,1] fc1.w = {…}, float[8] fc1.b = {…}, float[8,8,1,1] fc2.w = {…}, float[8] fc2.b = {…} >
{
  branch = Neg (x)
  mean = GlobalAveragePool (branch)
  fc1 = Conv <kernel_shape: ints = [1, 1]> (mean, fc1.w, fc1.b)
  relu = Relu (fc1)
  fc2 = Conv <kernel_shape: ints = [1, 1]> (relu, fc2.w, fc2.b)
  sigmoid = Sigmoid (fc2)
  mul = Mul (branch, sigmoid)
  y = Add (mul, x)
}`);
  const NAMES: Readonly<Record<string, string>> = {
    'reduce.weight': 'fc1.w',
    'reduce.bias': 'fc1.b',
    'expand.weight': 'fc2.w',
    'expand.bias': 'fc2.b',
    squeeze: 'mean',
    reduce: 'fc1',
    act: 'relu',
    expand: 'fc2',
    gate: 'sigmoid',
    scale: 'mul',
  };

  /** The record of an injection of the same block elsewhere, with these names in it. */
  async function forge(names: Readonly<Record<string, string>>, bytes = OWN): Promise<Uint8Array> {
    const plain = modelFromText(
      'net (float[N,8,6,6] x) => (float[N,8,6,6] y) { branch = Neg (x) y = Add (branch, x) }',
    );
    const { injection } = await injectTaps(plain, [{ value: 'branch' }], { init: 'kaiming-normal' });
    const [record] = readRecords(injection.model.file).records;
    if (record === undefined) throw new Error('there is no record');
    const sites = record.sites.map((site) => ({ ...site, names: { ...site.names, ...names } }));
    const metadataProps = [{ key: 'se-inject', value: JSON.stringify([{ ...record, sites }]) }];
    return Buffer.concat([bytes, onnx.ModelProto.encode({ metadataProps }).finish()]);
  }

  it('takes none of the model’s own nodes out, whatever they look like', async () => {
    const error = await errorOf(strip(await openBytes(await forge(NAMES))));
    expect(error.code).toBe('splice/cannot-strip');
    // The names are all that tells them from a block of ours.
    expect(error.details['findings']).toEqual(
      Object.values(NAMES).map((name) => `2_1: "${name}" is no name that was given by an injection`),
    );
  });

  it('takes no node out that has the name of a tapped value', async () => {
    const { findings } = (await errorOf(strip(await openBytes(await forge({ scale: 'branch' }))))).details;
    expect(findings).toContain('2_1: the Mul node of "branch" is of type Neg');
  });

  it('names no node at all', async () => {
    const error = await errorOf(strip(await openBytes(await forge({}))));
    expect(error.message).toContain('nothing gives value "branch/se/squeeze"');
  });

  it('and no site', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const emptied = rerecord(bytes, (text) => JSON.stringify([{ ...JSON.parse(text)[0], sites: [] }]));
    const error = await errorOf(strip(await openBytes(emptied)));
    expect(error.code).toBe('splice/cannot-strip');
    expect(error.message).toContain('the record names no site');
  });

  it('cannot give a value a name that is taken', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, [{ value: 'first', readers: ['output'] }]);
    const forged = rerecord(bytes, (text) => text.replaceAll('"first/se/features"', '"nosuch"'));
    const { findings } = (await errorOf(strip(await openBytes(forged)))).details;
    expect(findings).toContain('2_1: nothing gives value "nosuch"');
  });

  it('cannot do harm by its widths', async () => {
    const { bytes } = await injectTaps(TWO_BLOCKS, TAPS);
    const forged = rerecord(bytes, (text) =>
      text.replace('"widths":{}', `"widths":{"0":${Number.MAX_SAFE_INTEGER},"1":0,"7":5}`),
    );
    const stripped = await strip(await openBytes(forged));
    expect(stripped.exact).toBe(false);
    expect(await textOf(await bytesOf(stripped))).toBe(await textOf(TWO_BLOCKS));
  });
});
