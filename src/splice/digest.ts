import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ByteRange, ModelFile } from '../onnx/model-file.ts';
import { need, type Reading, readFrom, type SlidingWindow } from '../wire/window.ts';

const CHUNK = 64 * 1024;

/** Models do not change, so each is digested once. */
const digests = new WeakMap<ModelFile, Promise<string>>();

/**
 * SHA-256 of all bytes of a model's file but the contents of its tensors' data fields, in hex.
 *
 * It tells whether the structure is the one that was seen before, whatever its weights were trained to since, and it
 * costs as much as reading the graph.
 */
export async function structureDigest(model: ModelFile): Promise<string> {
  const known = digests.get(model) ?? readFrom(model.source, (window) => digest(window, model.payloads));
  digests.set(model, known);
  return known;
}

function* digest(window: SlidingWindow, payloads: readonly ByteRange[]): Reading<string> {
  const hash = sha256.create();
  let at = 0;
  for (const payload of [...payloads, { offset: window.size, length: 0 }]) {
    for (; at < payload.offset; ) {
      const length = Math.min(CHUNK, payload.offset - at);
      hash.update(yield* need(window, at, length));
      at += length;
    }
    at = Math.max(at, payload.offset + payload.length);
  }
  return bytesToHex(hash.digest());
}
