import { stat } from 'node:fs/promises';
import type Sharp from 'sharp';
import { SeInjectError } from '../errors.ts';
import { badSample, type Geometry, resizedSize, type SampleContent } from '../evaluate/index.ts';

/** Decodes image files and changes sizes of pictures. */
export interface ImageDecoder {
  /** Decodes a file and gives it the size that the geometry says; the crop is left to whoever reads the pixels. */
  decode(path: string, geometry: Geometry): Promise<SampleContent>;
  /** Brings an array of bytes to another size; other arrays stay as they are. */
  resize(
    content: SampleContent,
    width: number,
    height: number,
    interpolation: Geometry['interpolation'],
  ): Promise<SampleContent>;
}

/** The part of sharp that is used: its one function. */
export type SharpModule = { readonly default: typeof Sharp };

const KERNELS = { nearest: 'nearest', bilinear: 'linear', bicubic: 'cubic', lanczos: 'lanczos3' } as const;

/**
 * Opens sharp, which decodes JPEG, PNG, WebP, TIFF, GIF and AVIF in threads of its own. It is imported only here and only
 * when called, since it is an optional dependency.
 *
 * @param load - Imports the package; tests pass their own.
 * @throws SeInjectError `evaluate/decoder-missing` where it is not installed.
 *
 * @example
 * ```ts
 * const decoder = await openDecoder();
 * await decoder.decode('cat.jpg', geometry); // → { array: { dims: [256, 341, 3], ... }, layout: 'hwc' }
 * ```
 */
export async function openDecoder(
  load: () => Promise<SharpModule> = () => import('sharp'),
): Promise<ImageDecoder> {
  let sharp: typeof Sharp;
  try {
    ({ default: sharp } = await load());
  } catch (cause) {
    throw new SeInjectError(
      'evaluate/decoder-missing',
      'images cannot be decoded without sharp: npm install sharp; arrays (.npz, IDX, CIFAR) work without it',
      { cause },
    );
  }
  // Each picture is seen once, and many are decoded side by side.
  sharp.cache(false);
  sharp.concurrency(1);

  return {
    async decode(path, geometry) {
      try {
        const image = sharp(path, { failOn: 'error' });
        const { width, height } = await image.metadata();
        const size = resizedSize(geometry, width, height);
        // As Pillow does it: the orientation in EXIF is not applied, an alpha channel is dropped.
        const { data, info } = await image
          .removeAlpha()
          .toColourspace('srgb')
          .resize(size.width, size.height, {
            fit: 'fill',
            kernel: KERNELS[geometry.interpolation],
            fastShrinkOnLoad: false,
          })
          .raw()
          .toBuffer({ resolveWithObject: true });
        return picture(data, info);
      } catch (cause) {
        throw await imageFault(path, cause);
      }
    },
    async resize(content, width, height, interpolation) {
      const { array, layout } = content;
      if (array.dataType !== 'uint8') return content;
      const { pixels, sizes } = interleaved(array.data, array.dims, layout);
      const [rows = 0, columns = 0, channels = 0] = sizes;
      if (channels < 1 || channels > 4) return content;
      const { data, info } = await sharp(pixels, {
        raw: { width: columns, height: rows, channels: channels as 1 | 2 | 3 | 4 },
      })
        .resize(width, height, { fit: 'fill', kernel: KERNELS[interpolation] })
        .toColourspace(channels < 3 ? 'b-w' : 'srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      return picture(data, info);
    },
  };
}

function picture(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): SampleContent {
  return { array: { dataType: 'uint8', dims: [height, width, channels], data }, layout: 'hwc' };
}

/** Pixels with their channels side by side, as sharp takes them. */
function interleaved(
  data: Uint8Array,
  dims: readonly number[],
  layout: SampleContent['layout'],
): { readonly pixels: Uint8Array; readonly sizes: readonly number[] } {
  const [a = 0, b = 0, c = 0] = dims;
  if (dims.length === 2) return { pixels: data, sizes: [a, b, 1] };
  const planar = layout === undefined ? a <= 4 && c > 4 : layout === 'chw';
  if (!planar) return { pixels: data, sizes: dims };
  const pixels = new Uint8Array(data.length);
  const plane = b * c;
  for (let channel = 0; channel < a; channel += 1)
    for (let at = 0; at < plane; at += 1) pixels[at * a + channel] = data[channel * plane + at]!;
  return { pixels, sizes: [b, c, a] };
}

async function imageFault(path: string, cause: unknown): Promise<SeInjectError> {
  const exists = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
  if (!exists) return badSample({ kind: 'missing-file', name: path, detail: 'there is no such file' }, cause);
  const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  return badSample({ kind: 'undecodable', name: path, detail: `it cannot be decoded: ${message}` }, cause);
}
