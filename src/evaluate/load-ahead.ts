import { type FaultLog, faultOf } from './faults.ts';
import { type Dataset, type Geometry, isFault, type Sample, type SampleContent } from './sample.ts';

/** A sample with what was read of it. */
export interface LoadedSample {
  readonly sample: Sample;
  readonly content: SampleContent;
}

/** How samples are read. */
export interface LoadOptions {
  readonly geometry: Geometry;
  /** How many are under way at once: decoders work on them in threads of their own while a model runs. */
  readonly ahead: number;
  /** Samples after which to stop; those with faults do not count. */
  readonly limit: number;
  readonly faults: FaultLog;
  /** Tells why a sample cannot be used before it is read; nothing where it can. */
  readonly refuse: (sample: Sample) => Parameters<FaultLog['add']>[0] | undefined;
}

/**
 * Reads the samples of a dataset in order, with several under way, so that decoding goes on while a model runs.
 *
 * Faults go to the log, which throws them where none is allowed.
 */
export async function* loadAhead(dataset: Dataset, options: LoadOptions): AsyncGenerator<LoadedSample> {
  const { geometry, ahead, limit, faults, refuse } = options;
  const queue: Promise<LoadedSample | Error>[] = [];
  const items = dataset.walk()[Symbol.asyncIterator]();
  let [done, given] = [false, 0];
  try {
    while (given < limit) {
      while (!done && queue.length < ahead && given + queue.length < limit) {
        const item = await items.next();
        if (item.done === true) done = true;
        else if (isFault(item.value)) faults.add(item.value);
        else {
          const refusal = refuse(item.value);
          if (refusal === undefined) queue.push(load(item.value, geometry));
          else faults.add(refusal);
        }
      }
      const next = await queue.shift();
      if (next === undefined) return;
      if (next instanceof Error) {
        const fault = faultOf(next);
        if (fault === undefined) throw next;
        faults.add(fault);
        continue;
      }
      given += 1;
      yield next;
    }
  } finally {
    await items.return?.();
    await Promise.allSettled(queue);
  }
}

/** Never rejects: what is not awaited yet must not end the process. */
async function load(sample: Sample, geometry: Geometry): Promise<LoadedSample | Error> {
  try {
    return { sample, content: await sample.load(geometry) };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
