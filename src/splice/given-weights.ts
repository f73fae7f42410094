import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { WeightSpec } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';
import { encodeNumbers } from '../onnx/encode.ts';
import { formatName } from '../onnx/format-name.ts';
import type { WeightArray } from '../onnx/weight-arrays.ts';
import { encodeUtf8 } from '../wire/utf8.ts';
import { type ExchangedWeight, toStored } from './exchange.ts';

/** How weights started that were given: no recipe gives them. */
export const LOADED = 'loaded';

/** Weights from elsewhere: trained ones, most often. */
export interface GivenWeights {
  /** From `parseWeights`. */
  readonly arrays: ReadonlyMap<string, WeightArray>;
  /**
   * Names in the file by the names that are wanted, for all of a name or for what it begins with: `2_1` to `layer1.0.se`
   * makes `2_1.fc1.weight` `layer1.0.se.fc1.weight`.
   */
  readonly names?: Readonly<Record<string, string>>;
}

/** The weights of one block by their names within it, as they are stored. */
export type StoredWeights = ReadonlyMap<string, Float64Array>;

/**
 * Finds the weights of blocks among those given, each once. A shape may lack the ones at its end: a fully connected
 * layer's [R, C] is a convolution's [R, C, 1, 1].
 *
 * Throws `blocks/invalid-weights`, which lists all that are missing, left over, of another shape, or not numbers.
 */
export function matchWeights(
  blocks: readonly (readonly ExchangedWeight[])[],
  { arrays, names = {} }: GivenWeights,
): readonly StoredWeights[] {
  const [missing, misshapen, surplus]: [string[], string[], string[]] = [[], [], []];
  const left = new Set(arrays.keys());
  const unused = new Set(Object.keys(names));
  const found = blocks.map((weights) => {
    const stored = new Map<string, Float64Array>();
    for (const weight of weights) {
      const wanted = `${weight.name} [${weight.dims}]`;
      const name = inFile(weight.name, names, unused);
      const array = arrays.get(name);
      if (array === undefined) {
        missing.push(name === weight.name ? wanted : `${wanted}, as "${formatName(name)}"`);
        continue;
      }
      left.delete(name);
      const numbers = sameDims(array.dims, weight.dims) ? array.numbers() : undefined;
      if (numbers === undefined) misshapen.push(`${wanted} is [${array.dims}] of ${array.dataType}`);
      else if (!numbers.every(Number.isFinite)) misshapen.push(`${wanted} holds infinities or NaN`);
      else stored.set(weight.local, toStored(weight, numbers));
    }
    return stored;
  });
  surplus.push(...[...left].map((name) => `"${formatName(name)}" [${arrays.get(name)?.dims}]`));
  surplus.push(...[...unused].map((name) => `"${formatName(name)}" of the map`));
  if (missing.length + misshapen.length + surplus.length === 0) return found;
  const list = (title: string, items: readonly string[]): string =>
    items.length === 0 ? '' : `\n${title} (${items.length}): ${items.join('; ')}`;
  throw new SeInjectError(
    'blocks/invalid-weights',
    `the weights given are not those of the blocks: check site, reduction and names, which "se-inject weights" lists${list('missing', missing)}${list('misshapen', misshapen)}${list('surplus', surplus)}`,
    { details: { missing, misshapen, surplus } },
  );
}

/** The name that the map gives: for the whole name, or for the longest part that it begins with. */
function inFile(name: string, names: Readonly<Record<string, string>>, unused: Set<string>): string {
  for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
    const part = name.slice(0, end);
    if (!Object.hasOwn(names, part)) continue;
    unused.delete(part);
    return `${names[part]}${name.slice(end)}`;
  }
  return name;
}

function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return withoutOnes(a) === withoutOnes(b);
}

function withoutOnes(dims: readonly number[]): string {
  return dims.join().replace(/(?:,1)+$/, '');
}

/** SHA-256 over a block's weights as they are stored, in hex: tells whether they are still those that were loaded. */
export function weightsDigest(
  specs: readonly WeightSpec[],
  dataType: DataTypeNumber,
  numbersOf: (local: string) => Float64Array | undefined,
): string {
  const hash = sha256.create();
  for (const spec of specs) {
    if (spec.role === 'constant') continue;
    const type = spec.dataType ?? dataType;
    hash.update(encodeUtf8(`${JSON.stringify([spec.name, spec.dims, type])}\n`));
    hash.update(encodeNumbers(numbersOf(spec.name) ?? new Float64Array(0), type));
  }
  return bytesToHex(hash.digest());
}
