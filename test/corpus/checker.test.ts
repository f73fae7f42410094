import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MANIFEST } from '../../fixtures/manifest.ts';
import { rewrite } from '../../src/splice/index.ts';
import { memorySource } from '../../src/wire/byte-source.ts';
import { patchedBytes } from '../../src/wire/patch.ts';
import { localModels, packagedModels } from '../helpers/corpus.ts';
import { hasPart } from '../helpers/parts.ts';

/** Debian's Python has the ONNX project's own checker, a judge that knows nothing of this tool. */
const PYTHON = '/usr/bin/python3';

/** Says of each file that it is given whether the checker takes it: its name, and what is wrong, or nothing. */
const CHECK = `
import json, sys, onnx
for line in sys.stdin:
    path = line.strip()
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, strict_mode=False)
        print(json.dumps([path, None]))
    except Exception as error:
        print(json.dumps([path, str(error)[:300]]))
`;

const version = spawnSync(PYTHON, ['-c', 'import onnx; print(onnx.__version__)'], { encoding: 'utf8' });
const hasChecker = hasPart('python3-onnx', version.status === 0, 'apt-get install python3-onnx');
if (!hasChecker) console.warn('no checker: apt-get install python3-onnx');

/** What the checker says of each file. */
function judge(paths: readonly string[]): ReadonlyMap<string, string | null> {
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', CHECK], { input: paths.join('\n'), encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (lines.length !== paths.length) throw new Error(`the checker gave up: ${stderr}`);
  return new Map(lines.map((line) => JSON.parse(line) as [string, string | null]));
}

describe.skipIf(!hasChecker)("the ONNX project's checker", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'se-inject-checker-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes every rewritten model whose original it takes', async () => {
    const pairs: { readonly before: string; readonly after: string }[] = [];
    const add = async (name: string, bytes: Uint8Array): Promise<void> => {
      const { patch, plan } = await rewrite(memorySource(bytes));
      if (plan.sites.length === 0) return;
      const before = join(folder, `${pairs.length}-${name}.onnx`);
      const after = join(folder, `${pairs.length}-${name}.se.onnx`);
      writeFileSync(before, bytes);
      writeFileSync(after, await patchedBytes(patch));
      pairs.push({ before, after });
    };
    for (const { path } of [...packagedModels(), ...localModels()])
      await add(basename(path, '.onnx'), readFileSync(path));
    for (const row of MANIFEST) await add(row.id.replaceAll('/', '-'), row.build().model);
    const said = judge(pairs.flatMap(({ before, after }) => [before, after]));
    const judged = pairs.filter(({ before }) => said.get(before) === null);
    // It knows opsets up to 17: models that are newer are no evidence, and must not be all there is.
    expect(judged.length).toBeGreaterThan(100);
    const refused = judged.flatMap(({ after }) =>
      said.get(after) === null ? [] : [[basename(after), said.get(after)]],
    );
    expect(refused).toEqual([]);
  });

  it('notices a file that is cut in half', () => {
    const [row] = MANIFEST;
    const bytes = row?.build().model ?? new Uint8Array(0);
    const broken = bytes.slice(0, Math.floor(bytes.length / 2));
    writeFileSync(join(folder, 'broken.onnx'), broken);
    expect(judge([join(folder, 'broken.onnx')]).get(join(folder, 'broken.onnx'))).not.toBe(null);
  });
});
