import type { ByteSource } from '../../src/wire/byte-source.ts';

/** A source that notes what is read of it. */
export function countingSource(source: ByteSource): ByteSource & { readonly reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    size: source.size,
    reads,
    read: (offset, length) => {
      reads.push([offset, length]);
      return source.read(offset, length);
    },
  };
}

/**
 * A source as careless as the contract allows: it gives Buffers, all of one scratch area that the next read overwrites,
 * so that whatever was kept and not copied turns into 0xff.
 */
export function scratchSource(bytes: Uint8Array): ByteSource {
  const scratch = Buffer.alloc(bytes.length);
  return {
    size: bytes.length,
    read: async (offset, length) => {
      scratch.fill(0xff);
      const part = scratch.subarray(0, length);
      part.set(bytes.subarray(offset, offset + length));
      return part;
    },
  };
}
