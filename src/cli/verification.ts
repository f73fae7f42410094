import type { VerifyReport } from '../verify/types.ts';
import type { VerifyMode } from './inject-options.ts';

/** What is known of a written model besides that it was scanned and linted: it was not run, and that is said. */
export function verifyOutput(mode: VerifyMode): VerifyReport | null {
  if (mode === 'off') return null;
  const detail = 'the result was read back and linted; it was not run';
  return {
    verdict: 'unchecked',
    detail,
    inputs: null,
    edit: { ok: false, findings: [{ level: 'unchecked', code: 'not-run', message: detail }] },
    providers: [],
  };
}
