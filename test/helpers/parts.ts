import process from 'node:process';

/**
 * Tells whether a part that a test needs from outside the package (a browser, a file of another package, a runtime) is
 * here, so that the test can be skipped without it.
 *
 * Where SE_INJECT_REQUIRE is 1, as in .ci/run, which installs the parts first, a missing part is an error instead: a
 * test that is skipped proves nothing. Parts that no installation can bring, such as a GPU, do not go through here.
 *
 * @example
 * ```ts
 * describe.skipIf(!hasPart('chromium', existsSync(path), 'apt-get install chromium'))('the page', () => {});
 * ```
 */
export function hasPart(name: string, present: boolean, remedy: string): boolean {
  if (!present && process.env['SE_INJECT_REQUIRE'] === '1') {
    throw new Error(`"${name}" is missing and SE_INJECT_REQUIRE is 1: ${remedy}`);
  }
  return present;
}
