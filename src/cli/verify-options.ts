import type { Command } from 'commander';
import type { VerifyFilesOptions } from '../node/verify-files.ts';
import { parseShapeOption } from '../verify/input-shapes.ts';
import { isModulePath, toNumber } from './block-options.ts';
import { usageError } from './failure.ts';
import { collect, patterns } from './inject-options.ts';

/** Adds what says on what, and on which providers, models are run. */
export function addRunOptions(command: Command): void {
  command
    .option(
      '--provider <name>',
      'execution provider to run the models on: cpu, webgpu, cuda, coreml, dml, or auto (the CPU, and the GPU where there is one); may be repeated, or a list with commas (default: auto)',
      collect,
    )
    .option(
      '--shape <name=dims>',
      'size of an input that the model leaves open, as input=1x3x224x224; may be repeated',
      collect,
    )
    .option('--inputs <file>', 'inputs of your own, as .npz or .npy, instead of seeded ones')
    .option('--timeout <seconds>', 'how long one provider may take (default: 600)')
    .option('--bisect', 'where the check fails, find the smallest set of blocks at fault');
}

/** What of {@link addRunOptions} needs no file to be read. */
export function toRunOptions(
  values: Readonly<Record<string, unknown>>,
): VerifyFilesOptions & { readonly inputs?: string } {
  const providers = patterns(values['provider']);
  const shapes = patterns(values['shape']).map(parseShapeOption);
  const { inputs, timeout } = values;
  return {
    ...(providers.length === 0 ? {} : { providers }),
    ...(shapes.length === 0 ? {} : { shapes: new Map(shapes.map(({ name, dims }) => [name, dims])) }),
    ...(inputs === undefined ? {} : { inputs: String(inputs) }),
    ...(timeout === undefined ? {} : { timeoutMs: toMilliseconds(String(timeout)) }),
    ...(typeof values['block'] === 'string' && isModulePath(values['block'])
      ? { blockModules: [values['block']] }
      : {}),
    bisect: values['bisect'] === true,
  };
}

function toMilliseconds(timeout: string): number {
  const seconds = toNumber('timeout', timeout);
  if (seconds > 0) return 1000 * seconds;
  throw usageError(`--timeout "${timeout}" is no time: give seconds above 0`);
}
