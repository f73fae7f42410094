import { SeInjectError } from '../errors.ts';
import type { ByteSource } from '../wire/byte-source.ts';

interface ForeignFormat {
  readonly name: string;
  readonly remedy: string;
  readonly matches: (head: Uint8Array, text: string) => boolean;
}

/** What people hand in by mistake, each told by its first bytes. */
const FOREIGN_FORMATS: readonly ForeignFormat[] = [
  {
    name: 'a Git LFS pointer',
    remedy: 'fetch the file itself with "git lfs pull"',
    matches: (_, text) => text.startsWith('version https://git-lfs'),
  },
  {
    name: 'a zip archive (a PyTorch .pt or .pth, a Keras .keras, an .npz)',
    remedy: 'unpack it, or export the network to ONNX',
    matches: (_, text) => text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06'),
  },
  {
    name: 'gzip data',
    remedy: 'unpack it with gunzip',
    matches: (head) => head[0] === 0x1f && head[1] === 0x8b,
  },
  {
    name: 'a model in onnxruntime’s own format (.ort)',
    remedy: 'use the .onnx file that it was made from',
    matches: (head, text) => isFlatbuffer(head) && text.slice(4, 8) === 'ORTM',
  },
  {
    name: 'a TensorFlow Lite model',
    remedy: 'convert it with tf2onnx (--tflite)',
    matches: (head, text) => isFlatbuffer(head) && text.slice(4, 8) === 'TFL3',
  },
  {
    name: 'an HDF5 file (Keras .h5)',
    remedy: 'export the network to ONNX with tf2onnx',
    matches: (_, text) => text.startsWith('\x89HDF\r\n'),
  },
  {
    name: 'a safetensors file',
    remedy: 'weights alone have no graph: export the network to ONNX',
    matches: (head, text) => text[8] === '{' && head[6] === 0 && head[7] === 0,
  },
  {
    name: 'a Python pickle',
    remedy: 'export the network to ONNX with torch.onnx.export',
    matches: (head) => head[0] === 0x80 && (head[1] ?? 9) <= 5 && (head[1] ?? 0) >= 2,
  },
  {
    name: 'ONNX in its text form',
    remedy: 'turn it into a binary .onnx file with onnx.parser',
    matches: (_, text) => /^\s*<\s*ir_version\s*:/.test(text),
  },
  {
    name: 'text',
    remedy: 'give a binary .onnx file',
    // No ONNX file starts with a letter or a brace and is printable throughout: its first bytes are tags.
    matches: (head, text) => head.length > 0 && /^[\s!-~]+$/.test(text) && /^\s*[A-Za-z#{<[/"]/.test(text),
  },
];

/** A flatbuffer starts with the offset of its root, a few bytes on; a model that starts with its producer, "ORTM...", not. */
function isFlatbuffer(head: Uint8Array): boolean {
  return head[2] === 0 && head[3] === 0;
}

const HEAD_SIZE = 256;

/**
 * Refuses what is clearly something else than an ONNX model, naming what it is.
 *
 * Throws `onnx/empty-file` or `onnx/foreign-format`.
 */
export async function refuseForeignFormat(source: ByteSource): Promise<void> {
  if (source.size === 0) {
    throw new SeInjectError('onnx/empty-file', 'the file is empty: export or fetch the model again', {});
  }
  const head = await source.read(0, Math.min(HEAD_SIZE, source.size));
  const text = String.fromCharCode(...head);
  const format = FOREIGN_FORMATS.find((candidate) => candidate.matches(head, text));
  if (format === undefined) return;
  throw new SeInjectError(
    'onnx/foreign-format',
    `the file is ${format.name}, no ONNX model: ${format.remedy}`,
    {
      details: { format: format.name },
    },
  );
}
