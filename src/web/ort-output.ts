/** What a run of onnxruntime's native code printed, in lines. */
export interface Printed {
  /** To its standard output: profiles. */
  readonly out: readonly string[];
  /** To its standard error: its log. */
  readonly err: readonly string[];
}

/**
 * Reads what onnxruntime-web prints.
 *
 * Its WebAssembly module writes lines with `console.log` (standard output: the profile) and `console.error` (standard
 * error: the log), and it binds those two functions once, while it starts; there is no option to give it others. So they
 * are replaced while it starts and put back right after: the module keeps ours, the page gets its own back. What is
 * printed while nobody listens goes on to the console, as if nothing had happened.
 */
export class OrtOutput {
  #listener: { readonly out: string[]; readonly err: string[] } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Calls what starts the module. */
  async startWith<T>(start: () => Promise<T>): Promise<T> {
    const { log, error } = console;
    const out = this.#writer('out', log);
    const err = this.#writer('err', error);
    console.log = out;
    console.error = err;
    try {
      return await start();
    } finally {
      // Not if somebody else has put theirs over ours meanwhile.
      if (console.log === out) console.log = log;
      if (console.error === err) console.error = error;
    }
  }

  /**
   * Calls something of the module and reads what is printed until it has settled. Calls take turns: a line does not say
   * whose it is, and the module itself can neither make two WebGPU sessions at a time nor run one while another runs.
   */
  listen<T>(call: () => T | Promise<T>): Promise<{ readonly result: T; readonly printed: Printed }> {
    const turn = this.#last.then(async () => {
      const printed = { out: [], err: [] };
      this.#listener = printed;
      try {
        return { result: await call(), printed };
      } finally {
        this.#listener = undefined;
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #writer(stream: 'out' | 'err', write: typeof console.log): typeof console.log {
    return (...args: readonly unknown[]) => {
      if (this.#listener === undefined) write.apply(console, [...args]);
      else this.#listener[stream].push(args.join(' '));
    };
  }
}
