// Adds up reports of vitest's JSON reporter and prints `N passed, N failed, N skipped` as the last line.
//
// usage: node scripts/sum-tests.mjs REPORT.json...
//
// A test that is in several reports counts once, and as failed if it failed in one. A file that failed before its
// tests ran (it does not compile, a hook threw) counts as one failed test, and so does a report that is missing. What
// fails outside every test (a rejection that nobody awaited) is in no report: vitest's exit code tells it.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';

/**
 * @typedef {{ fullName: string, status: string }} Assertion
 * @typedef {{ name: string, status: string, message?: string, assertionResults: Assertion[] }} TestFile
 * @typedef {{ testResults: TestFile[] }} Report
 */

/** @type {Map<string, 'passed' | 'failed' | 'skipped'>} */
const tests = new Map();

/** @param {string} name @param {string} status */
function add(name, status) {
  const known = status === 'passed' || status === 'failed' ? status : 'skipped';
  const before = tests.get(name);
  if (before === undefined || known === 'failed' || before === 'skipped') tests.set(name, known);
}

for (const path of process.argv.slice(2)) {
  /** @type {Report} */
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    process.stderr.write(`cannot read the test report "${path}": ${error}\n`);
    add(`report ${path}`, 'failed');
    continue;
  }
  for (const file of report.testResults) {
    const name = relative(process.cwd(), file.name);
    for (const { fullName, status } of file.assertionResults) add(`${name} > ${fullName}`, status);
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      add(name, 'failed');
    }
  }
}

for (const [name, status] of tests) {
  if (status !== 'passed') process.stdout.write(`${status}: ${name}\n`);
}
/** @param {string} wanted */
const count = (wanted) => [...tests.values()].filter((status) => status === wanted).length;
process.exitCode = tests.size === 0 || count('failed') > 0 ? 1 : 0;
process.stdout.write(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped\n`);
