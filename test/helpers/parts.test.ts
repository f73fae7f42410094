import { afterEach, describe, expect, it, vi } from 'vitest';
import { hasPart } from './parts.ts';

describe('hasPart', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('says what is there and what is not', () => {
    vi.stubEnv('SE_INJECT_REQUIRE', undefined);
    expect(hasPart('chromium', true, 'install it')).toBe(true);
    expect(hasPart('chromium', false, 'install it')).toBe(false);
  });

  it('fails where every part is required and one is missing', () => {
    vi.stubEnv('SE_INJECT_REQUIRE', '1');
    expect(hasPart('chromium', true, 'install it')).toBe(true);
    expect(() => hasPart('chromium', false, 'install it')).toThrow(
      '"chromium" is missing and SE_INJECT_REQUIRE is 1: install it',
    );
  });
});
