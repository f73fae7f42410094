/** Something that is open. */
interface Closeable {
  close(): Promise<unknown>;
}

/** Takes what is being opened, to close it later. */
export type Keep = <T extends Closeable>(opening: Promise<T>) => Promise<T>;

/** Closes all that was opened on the way, also where the next one cannot be. */
export async function closing<T>(use: (keep: Keep) => Promise<T>): Promise<T> {
  const opened: Closeable[] = [];
  try {
    return await use(async (opening) => {
      const one = await opening;
      opened.push(one);
      return one;
    });
  } finally {
    await Promise.all(opened.map((one) => one.close()));
  }
}
