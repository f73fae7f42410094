/** The collection of gates as a job in a process of its own: {@link collectGatesFromFile} starts it. */
import { dirname, resolve } from 'node:path';
import { type CollectOptions, collectGates, type GatesReport, openGates } from '../evaluate/index.ts';
import { openModel, strip } from '../splice/index.ts';
import { patchedBytes } from '../wire/patch.ts';
import { answeringParent } from './data-job.ts';
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

/** Opens model and data and collects the gates. */
export async function run(job: GatesJob, context: JobContext): Promise<GatesReport> {
  const answers = answeringParent(context);
  const file = await openFile(job.model);
  try {
    const model = await openModel(file);
    const { patch, sites, findings } = openGates(model);
    const externalData = { folder: dirname(resolve(job.model)) };
    const source = { bytes: await patchedBytes(patch), externalData };
    const { dataset, resize } = await openData(job.data, job.dataOptions);
    const opened = { path: job.model, source, sites, findings };
    const options = { ...job.options, resize, ...answers };
    const report = await collectGates(await openOnnxRuntime(), opened, dataset, options);
    if (report.proposal === null) return report;
    const stripped = await strip(model, { sites: report.proposal.sites });
    return { ...report, proposal: { ...report.proposal, bytes: file.size - stripped.patch.size } };
  } finally {
    await file.close();
  }
}
