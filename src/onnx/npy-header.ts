import { SeInjectError } from '../errors.ts';
import { formatName } from './format-name.ts';

/** What stands before the numbers of an .npy file. */
export interface NpyHeader {
  /** NumPy's name of the element type: `<f4`. */
  readonly descr: string;
  /** Whether the first index runs fastest. */
  readonly fortranOrder: boolean;
  readonly dims: readonly number[];
  /** Where the numbers begin. */
  readonly dataOffset: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes that a header may have; those of plain arrays have about a hundred. */
const MAX_HEADER = 65_536;

/** Sizes that a shape may have: NumPy's own limit. */
const MAX_RANK = 64;

/** Tells an .npy file by its first bytes. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** Reads the header of an .npy file, versions 1 to 3. */
export function parseNpyHeader(bytes: Uint8Array): NpyHeader {
  if (!isNpy(bytes)) throw invalidArray('is no .npy file: save it with np.save');
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw invalidArray(`has version ${version} of the .npy format, not 1 to 3`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw truncated();
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) throw invalidArray(`has a header of ${length} bytes, more than ${MAX_HEADER}`);
  const dataOffset = start + length;
  if (bytes.length < dataOffset) throw truncated();
  return { ...parseDictionary(new TextDecoder().decode(bytes.subarray(start, dataOffset))), dataOffset };
}

/** Writes a header of version 1, so long that the numbers begin at a multiple of 64. */
export function writeNpyHeader(descr: string, dims: readonly number[]): Uint8Array<ArrayBuffer> {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const padded = `${text.padEnd(length - 1)}\n`;
  return Uint8Array.of(
    ...MAGIC,
    1,
    0,
    length & 0xff,
    length >> 8,
    ...Array.from(padded, (character) => character.charCodeAt(0)),
  );
}

/** An error about an array's file, whose name the message starts before. */
export function invalidArray(fact: string): SeInjectError {
  return new SeInjectError('onnx/invalid-array', `the array ${fact}`);
}

/** The dictionary is Python source; these are the forms that NumPy writes, in any order and spacing. */
function parseDictionary(text: string): Omit<NpyHeader, 'dataOffset'> {
  const descr = /['"]descr['"]\s*:\s*(?:'([^'\\]*)'|"([^"\\]*)"|(\S))/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /['"]shape['"]\s*:\s*\(([^()]*)\)/.exec(text)?.[1];
  if (descr === null || order === undefined || shape === undefined)
    throw invalidArray(`has a header that is not NumPy's: ${formatName(text.trim())}`);
  if (descr[3] !== undefined) throw invalidArray('is structured: save one plain array for each field');
  // A tuple of one ends in a comma. Python 2 wrote long integers with an L.
  const sizes = shape.split(',').map((size) => size.trim());
  if (sizes.at(-1) === '') sizes.pop();
  const dims = sizes.map((size) => (/^\d+L?$/.test(size) ? Number(size.replace('L', '')) : Number.NaN));
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (dims.length > MAX_RANK || !Number.isSafeInteger(size) || !dims.every(Number.isSafeInteger))
    throw invalidArray(`has a shape that is none or too large: (${formatName(shape)})`);
  return { descr: descr[1] ?? descr[2] ?? '', fortranOrder: order === 'True', dims };
}

function truncated(): SeInjectError {
  return invalidArray('ends within its header: copy the file again');
}
