import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OrtOutput } from '../../src/web/ort-output.ts';

/** What onnxruntime-web keeps of the console: the functions that were there while it started. */
interface Module {
  readonly print: typeof console.log;
  readonly printError: typeof console.error;
}

const log = vi.fn();
const error = vi.fn();

beforeEach(() => {
  vi.stubGlobal('console', { ...console, log, error });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetAllMocks();
});

function start(output: OrtOutput): Promise<Module> {
  return output.startWith(async () => ({
    print: console.log.bind(console),
    printError: console.error.bind(console),
  }));
}

describe('startWith', () => {
  it('gives the console back, and lets through what nobody listens to', async () => {
    const { print, printError } = await start(new OrtOutput());
    expect([console.log, console.error]).toEqual([log, error]);
    print('a', 1);
    printError('b');
    expect(log.mock.calls).toEqual([['a', 1]]);
    expect(error.mock.calls).toEqual([['b']]);
  });

  it('gives it back after a failure too', async () => {
    await expect(new OrtOutput().startWith(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect([console.log, console.error]).toEqual([log, error]);
  });

  it('leaves it alone where somebody else has taken it meanwhile', async () => {
    const theirs = vi.fn();
    await new OrtOutput().startWith(async () => {
      console.log = theirs;
    });
    expect([console.log, console.error]).toEqual([theirs, error]);
  });
});

describe('listen', () => {
  it('reads what is printed meanwhile, and nothing of the page', async () => {
    const output = new OrtOutput();
    const { print, printError } = await start(output);
    const { result, printed } = await output.listen(async () => {
      print('[');
      printError('warning');
      console.log('the page');
      await Promise.resolve();
      print(']');
      return 7;
    });
    expect(result).toBe(7);
    expect(printed).toEqual({ out: ['[', ']'], err: ['warning'] });
    expect(log.mock.calls).toEqual([['the page']]);
  });

  it('takes turns, and gives the turn on after a failure', async () => {
    const output = new OrtOutput();
    const { print } = await start(output);
    const call = async (name: string): Promise<void> => {
      print(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      print(`${name} ends`);
      if (name === 'b') throw new Error('b fails');
    };
    const [a, b, c] = await Promise.allSettled(
      ['a', 'b', 'c'].map((name) => output.listen(() => call(name))),
    );
    expect(a).toMatchObject({ value: { printed: { out: ['a begins', 'a ends'] } } });
    expect(b).toMatchObject({ reason: { message: 'b fails' } });
    expect(c).toMatchObject({ value: { printed: { out: ['c begins', 'c ends'] } } });
    expect(log).not.toHaveBeenCalled();
  });
});
