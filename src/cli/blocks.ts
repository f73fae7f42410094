import { INIT_NAMES, initHelp } from '../blocks/initializers.ts';
import { BLOCKS } from '../blocks/registry.ts';
import { formatTable } from '../report/format.ts';
import { renderJson } from '../report/render-json.ts';
import { REPORT_SCHEMA_VERSION } from '../report/report.ts';
import { TOOL } from '../splice/index.ts';
import { toKebab } from './block-options.ts';
import { ExitCode, type ExitCodeNumber } from './failure.ts';
import { type CliIo, writeLines } from './io.ts';
import { paintFor } from './paint.ts';

/** Lists the blocks with their options, and the ways their weights can start. */
export function blocksCommand(values: Readonly<Record<string, unknown>>, io: CliIo): ExitCodeNumber {
  if (values['json'] === true) {
    const blocks = BLOCKS.map(({ name, version, description, options }) => ({
      name,
      version,
      description,
      options,
    }));
    writeLines(io.stdout, [
      renderJson({ schemaVersion: REPORT_SCHEMA_VERSION, tool: TOOL, blocks, inits: INIT_NAMES }),
    ]);
    return ExitCode.ok;
  }
  const paint = paintFor(io, io.stdout);
  for (const { name, description, options } of BLOCKS) {
    const rows = Object.entries(options).map(([option, definition]) => [
      `  --${toKebab(option)}`,
      (definition.choices ?? [definition.type]).join(', '),
      String(definition.default),
      definition.help,
    ]);
    const columns = ['  option', 'values', 'default', 'meaning'].map((heading) => ({
      heading,
      align: 'left' as const,
    }));
    writeLines(io.stdout, [paint('heading', `${name}: ${description}`), ...formatTable(columns, rows), '']);
  }
  const recipes = INIT_NAMES.map((name) => [`  ${name}`, initHelp(name)]);
  const columns = ['  --init', 'meaning'].map((heading) => ({ heading, align: 'left' as const }));
  writeLines(io.stdout, [paint('heading', 'how the weights start'), ...formatTable(columns, recipes)]);
  return ExitCode.ok;
}
