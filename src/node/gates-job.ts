/** The collection of gates as a job in a process of its own: {@link collectGatesFromFile} starts it. */
import { dirname, resolve } from 'node:path';
import { type CollectOptions, collectGates, type GatesReport, openGates } from '../evaluate/index.ts';
import { openModel, strip } from '../splice/index.ts';
import { patchedBytes } from '../wire/patch.ts';
import { type DataOptions, openData } from './eval-data.ts';
import { openFile } from './file-source.ts';
import type { JobContext } from './isolate.ts';
import { openOnnxRuntime } from './onnxruntime.ts';

/** What the child is asked. */
export interface GatesJob {
  readonly model: string;
  readonly data: string;
  readonly dataOptions: DataOptions;
  readonly options: Omit<CollectOptions, 'resize' | 'beforeRun' | 'shouldStop' | 'onProgress'>;
}

/** Milliseconds between messages on how far it has come. */
const PROGRESS_INTERVAL = 200;

/** Opens model and data and collects the gates. */
export async function run(job: GatesJob, { progress, stop }: JobContext): Promise<GatesReport> {
  process.on('SIGINT', () => {});
  const file = await openFile(job.model);
  try {
    const model = await openModel(file);
    const { patch, sites, findings } = openGates(model);
    const externalData = { folder: dirname(resolve(job.model)) };
    const source = { bytes: await patchedBytes(patch), externalData };
    const { dataset, resize } = await openData(job.data, job.dataOptions);
    let last = 0;
    const report = await collectGates(
      await openOnnxRuntime(),
      { path: job.model, source, sites, findings },
      dataset,
      {
        ...job.options,
        resize,
        // onnxruntime blocks the event loop. A turn of it before each run starts what can be decoded meanwhile, and
        // hears whether a stop was asked for.
        beforeRun: () => new Promise((turn) => setImmediate(turn)),
        shouldStop: () => stop.aborted,
        async onProgress(value) {
          const now = performance.now();
          if (now - last > PROGRESS_INTERVAL) {
            last = now;
            await progress(value);
          }
        },
      },
    );
    if (report.proposal === null) return report;
    const stripped = await strip(model, { sites: report.proposal.sites });
    return { ...report, proposal: { ...report.proposal, bytes: file.size - stripped.patch.size } };
  } finally {
    await file.close();
  }
}
