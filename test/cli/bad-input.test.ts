import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { residualNet } from '../../fixtures/strange/nets.ts';
import { writeModel } from '../../fixtures/strange/onnx-writer.ts';
import { strangeModels } from '../../fixtures/strange.ts';
import { wireWriter } from '../../fixtures/wire-writer.ts';
import { concatBytes } from '../../src/wire/bytes.ts';
import { encodeVarint } from '../../src/wire/patch.ts';
import { testFolder, unprivileged } from '../helpers/folder.ts';
import { modelBytes } from '../helpers/model.ts';
import { runCli } from '../helpers/run-cli.ts';

const folder = testFolder();
const RESIDUAL = strangeModels().find(({ name }) => name === 'plain-residual')!.bytes;

const LFS_POINTER = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
`;

/** Graphs nested over and over: each is the body of an attribute of a node of the one around it. */
function nested(depth: number): Uint8Array {
  const headers: Uint8Array[] = [];
  let size = 0;
  const wrap = (tag: number): void => {
    const header = Uint8Array.from([tag, ...encodeVarint(size)]);
    headers.push(header);
    size += header.length;
  };
  for (let level = 0; level < depth; level += 1) {
    // AttributeProto.g, NodeProto.attribute, GraphProto.node
    for (const tag of [0x32, 0x2a, 0x0a]) wrap(tag);
  }
  wrap(0x3a);
  return concatBytes(headers.reverse());
}

/** Makes a bad input in the test's folder and gives its path. */
type Bad = () => string;

const GRAPH = { inputs: { x: ['N', 4] }, outputs: { y: ['N', 4] } } as const;

const CASES: readonly (readonly [what: string, make: Bad, code: string, message: RegExp])[] = [
  [
    'nothing',
    () => folder.at('none.onnx'),
    'node/not-found',
    /cannot read ".*none\.onnx": there is no such file/,
  ],
  ['a folder', () => folder.at('.'), 'node/not-a-file', /is a folder, no regular file/],
  [
    'a FIFO',
    () => {
      execFileSync('mkfifo', [folder.at('fifo')]);
      return folder.at('fifo');
    },
    'node/not-a-file',
    /is a FIFO, no regular file/,
  ],
  ['a device', () => '/dev/zero', 'node/not-a-file', /is a device, no regular file/],
  ['a link to nothing', () => linkTo('nowhere'), 'node/not-found', /there is no such file/],
  ['a link in a circle', () => linkTo('link.onnx'), 'node/not-found', /its links lead in a circle/],
  ['an empty file', () => folder.write('x.onnx', ''), 'onnx/empty-file', /x\.onnx: the file is empty/],
  ['a text file', () => folder.write('x.onnx', '# a list\n- of things\n'), 'onnx/foreign-format', /is text/],
  ['a Git-LFS pointer', () => folder.write('x.onnx', LFS_POINTER), 'onnx/foreign-format', /"git lfs pull"/],
  ['a zip', () => folder.write('x.onnx', 'PK\u0003\u0004zip'), 'onnx/foreign-format', /is a zip archive/],
  [
    'a file that is cut short',
    () => {
      const path = folder.write('x.onnx', RESIDUAL);
      truncateSync(path, RESIDUAL.length / 2);
      return path;
    },
    'wire/length-past-end',
    /at byte \d+, in model/,
  ],
  [
    'bottomless nesting',
    () => folder.write('x.onnx', nested(10_000)),
    'wire/too-deep',
    /messages nest over 100 deep at byte \d+/,
  ],
  [
    'a cycle',
    () =>
      folder.write(
        'x.onnx',
        modelBytes({
          ...GRAPH,
          nodes: [
            ['Add', 'x b', 'a'],
            ['Relu', 'a', 'b'],
            ['Relu', 'b', 'y'],
          ],
        }),
      ),
    'graph/cycle',
    /the graph has a cycle through the Add node/,
  ],
  [
    'a name that is defined twice',
    () =>
      folder.write(
        'x.onnx',
        modelBytes({
          ...GRAPH,
          nodes: [
            ['Relu', 'x', 'y'],
            ['Tanh', 'x', 'y'],
          ],
        }),
      ),
    'graph/duplicate-name',
    /value "y" is defined twice/,
  ],
  [
    'a value that nothing gives',
    () => folder.write('x.onnx', modelBytes({ ...GRAPH, nodes: [['Add', 'x none', 'y']] })),
    'graph/dangling-input',
    /reads value "none", which nothing defines/,
  ],
  [
    'weights of another shape than they have numbers for',
    () =>
      folder.write(
        'x.onnx',
        modelBytes({
          ...GRAPH,
          nodes: [['Relu', 'x', 'y']],
          weights: { w: { floats: [1, 2], dims: [64, 64] } },
        }),
      ),
    'onnx/tensor-data-size',
    /tensor "w" has 8 bytes of floatData for 4096 elements of FLOAT/,
  ],
  ['missing external data', () => external('w.bin'), 'onnx/external-data-missing', /"w\.bin" are missing/],
  ['external data above', () => external('../w.bin'), 'onnx/external-data-path', /has "\.\." in it/],
  [
    'external data by an absolute path',
    () => external('/etc/passwd'),
    'onnx/external-data-path',
    /is absolute/,
  ],
  [
    'external data through a link',
    () => {
      symlinkSync('/etc/passwd', folder.at('w.bin'));
      return external('w.bin');
    },
    'onnx/external-data-path',
    /is a link that leaves the model's folder/,
  ],
  [
    'external data past the end',
    () => {
      folder.write('w.bin', new Uint8Array(4));
      return external('w.bin');
    },
    'onnx/external-data-range',
    /no bytes 0 to 9216 of "w\.bin"/,
  ],
];

function linkTo(target: string): string {
  symlinkSync(target, folder.at('link.onnx'));
  return folder.at('link.onnx');
}

/** A residual network with the weights of a convolution (2304 of them) in a data file. */
function external(location: string): string {
  const { model } = residualNet({
    weights: (tensor) => {
      const isOutside = tensor.name === 'conv1.weight';
      return {
        nodes: [],
        initializers: [isOutside ? { ...tensor, home: { file: location, offset: 0 } } : tensor],
      };
    },
  });
  return folder.write('x.onnx', writeModel(wireWriter(), model));
}

describe('bad input', () => {
  it.each(CASES)(
    '%s: says what and where, exits with 2 and writes nothing',
    async (_what, make, code, message) => {
      const path = make();
      mkdirSync(folder.at('out'));
      const before = folder.list();
      const run = await runCli([path, '-o', folder.at('out', 'o.onnx')]);
      expect(run.err).toMatch(message);
      expect(run.err).toMatch(new RegExp(`^se-inject: [^\n]* \\[${code}\\]\n$`));
      expect(run).toMatchObject({ exitCode: 2, out: '' });
      expect(folder.list()).toEqual(before);
    },
  );

  it('from stdin: says so', async () => {
    const run = await runCli(['-', '-o', folder.at('o.onnx')], {
      stdin: new TextEncoder().encode('some text'),
    });
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(/^se-inject: stdin: the file is text, no ONNX model/);
    expect(folder.list()).toEqual([]);
  });

  it('with external data from stdin: asks for the path', async () => {
    const path = external('w.bin');
    const run = await runCli(['-', '-o', folder.at('o.onnx')], { stdin: folder.read('x.onnx') });
    expect(run.exitCode).toBe(2);
    expect(run.err).toContain('[onnx/external-data-unavailable]');
    expect(path).toBe(folder.at('x.onnx'));
  });

  it('is still looked at by "sites" where only its weights are missing', async () => {
    const run = await runCli(['sites', external('w.bin')]);
    expect(run.exitCode).toBe(0);
    expect(run.err).toBe(
      'warning: the model\'s weights in "w.bin" are missing: put that file beside the model\n',
    );
    expect(run.out).toContain('1 SE block would be injected');
  });

  it('shows where an unexpected error comes from, since that is a fault of the tool', async () => {
    const run = await runCli(['-'], { stdin: Readable.from([5]) });
    expect(run.exitCode).toBe(2);
    expect(run.err).toMatch(/^se-inject: stdin: unexpected error, a fault of the tool\nTypeError.*\n +at /);
  });
});

describe('a bad output', () => {
  const cases: readonly (readonly [what: string, make: () => string, code: string])[] = [
    ['a folder', () => folder.at('.'), 'node/not-a-file'],
    ['a device', () => '/dev/null', 'node/not-a-file'],
    ['in a folder that is missing', () => folder.at('none', 'o.onnx'), 'node/not-found'],
    ['in a file', () => folder.at('x.onnx', 'o.onnx'), 'node/not-found'],
    ['a link to nothing', () => linkTo('nowhere'), 'node/output-exists'],
    ['under a name that is too long', () => folder.at(`${'x'.repeat(300)}.onnx`), 'node/io'],
  ];

  it.each(cases)('%s: exits with 2 and writes nothing', async (_what, make, code) => {
    const path = folder.write('x.onnx', RESIDUAL);
    const output = make();
    const before = folder.list();
    const run = await runCli([path, '-o', output, '--force']);
    expect(run.err).toMatch(new RegExp(`^se-inject: [^\n]* \\[${code}\\]\n$`));
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(folder.list()).toEqual(before);
  });

  it('in a folder that may not be written to: exits with 2 and writes nothing', async () => {
    const path = folder.write('x.onnx', RESIDUAL);
    mkdirSync(folder.at('locked'));
    chmodSync(folder.at('.'), 0o755);
    chmodSync(folder.at('locked'), 0o555);
    const before = folder.list();
    const run = await unprivileged(() => runCli([path, '-o', folder.at('locked', 'o.onnx')]));
    expect(run).toMatchObject({ exitCode: 2, out: '' });
    expect(run.err).toMatch(/permission denied: .* \[node\/io\]\n$/);
    expect(folder.list()).toEqual(before);
  });
});
