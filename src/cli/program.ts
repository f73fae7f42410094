import { Command, Option } from 'commander';
import { TOOL } from '../splice/index.ts';
import { blocksCommand } from './blocks.ts';
import { addDataOptions } from './data-options.ts';
import { evalCommand } from './eval.ts';
import type { ExitCodeNumber } from './failure.ts';
import { gatesCommand } from './gates.ts';
import { injectCommand } from './inject.ts';
import { addPlanOptions, addVolumeOptions, collect } from './inject-options.ts';
import type { CliIo } from './io.ts';
import { sitesCommand } from './sites.ts';
import { stripCommand } from './strip.ts';
import { verifyCommand } from './verify.ts';
import { addRunOptions } from './verify-options.ts';
import { weightsCommand } from './weights.ts';

/** The width of help where no terminal says another: what fits in a README. */
const HELP_WIDTH = 110;

/** What `--block` is for commands that read which block it was in the model. */
const OWN_BLOCK =
  'module of your own with the block, as ./my-block.mjs, where the model holds one that is not built in';

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
    .option('--dry-run', 'do everything but write')
    .option('--plan <file>', 'do what a plan says that "sites --save-plan" has saved, edited or not')
    .option('--weights <file>', 'load the weights, from .safetensors or .npz, instead of starting them')
    .option('--weights-map <file>', 'a JSON object of names in that file by the names that are wanted');
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
  inject.optionsGroup('Accuracy on data:');
  addDataOptions(inject, false);
  addDemandOptions(inject);
  inject.action(async (models: readonly string[], values) => done(await injectCommand(models, values, io)));

  const sites = program
    .command('sites')
    .summary('say what would be done and why; nothing is written')
    .description(
      'Lists the sites of models, what a block there would cost, and what was turned down and why.',
    )
    .argument('<model.onnx...>', 'the models')
    .option(
      '--explain <node>',
      'say why there is a site at a node, or none: its name, a value it writes, or its number',
    )
    .option('--save-plan <file>', 'write the plan as JSON, for inject --plan')
    .option('--force', 'replace a plan that is there');
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
    .option('--require', 'a question that is left open is a no: exit code 1')
    .option('--block <file>', OWN_BLOCK);
  addRunOptions(verify);
  addVolumeOptions(verify);
  verify.action(async (before: string, after: string, values) =>
    done(await verifyCommand(before, after, values, io)),
  );

  const evaluate = program
    .command('eval')
    .summary('measure the accuracy of models on labelled data')
    .description(
      'Measures top-1, top-5 and cross-entropy of models on labelled data, each model against the first on the same\nsamples, and says whether the difference is more than chance. Ctrl-C prints what was measured so far.',
    )
    .argument('<model.onnx...>', 'the models: the original first')
    .option('--provider <name>', 'execution provider to run the models on (default: cpu)')
    .option('--output <name>', 'the output with the logits, where a model has several');
  addDataOptions(evaluate, true);
  addDemandOptions(evaluate);
  addVolumeOptions(evaluate);
  evaluate.action(async (models: readonly string[], values) => done(await evalCommand(models, values, io)));

  const gates = program
    .command('gates')
    .summary('show what the gates of injected blocks do on data')
    .description(
      'Collects the gates of a model over data: mean and spread by channel and class, how much they depend on the\nclass, where they saturate, and which blocks could be taken out.',
    )
    .argument('<model.se.onnx>', 'the model')
    .option('--provider <name>', 'execution provider to run the model on (default: cpu)')
    .option('--svg <file>', 'draw the gates by channel, as figure 6 of the paper')
    .option(
      '--svg-classes <list>',
      'indices of the classes to draw (default: the five with the most samples)',
      collect,
    )
    .option('--force', 'replace a picture that is there');
  addDataOptions(gates, true);
  addVolumeOptions(gates);
  gates.action(async (model: string, values) => done(await gatesCommand(model, values, io)));

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
    .option('--all', 'those of all injections, the last one first')
    .option('--sites <ids>', 'only these sites, with commas between them', collect)
    .option('--block <file>', OWN_BLOCK);
  addVolumeOptions(strip);
  strip.action(async (models: readonly string[], values) => done(await stripCommand(models, values, io)));

  const weights = program
    .command('weights')
    .summary('write the weights of the blocks out, or bring trained ones back')
    .description(
      'Writes the weights of the blocks as safetensors, by the names and in the shapes that PyTorch has; with --load,\nbrings trained ones back into the model, where nothing else changes.',
    )
    .argument('<model.se.onnx>', 'the model with blocks')
    .option(
      '-o, --output <file>',
      'write the result there (default: <name>.safetensors; with --load <name>.trained.onnx)',
    )
    .option('--manifest <file>', 'write what each of the weights is as JSON')
    .option('--load <file>', 'the trained weights, .safetensors or .npz')
    .option('--weights-map <file>', 'a JSON object of names in that file by the names that are wanted')
    .option('--force', 'replace a file that is there; never the input')
    .option('--block <file>', OWN_BLOCK);
  addVolumeOptions(weights);
  weights.action(async (model: string, values) => done(await weightsCommand(model, values, io)));

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

/** Adds what is demanded of the last model. */
function addDemandOptions(command: Command): void {
  command
    .option('--min-top1 <share>', 'top-1 that the last model must reach, as 0.75 or 75%, else exit code 1')
    .option(
      '--max-drop <share>',
      'how far its top-1 may be below the first model’s, as 0.005 or 0.5%, likewise',
    );
}

const EXIT_CODES = `Exit codes:
  0  all well; also where it could not be checked, and where there was nothing to do
  1  it ran, and the answer is no: no site found, or a result that is not what it should be
  2  it could not run: a wrong option, a file that cannot be read or written`;
