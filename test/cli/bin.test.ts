import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagedModels } from '../helpers/corpus.ts';
import { testFolder } from '../helpers/folder.ts';
import { hasPart } from '../helpers/parts.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'bin', 'se-inject.js');
const folder = testFolder();

interface Ran {
  readonly exitCode: number | null;
  readonly out: Buffer;
  readonly err: string;
}

/** Runs the command as a shell would: `script` is bash, with the command as "$@" in front of its arguments. */
function bash(script: string, stdin?: Buffer): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', script, 'bash', process.execPath, BIN], { cwd: folder.at('.') });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, out: Buffer.concat(out), err }));
    child.stdin.end(stdin);
  });
}

const built = hasPart('dist', existsSync(join(ROOT, 'dist', 'bundle', 'main.js')), 'npm run build');
const model = packagedModels().find(({ name }) => name.includes('face_detection_back'))?.path ?? '';

describe.skipIf(!built)('the command itself', () => {
  it('injects into a real network, and takes the blocks out again', async () => {
    const run = await bash(
      `"$@" '${model}' -o out.onnx && "$@" strip out.onnx -o back.onnx && cmp back.onnx '${model}'`,
    );
    expect(run.err).toBe('');
    expect(run.exitCode).toBe(0);
    expect(run.out.toString()).toMatch(/→ out\.onnx \(.*\), \d+ SE blocks in/);
    expect(readdirSync(folder.at('.'))).toEqual(['back.onnx', 'out.onnx']);
  });

  it('works as a filter, and gives the same bytes', async () => {
    const run = await bash(`cat '${model}' | "$@" - | "$@" strip - | cmp - '${model}'`);
    expect(run.exitCode).toBe(0);
  });

  it('exits with 2 on bad usage and on bad input', async () => {
    expect(await bash('"$@" --nothing')).toMatchObject({ exitCode: 2 });
    expect(await bash('"$@" none.onnx')).toMatchObject({ exitCode: 2 });
  });

  it('does not mind that nobody reads on', async () => {
    const run = await bash('set -o pipefail; "$@" --help | head -n 1');
    expect(run).toMatchObject({ exitCode: 0, err: '' });
  });

  it('says that the reader of a model has gone', async () => {
    const run = await bash(`set -o pipefail; "$@" '${model}' -o - --quiet | head -c 10 > /dev/null`);
    expect(run.exitCode).toBe(2);
    expect(run.err).toBe('se-inject: cannot write to "stdout": the reader has gone [node/io]\n');
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full', async () => {
    for (const argv of ['-o - --quiet', '--dry-run --json', '--dry-run']) {
      const run = await bash(`"$@" '${model}' ${argv} > /dev/full`);
      expect(run.exitCode).toBe(2);
      expect(run.err).toMatch(/^se-inject: cannot write to "stdout": the disk is full: [^\n]*\n$/);
    }
  });

  it('leaves nothing behind where a file may not grow that large', async () => {
    const run = await bash(`ulimit -f 100; "$@" '${model}' -o out.onnx`);
    expect(run.exitCode).toBe(2);
    expect(run.err).toMatch(
      /^se-inject: cannot write "out\.onnx": the file would be larger than the system allows/,
    );
    expect(readdirSync(folder.at('.'))).toEqual([]);
  });

  it('does not wait for a FIFO that nobody writes to', async () => {
    const run = await bash('mkfifo fifo; "$@" fifo');
    expect(run.exitCode).toBe(2);
    expect(run.err).toMatch(/is a FIFO/);
  });

  it('reads a model from a file that is its stdin', async () => {
    const run = await bash(
      `"$@" - -o out.onnx --quiet < '${model}' && "$@" '${model}' -o two.onnx --quiet && cmp out.onnx two.onnx`,
    );
    expect(run).toMatchObject({ exitCode: 0, err: '' });
  });
});
