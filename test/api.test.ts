import { describe, expect, it } from 'vitest';

/** What the package's entry points give at run time. A name more or less is a decision: `npx vitest run test/api.test.ts -u`. */
describe('the public names', () => {
  it.each(['../src/index.ts', '../src/node/index.ts', '../src/web/index.ts'])(
    'of %s are these',
    async (path) => {
      const names = Object.keys((await import(path)) as object).sort();
      expect(names.length).toBeGreaterThan(0);
      expect(names).toMatchSnapshot();
    },
  );
});
