import { isSeInjectError } from '../errors.ts';
import type { OpenModel } from './model.ts';
import { readRecords } from './record.ts';
import { type StripOptions, type Stripped, strip } from './strip.ts';

/** The result of taking all injections out. */
export interface StrippedAll extends Omit<Stripped, 'record'> {
  /** The injections that were undone, in the order in which that was done: the last one first. */
  readonly undone: readonly Stripped[];
}

/**
 * Takes the blocks of all injections out again, the last injection first.
 *
 * Stops where blocks were changed since: they stay, as does what was injected before them, and `findings` say so. Throws
 * what `strip` throws for the last injection.
 *
 * @example
 * ```ts
 * const { patch, undone } = await stripAll(await openModel(source));
 * undone.length; // → 2
 * ```
 */
export async function stripAll(
  model: OpenModel,
  options: Pick<StripOptions, 'blocks'> = {},
): Promise<StrippedAll> {
  let last = await strip(model, options);
  const undone = [last];
  const findings = [...last.findings];
  while (findings.length === 0 && readRecords(last.model.file).records.length > 0) {
    try {
      last = await strip(last.model, options);
      undone.push(last);
      findings.push(...last.findings);
    } catch (error) {
      if (!isSeInjectError(error)) throw error;
      findings.push(error.message);
    }
  }
  const { patch, exact, model: stripped } = last;
  return {
    undone,
    patch,
    exact,
    model: stripped,
    removed: undone.flatMap(({ removed }) => removed),
    findings,
  };
}
