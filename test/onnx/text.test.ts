import { describe, expect, it } from 'vitest';
import { scanModel } from '../../src/onnx/scan.ts';
import { formatModel } from '../../src/onnx/text.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { modelBytes } from '../helpers/model.ts';
import { modelFromText } from '../helpers/model-text.ts';
import { strangeModel } from '../helpers/strange-model.ts';

async function textOf(bytes: Uint8Array, numbers?: number): Promise<string> {
  const model = await scanModel(memorySource(bytes));
  return formatModel(model, numbers === undefined ? {} : { numbers });
}

/** One of everything that the reader of tests can read back. */
const TEXT = `<
  ir_version: 7,
  opset_import: ["" : 13],
  producer_name: "strange"
>
net (float[N,3,8,8] image, bool flag) => (float[N,8,8,8] y, float16[1,?] z)
<
  float[8,3,1,1] weight = {…},
  float[2] small = {0.1, -2},
  int64 scalar = {-7},
  float[N,8,8,8] x
>
{
  [conv] x = Conv <kernel_shape: ints = [1, 1], group: int = 1> (image, weight, "")
  "odd name" = my.domain.Op <alpha: float = 0.16666667> (x)
  y = If <
    then_branch: graph = one () => (float[N,8,8,8] a)
    {
      a = Identity (x)
    },
    else_branch: graph = two () => (float[N,8,8,8] b)
    {
      b = Neg ("odd name")
    }
  > (flag)
  z = Constant <value: tensor = float16[1,2] {0.5, 1}> ()
}
`;

describe('formatModel', () => {
  it('gives the text that it was made from', async () => {
    expect(await textOf(modelFromText(TEXT))).toBe(TEXT);
  });

  it('is the same for files that differ in how they are written', async () => {
    const plain = await textOf(strangeModel('plain-residual'));
    expect(await textOf(strangeModel('padded-lengths'))).toBe(plain);
    expect(await textOf(strangeModel('split-graph'))).toBe(plain);
    expect(await textOf(strangeModel('plain-inverted'))).not.toBe(plain);
  });

  it('keeps the order of the file', async () => {
    const names = [...(await textOf(strangeModel('unsorted'))).matchAll(/^ {2}(?:\[.*\] )?(\S+) = /gm)];
    expect(names.map(([, name]) => name)).toEqual([
      'scores',
      'pooled',
      'relu2.out',
      'sum',
      'branch',
      'relu1.out',
      'conv1.out',
      'stem',
      'conv0.out',
    ]);
  });

  it('shows functions, overloads and metadata', async () => {
    const text = await textOf(strangeModel('modern-fields'));
    expect(text).toContain('  metadata_props: ["pkg.torch.onnx.class" : "torch.nn.Conv2d"]\n');
    expect(text).toContain(
      '  domain: "strange.functions",\n  overload: "first",\n  opset_import: ["" : 13]\n',
    );
    expect(text).toContain('Activate (x) => (y)\n{\n  y = Elu:inner-overload (x)\n}\n');
  });

  it('shows where external weights lie', async () => {
    expect(await textOf(strangeModel('external-two-files'))).toContain(
      '  float[16] conv1.bias = ["location" : "biases.bin", "offset" : "64", "length" : "64"],\n',
    );
  });

  it('shows as many numbers as it is asked to', async () => {
    const bytes = modelBytes({
      nodes: [['Reshape', 'x shape', 'y', { axes: [1, 2, 3, 4] }]],
      weights: { shape: { ints: [4, 5, 6] } },
    });
    expect(await textOf(bytes)).toContain('int64[3] shape = {4, 5, 6}');
    expect(await textOf(bytes, 3)).toContain('ints = [1, 2, 3, …]');
    expect(await textOf(bytes, 2)).toContain('int64[3] shape = {…}');
  });

  it('shows attributes of all kinds', async () => {
    const attributes = {
      s: 'a "b" \\',
      fs: { floats: [0.5, 1e-7] },
      t: { tensor: { floats: [1, 0.1], dims: [2] } },
    };
    const text = await textOf(modelBytes({ nodes: [['Op', 'a _', 'b', attributes]] }));
    expect(text).toContain(
      '  b = Op <s: string = "a \\"b\\" \\\\", fs: floats = [0.5, 1e-7], t: tensor = float[2] {1, 0.1}> (a, "")\n',
    );
  });

  it('shows types whose rank is open, and those of scalars', async () => {
    const text = await textOf(
      modelBytes({ nodes: [], inputs: { open: { type: 1 }, scalar: [], any: [undefined, 'N'] } }),
    );
    expect(text).toContain('g (float[] open, float scalar, float[?,N] any) => ()');
  });

  it('escapes what would steer a terminal, and puts what it changed in quotes', async () => {
    const text = await textOf(modelBytes({ nodes: [['Op', 'a\u001b[2J', 'b=c']] }));
    expect(text).toContain('  "b=c" = Op ("a\\u001b[2J")\n');
    expect(await textOf(strangeModel('names-not-utf8'))).toContain('"caf\ufffd.out" = Relu');
  });

  it('shows damaged tensors without their numbers', async () => {
    const bytes = modelBytes({ nodes: [], weights: { w: { floats: [1, 2, 3], dims: [2] } } });
    expect(await textOf(bytes)).toContain('float[2] w = {…}');
  });
});
