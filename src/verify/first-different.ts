import { writerOf } from '../graph/view.ts';
import type { BlockRuns } from './block-runs.ts';
import { sameBits } from './oracle.ts';
import type { ModelPair, OpenSession } from './request.ts';
import type { RewrittenRun } from './rewritten.ts';
import { runOnce } from './sessions.ts';
import { tappedModel } from './taps.ts';
import type { ProviderReport } from './types.ts';

/**
 * Finds where a neutral model starts to differ: the first tapped value, in the order of the graph, whose bits are not
 * those that the original has there on the same inputs. Gives nothing where all are.
 */
export async function firstDifferent(
  open: OpenSession,
  pair: ModelPair,
  run: RewrittenRun,
): Promise<ProviderReport['firstDifferent']> {
  const placeOf = ({ tap }: BlockRuns): number => writerOf(pair.before.view, tap.recorded.value);
  const inOrder = [...run.runs].sort((a, b) => placeOf(a) - placeOf(b));
  const source = await tappedModel(
    pair.before,
    inOrder.map(({ tap }) => tap.recorded.value),
    { externalData: pair.externalData, file: pair.files?.before },
  );
  const session = await open(source, 'disabled');
  const original = await runOnce(session, run.feeds);
  for (const { tap, file: rewritten } of inOrder) {
    const before = original.get(tap.recorded.value);
    const after = rewritten.get(tap.tapped);
    if (before !== undefined && after !== undefined && sameBits(before, after, false)) continue;
    return { site: tap.recorded.id, value: tap.recorded.value };
  }
  return null;
}
