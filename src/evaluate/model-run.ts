import { isSeInjectError, SeInjectError } from '../errors.ts';
import { letGo, type ModelSource, type Runtime, type Session } from '../verify/index.ts';
import type { Accuracy } from './accuracy.ts';
import type { Batch } from './batches.ts';
import { type ModelInput, modelInput } from './model-input.ts';
import { chooseOutput } from './model-output.ts';
import { type NumberTensor, tensorOf } from './numbers.ts';
import type { ModelEvaluation, SpeedReport } from './types.ts';

/** A model to evaluate. */
export interface EvaluatedModel {
  /** For people. */
  readonly path: string;
  readonly source: ModelSource;
}

/** A model that is loaded, with what was measured of it. */
export class ModelRun {
  readonly path: string;
  readonly input: ModelInput;
  readonly output: string;
  /** Made when the number of classes is known. */
  accuracy: Accuracy | undefined;
  readonly #session: Session;
  readonly #provider: string;
  #runs = 0;
  #timedRuns = 0;
  #timedSamples = 0;
  #timedMs = 0;
  #firstMs = 0;
  readonly #times = new Times();
  #batch = 0;

  private constructor(path: string, session: Session, provider: string, wanted: string | undefined) {
    this.path = path;
    this.#session = session;
    this.#provider = provider;
    this.input = modelInput(session.inputs);
    this.output = chooseOutput(session.outputs, wanted);
  }

  /** Loads a model; it is closed by {@link close}, also where its inputs or outputs do not suit. */
  static async open(
    runtime: Runtime,
    { path, source }: EvaluatedModel,
    provider: string,
    output: string | undefined,
  ): Promise<ModelRun> {
    const session = await runtime.createSession(source, { provider, graphOptimization: 'all' });
    try {
      return new ModelRun(path, session, provider, output);
    } catch (error) {
      await letGo(session);
      throw error;
    }
  }

  /** How many classes the output declares, where it is a row of them. */
  get declaredClasses(): number | undefined {
    const shape = this.#session.outputs.find(({ name }) => name === this.output)?.shape;
    const classes = shape?.length === 2 ? shape[1] : undefined;
    return typeof classes === 'number' && classes > 1 ? classes : undefined;
  }

  /** Runs one batch, gives the output that is measured, and takes the time. */
  async run({ dims, numbers, count }: Batch): Promise<NumberTensor> {
    const feeds = new Map([[this.input.name, tensorOf(this.input.dataType, dims, numbers)]]);
    const start = performance.now();
    let outputs: Awaited<ReturnType<Session['run']>>;
    try {
      outputs = await this.#session.run(feeds, [this.output]);
    } catch (error) {
      throw this.#runs > 0 || (dims[0] ?? 1) === 1 ? error : mentionBatch(error, dims[0] ?? 1);
    }
    this.#time(performance.now() - start, count);
    const tensor = outputs.get(this.output);
    if (tensor === undefined || tensor.dataType === 'string') {
      throw new SeInjectError(
        'evaluate/unsupported-model',
        `output "${this.output}" gives no numbers: name another with --output`,
      );
    }
    return tensor;
  }

  /** Median time of a sample in ms, which a busy machine moves less than the mean; undefined before the first run. */
  get msPerSample(): number | undefined {
    return this.#times.median ?? (this.#runs === 0 ? undefined : this.#firstMs / this.#batch);
  }

  /** What was measured so far. */
  report(): ModelEvaluation {
    return {
      path: this.path,
      provider: this.#provider,
      output: this.output,
      accuracy: this.accuracy?.report() ?? null,
      speed: this.#speed(),
    };
  }

  /** Lets the model go, whatever the runtime says to that: what was measured stands. */
  async close(): Promise<void> {
    await letGo(this.#session);
  }

  #time(ms: number, count: number): void {
    this.#runs += 1;
    this.#batch = Math.max(this.#batch, count);
    if (this.#runs === 1) {
      this.#firstMs = ms;
      return;
    }
    this.#times.add(ms / count);
    this.#timedRuns += 1;
    this.#timedSamples += count;
    this.#timedMs += ms;
  }

  #speed(): SpeedReport | null {
    if (this.#runs === 0) return null;
    const [runs, samples, ms] =
      this.#timedRuns === 0
        ? [1, this.#batch, this.#firstMs]
        : [this.#timedRuns, this.#timedSamples, this.#timedMs];
    return { batch: this.#batch, samplesPerSecond: (1000 * samples) / ms, msPerBatch: ms / runs };
  }
}

/** Times that are kept for a median; of more, every second one, then every fourth, and so on. */
const TIMES = 1024;

/** A sample of times that is as good as all of them for a median, in memory that does not grow. */
class Times {
  #kept: number[] = [];
  #stride = 1;
  #seen = 0;

  add(ms: number): void {
    if (this.#seen % this.#stride === 0) this.#kept.push(ms);
    this.#seen += 1;
    if (this.#kept.length < TIMES) return;
    this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }

  get median(): number | undefined {
    const sorted = this.#kept.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}

function mentionBatch(error: unknown, batch: number): unknown {
  if (!isSeInjectError(error)) return error;
  const message = `${error.message} (in a batch of ${batch}: try --batch 1)`;
  return new SeInjectError(error.code, message, { details: error.details, cause: error });
}
