import { allUses, type Block, type Context, type Found, firstReader, reject } from './block.ts';
import { isFire } from './fire.ts';
import {
  areApart,
  convolutionsOf,
  convolvesMap,
  isClosed,
  joinsChannels,
  type Module,
  reachOf,
  readModule,
} from './module-branches.ts';
import { isGlobalPool } from './pooling.ts';
import { outputOf, type Reading } from './reading.ts';
import { type Branch, nodesOf } from './region.ts';
import type { Rejection, SiteKind } from './site.ts';
import type { Step } from './step.ts';

/** Modules of the literature have 2 to 6 branches. */
const BRANCH_LIMIT = 16;

/** Finds Inception modules and SqueezeNet's fire modules: branches of one value that a Concat joins. */
export function findInceptions({ reading, taken }: Context): Found {
  const blocks: Block[] = [];
  const rejections: Rejection[] = [];
  for (const node of reading.order) {
    const step = reading.steps[node];
    if (step?.role !== 'concat' || taken[node] !== undefined || reading.owners[node] !== undefined) continue;
    if (step.inputs.length > BRANCH_LIMIT || !joinsChannels(reading, step)) continue;
    const module = readModule(reading, step);
    if (
      module === undefined ||
      module.branches.some(({ steps }) => [...steps].some((inner) => taken[inner.node] !== undefined))
    ) {
      continue;
    }
    const kind = kindOf(reading, step, module);
    if (kind === undefined) continue;
    const value = outputOf(reading, step);
    if (!reading.reachesWeights.has(value)) {
      rejections.push(
        reject(reading, node, 'decoding', "joins the network's predictions: nothing is computed behind it"),
      );
      continue;
    }
    blocks.push({
      kind,
      variant: kind === 'fire' ? 'fire' : module.branches.some(hasStride) ? 'reduction' : 'module',
      value,
      uses: allUses(reading, value),
      reader: firstReader(reading, value),
      anchor: node,
      nodes: nodesOf([step], ...module.branches.map(({ steps }) => steps)),
      around: { input: module.source, output: value, skip: undefined },
      gate: undefined,
      project: undefined,
      expand: undefined,
    });
  }
  return { blocks, rejections };
}

function kindOf(reading: Reading, join: Step, { source, branches }: Module): SiteKind | undefined {
  if (branches.some(({ operand }) => operand === source)) return undefined;
  if (!areApart(branches) || !isClosed(reading, join.node, branches)) return undefined;
  if (!branches.every((branch) => computes(reading, branch))) return undefined;
  const weighted = branches.filter((branch) => convolutionsOf(reading, branch).length > 0);
  const [first, second] = weighted;
  if (first === undefined || second === undefined) return undefined;
  if (branches.length === 2) {
    if (isFire(reading, join, { source, branches })) return 'fire';
    // A 1x1 convolution beside a branch is a partial shortcut (CSP), no module.
    if (!branches.every((branch) => reachOf(reading, branch) > 1)) return undefined;
  }
  const forms = new Set(
    weighted.map((branch) => `${convolutionsOf(reading, branch).length}:${reachOf(reading, branch)}`),
  );
  const pools = branches.some(({ steps }) => [...steps].some(({ role }) => role === 'pool'));
  return forms.size > 1 || pools ? 'inception' : undefined;
}

/** A branch computes something in the map's own resolution; dilation makes it a pyramid of receptive fields. */
function computes(reading: Reading, branch: Branch): boolean {
  let works = false;
  for (const step of branch.steps) {
    switch (step.role) {
      case 'convolution':
        if (step.convolution?.dilated === true || !convolvesMap(reading, branch, step)) return false;
        works = true;
        break;
      case 'pool':
        if (isGlobalPool(reading, step)) return false;
        works = true;
        break;
      case 'upsample':
      case 'attention':
      case 'recurrent':
      case 'sum':
      case 'product':
      case 'other':
        return false;
      default:
        break;
    }
  }
  return works;
}

function hasStride({ steps }: Branch): boolean {
  return [...steps].some(({ convolution }) => convolution?.strides.some((stride) => stride > 1) === true);
}
