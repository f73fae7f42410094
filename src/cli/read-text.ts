import { SeInjectError } from '../errors.ts';
import { openFile } from '../node/file-source.ts';
import { quotePath } from '../node/io-error.ts';

/** Bytes that a file of JSON may have. */
const SIZE_LIMIT = 64 * 1024 * 1024;

/** Reads a small file of text, whole; throws `cli/usage` for one that is too large, and what opening a file throws. */
export async function readText(path: string): Promise<string> {
  const file = await openFile(path);
  try {
    if (file.size > SIZE_LIMIT) {
      throw new SeInjectError(
        'cli/usage',
        `${quotePath(path)} has ${file.size} bytes, more than a file of JSON may have here (${SIZE_LIMIT})`,
        { details: { path } },
      );
    }
    return new TextDecoder().decode(await file.read(0, file.size));
  } finally {
    await file.close();
  }
}
