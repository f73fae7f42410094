import { Command, Option } from 'commander';
import { TOOL } from '../splice/index.ts';
import { blocksCommand } from './blocks.ts';
import type { ExitCodeNumber } from './failure.ts';
import { injectCommand } from './inject.ts';
import { addPlanOptions, addVolumeOptions, collect } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { sitesCommand } from './sites.ts';
import { stripCommand } from './strip.ts';
import { verifyCommand } from './verify.ts';
import { addRunOptions } from './verify-options.ts';

/** The width of help where no terminal says another: what fits in a README. */
const HELP_WIDTH = 110;

/** Builds the command line; `done` hears the exit code of the command that ran. */
export function buildProgram(io: CliIo, done: (exitCode: ExitCodeNumber) => void): Command {
  const program = new Command(TOOL.name);
  // Before the commands are made: they copy these settings.
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .description(
      'Splices Squeeze-and-Excitation blocks into trained ONNX networks. Every byte that the edit does not need to\nchange stays what it was, and by default the network computes what it did until the new weights are trained.',
    )
    .version(TOOL.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .usage('<model.onnx...> [options] | <command> ...')
    .showHelpAfterError('(--help lists the options)');

  const inject = program
    .command('inject', { isDefault: true })
    .summary('inject blocks: the main job, and what is done where no command is named')
    .description('Injects blocks into models. "-" is stdin, and as an output stdout.')
    .argument('<model.onnx...>', 'the models; each result is written beside its model, as <name>.se.onnx')
    .option('-o, --output <file>', 'write the result there')
    .option('--force', 'replace a file that is there; never the input')
    .option('--dry-run', 'do everything but write');
  addPlanOptions(inject);
  inject.addOption(
    new Option(
      '--verify <when>',
      'run model and result and compare: where it can be done, never, or without fail',
    )
      .choices(['auto', 'off', 'require'])
      .default('auto'),
  );
  addRunOptions(inject);
  addVolumeOptions(inject);
  inject.action(async (models: readonly string[], values) => done(await injectCommand(models, values, io)));

  const sites = program
    .command('sites')
    .summary('say what would be done and why; nothing is written')
    .description(
      'Lists the sites of models, what a block there would cost, and what was turned down and why.',
    )
    .argument('<model.onnx...>', 'the models');
  addPlanOptions(sites);
  addVolumeOptions(sites);
  sites.action(async (models: readonly string[], values) => done(await sitesCommand(models, values, io)));

  const verify = program
    .command('verify')
    .summary('compare a rewritten model with its original')
    .description(
      'Answers four questions: is the rewritten model sound, is the edit the one that its record tells of, does each\nblock compute what its options say, and does the network compute what it did? What cannot be checked is\ncalled unchecked, never passed.',
    )
    .argument('<before.onnx>', 'the original')
    .argument('<after.onnx>', 'the rewritten model')
    .option('--require', 'a question that is left open is a no: exit code 1');
  addRunOptions(verify);
  addVolumeOptions(verify);
  verify.action(async (before: string, after: string, values) =>
    done(await verifyCommand(before, after, values, io)),
  );

  const strip = program
    .command('strip')
    .summary('take the blocks out again')
    .description(
      'Takes the blocks of the last injection out again. The result is the file from before, bit for bit.',
    )
    .argument(
      '<model.se.onnx...>',
      'the models; each result is written beside its model, as <name>.stripped.onnx',
    )
    .option('-o, --output <file>', 'write the result there')
    .option('--force', 'replace a file that is there; never the input')
    .option('--sites <ids>', 'only these sites, with commas between them', collect);
  addVolumeOptions(strip);
  strip.action(async (models: readonly string[], values) => done(await stripCommand(models, values, io)));

  program
    .command('blocks')
    .summary('list the blocks and their options')
    .description('Lists the blocks with their options, and the ways their weights can start.')
    .option('--json', 'as JSON')
    .action((values) => done(blocksCommand(values, io)));

  program.addHelpText(
    'after',
    () => `\n${EXIT_CODES}\n\n${inject.helpInformation()}\n${verify.helpInformation()}`,
  );
  return program;
}

const EXIT_CODES = `Exit codes:
  0  all well; also where it could not be checked, and where there was nothing to do
  1  it ran, and the answer is no: no site found, or a result that is not what it should be
  2  it could not run: a wrong option, a file that cannot be read or written`;
