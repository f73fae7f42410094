import { escapeControls, formatName } from '../onnx/format-name.ts';
import type {
  ExplainedBranch,
  ExplainedInput,
  ExplainedSite,
  ExplainedStep,
  ExplainedValue,
  NodeExplanation,
  NodeRef,
} from '../sites/index.ts';
import { formatCount } from './format.ts';
import { type Paint, renderInput } from './render-text.ts';
import type { ModelReport } from './report.ts';

/** More readers than this are counted. */
const READERS_SHOWN = 6;

/** What is told of one node: what it is, how it is read, what was asked and what came of it. */
export function renderExplanation(input: ModelReport, explanation: NodeExplanation, paint: Paint): string[] {
  return [renderInput(input), '', ...explanationLines(explanation, paint)];
}

/** The same without the network. */
export function explanationLines(explanation: NodeExplanation, paint: Paint): string[] {
  const { opType, domain, name, index, count, inside, inputs, outputs } = explanation;
  const operator = domain === '' ? opType : `${domain}:${opType}`;
  const place = index === null ? `in ${inside.join(', in ')}` : `node ${index} of ${formatCount(count)}`;
  return [
    paint('heading', `${formatName(operator)} ${quote(name)}, ${place}`),
    ...labelled('reads', inputs.map(showInput)),
    ...labelled(
      'gives',
      outputs.map((output) => `${showValue(output)}, ${showReaders(output)}`),
    ),
    ...labelled('read as', explanation.step === null ? [] : showOwn(explanation.step)),
    ...labelled('part of', explanation.within === null ? [] : showStep(explanation.within)),
    ...joinLines(explanation),
    ...chainLines(explanation),
    ...labelled('verdict', verdictLines(explanation, paint)),
  ];
}

function joinLines({ join }: NodeExplanation): string[] {
  if (join === null) return [];
  const { fork, sources, branches, why, rules } = join;
  const starts = sources.length === 0 ? '' : `; its branches start from ${sources.map(quote).join(', ')}`;
  const where = fork === null ? 'no node lies on all ways to its operands' : showNode(fork);
  return [
    ...labelled('fork', [`${where}${starts}`]),
    ...branches.flatMap((branch) => labelled(branch.part, showBranch(branch))),
    ...labelled('', why === null ? [] : [`residual is ${escapeControls(why)}`]),
    ...labelled('rules', rules.map(showRule)),
  ];
}

function chainLines({ chains }: NodeExplanation): string[] {
  return chains.flatMap(({ family, steps, rules }, at) => {
    const lines = steps.flatMap(showStep);
    // Both families read the same steps mostly.
    const isTold = at > 0 && lines.join() === chains[at - 1]?.steps.flatMap(showStep).join();
    return [
      ...labelled('chain', isTold ? [] : lines),
      ...labelled('rules', [`${family}:`, ...rules.map((answer) => `  ${showRule(answer)}`)]),
    ];
  });
}

function showBranch({ operand, steps }: ExplainedBranch): string[] {
  if (steps === null) return [`${quote(operand)}: longer than any block is`];
  if (steps.length === 0) return [`${quote(operand)}: nothing in between`];
  return [`${quote(operand)}:`, ...steps.flatMap(showStep).map((line) => `  ${line}`)];
}

function showRule({ rule, refusal }: { rule: string; refusal: string | null }): string {
  return refusal === null ? `yes: ${rule}` : `no: ${rule}; ${escapeControls(refusal)}`;
}

function verdictLines({ verdict }: NodeExplanation, paint: Paint): string[] {
  const { kind, site, part, judgedAt, reason, detail } = verdict;
  const lines: string[] = [];
  if (site !== null && kind === 'site') lines.push(paint('good', `site ${showSite(site)}`));
  if (reason !== null) lines.push(paint('warning', `no site (${reason}): ${escapeControls(detail ?? '')}`));
  else if (detail !== null) lines.push(`no site: ${escapeControls(detail)}`);
  if (site !== null && kind !== 'site') lines.push(`part of site ${showSite(site)}, as ${part}`);
  if (judgedAt !== null) lines.push(`judged at ${showNode(judgedAt)}`);
  return lines;
}

function showSite({ id, kind, variant, value, channels, stage, stride }: ExplainedSite): string {
  const shown = variant === '' || variant === kind ? kind : `${kind}, ${variant}`;
  return `${id} (${shown}): taps ${quote(value)}, ${showChannels(channels)}, stage ${stage}, stride ${stride}`;
}

function showStep({ summary, nodes }: ExplainedStep): string[] {
  return [`${escapeControls(summary)}: ${nodes.map(showNode).join(', ')}`];
}

/** Of one node there is nothing to list. */
function showOwn(step: ExplainedStep): string[] {
  return step.nodes.length > 1 ? showStep(step) : [escapeControls(step.summary)];
}

function showInput(input: ExplainedInput): string {
  const { from } = input;
  return `${showValue(input)}, ${typeof from === 'string' ? `a ${from}`.replace('a nothing', 'which nothing defines') : `from ${showNode(from)}`}`;
}

function showReaders({
  readers,
  isGraphOutput,
}: {
  readers: readonly NodeRef[];
  isGraphOutput: boolean;
}): string {
  const shown = readers.slice(0, READERS_SHOWN).map(showNode);
  const rest = readers.length - shown.length;
  const all = [
    ...shown,
    ...(rest > 0 ? [`${rest} more`] : []),
    ...(isGraphOutput ? ['the graph output'] : []),
  ];
  return all.length === 0 ? 'read by nothing' : `read by ${all.join(', ')}`;
}

function showValue({ value, dataType, shape, channels }: ExplainedValue): string {
  const sizes = shape === null ? 'of unknown shape' : `[${shape.map(showDim).join(', ')}]`;
  const counted = channels === null ? '' : `, ${showChannels(channels)}`;
  return `${quote(value)} ${dataType.toLowerCase()} ${sizes}${counted}`;
}

function showChannels(count: number): string {
  return `${count} channel${count === 1 ? '' : 's'}`;
}

function showDim(dim: number | string | null): string {
  return typeof dim === 'string' ? formatName(dim) : `${dim ?? '?'}`;
}

function showNode({ opType, name, index }: NodeRef): string {
  return `${formatName(opType)} ${quote(name)} (#${index})`;
}

function quote(name: string): string {
  return `"${formatName(name)}"`;
}

const LABEL_WIDTH = 10;

/** Lines behind a label, one below the other. */
function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`);
}
