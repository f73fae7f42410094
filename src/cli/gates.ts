import { writeFile } from 'node:fs/promises';
import { ioError } from '../node/io-error.ts';
import { renderGates } from '../report/render-gates.ts';
import { REPORT_SCHEMA_VERSION } from '../report/report.ts';
import { TOOL } from '../splice/index.ts';
import { toNumber } from './block-options.ts';
import { toDataCall } from './data-options.ts';
import { ExitCode, type ExitCodeNumber, usageError } from './failure.ts';
import { patterns, toVolume } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { withProgress } from './measure.ts';
import { DASH } from './open-input.ts';
import { forEachInput, runContext } from './run-context.ts';

/** Collects what a model's gates do on data. */
export function gatesCommand(
  model: string,
  values: Readonly<Record<string, unknown>>,
  io: CliIo,
): Promise<ExitCodeNumber> {
  if (model === DASH) throw usageError('a model that is run must be a file: write stdin to one first');
  const call = toDataCall(values);
  if (call === undefined) throw usageError('no data to run the model on: add --data PATH');
  const context = runContext(io, {
    volume: toVolume(values),
    json: values['json'] === true,
    dataOnStdout: false,
  });
  const provider = typeof values['provider'] === 'string' ? { provider: values['provider'] } : {};
  const svg = typeof values['svg'] === 'string' ? values['svg'] : undefined;
  const drawn = patterns(values['svgClasses']).map((index) => toNumber('svgClasses', index));
  return forEachInput([model], context, async () => {
    const { collectGatesFromFile } = await import('../node/gates-files.ts');
    const gates = await withProgress(context, (long) =>
      collectGatesFromFile(model, call.path, { ...call.run, ...provider, data: call.data, ...long }),
    );
    if (svg !== undefined) {
      const { gatesFigure } = await import('../report/gates-figure.ts');
      await write(svg, gatesFigure(gates, drawn.length === 0 ? undefined : drawn), values['force'] === true);
    }
    context.say((paint) => [
      ...renderGates(gates, paint),
      ...(svg === undefined ? [] : [`The picture is in ${svg}.`]),
    ]);
    return {
      report: { schemaVersion: REPORT_SCHEMA_VERSION, tool: TOOL, gates },
      exitCode: gates.data.interrupted ? ExitCode.failed : ExitCode.ok,
    };
  });
}

async function write(path: string, content: string, force: boolean): Promise<void> {
  await writeFile(path, content, { flag: force ? 'w' : 'wx' }).catch((error: unknown) => {
    throw ioError(error, 'write', path);
  });
}
