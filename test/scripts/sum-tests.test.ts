import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'sum-tests.mjs');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'se-inject-sum-tests-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What a report says: for each file, its status and those of its tests by name. */
interface Report {
  readonly files: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>>;
}

function sum(...reports: Report[]): [number | null, string] {
  const paths = reports.map(({ files }, index) => {
    const testResults = Object.entries(files).map(([name, [status, tests]]) => ({
      name: join(process.cwd(), name),
      status,
      assertionResults: Object.entries(tests).map(([fullName, result]) => ({ fullName, status: result })),
    }));
    const path = join(folder, `${index}.json`);
    writeFileSync(path, JSON.stringify({ testResults }));
    return path;
  });
  return run(paths);
}

function run(paths: string[]): [number | null, string] {
  const { status, stdout } = spawnSync(process.execPath, [SCRIPT, ...paths], { encoding: 'utf8' });
  return [status, stdout];
}

describe('sum-tests', () => {
  it('counts a test once, however many reports have it', () => {
    const a: Report = {
      files: { 'a.test.ts': ['passed', { one: 'passed', two: 'skipped' }] },
    };
    const b: Report = {
      files: { 'b.test.ts': ['passed', { one: 'passed', three: 'todo' }] },
    };
    expect(sum(a, { files: { ...a.files, ...b.files } })).toEqual([
      0,
      'skipped: a.test.ts > two\nskipped: b.test.ts > three\n2 passed, 0 failed, 2 skipped\n',
    ]);
  });

  it.each([
    ['passed', 'failed'],
    ['failed', 'passed'],
    ['failed', 'skipped'],
  ])('counts a test that once %s and once %s as failed', (first, second) => {
    const report = (status: string): Report => ({
      files: { 'a.test.ts': [status, { one: status }] },
    });
    expect(sum(report(first), report(second))).toEqual([
      1,
      'failed: a.test.ts > one\n0 passed, 1 failed, 0 skipped\n',
    ]);
  });

  it('counts a test that was skipped in one report and passed in the other as passed', () => {
    const report = (status: string): Report => ({
      files: { 'a.test.ts': ['passed', { one: status }] },
    });
    expect(sum(report('skipped'), report('passed'))).toEqual([0, '1 passed, 0 failed, 0 skipped\n']);
    expect(sum(report('passed'), report('skipped'))).toEqual([0, '1 passed, 0 failed, 0 skipped\n']);
  });

  it('counts a file that failed before its tests as one failure', () => {
    expect(sum({ files: { 'a.test.ts': ['failed', {}] } })).toEqual([
      1,
      'failed: a.test.ts\n0 passed, 1 failed, 0 skipped\n',
    ]);
  });

  it('fails on a report that is missing and where no test ran', () => {
    const [status, text] = run([join(folder, 'missing.json')]);
    expect(status).toBe(1);
    expect(text).toMatch(/\n0 passed, 1 failed, 0 skipped\n$/);
    expect(sum({ files: {} })).toEqual([1, '0 passed, 0 failed, 0 skipped\n']);
  });
});
