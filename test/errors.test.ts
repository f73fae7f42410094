import { describe, expect, it } from 'vitest';
import { isSeInjectError, SeInjectError } from '../src/errors.ts';

describe('SeInjectError', () => {
  it('carries its code, message, details and cause', () => {
    const cause = new Error('disk');
    const error = new SeInjectError('node/io', 'cannot read "a.onnx"', {
      details: { path: 'a.onnx' },
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('SeInjectError');
    expect(error.code).toBe('node/io');
    expect(error.message).toBe('cannot read "a.onnx"');
    expect(error.details).toEqual({ path: 'a.onnx' });
    expect(error.cause).toBe(cause);
  });

  it('has empty details and no cause of its own where none is given', () => {
    const error = new SeInjectError('graph/cycle', 'the graph has a cycle');
    expect(error.details).toEqual({});
    expect(Object.hasOwn(error, 'cause')).toBe(false);
  });
});

describe('isSeInjectError', () => {
  it('knows an error of another copy of the package', async () => {
    // The query makes it a module of its own, as a second copy in node_modules would be.
    const path = '../src/errors.ts?copy';
    const copy: typeof import('../src/errors.ts') = await import(path);
    expect(copy.SeInjectError).not.toBe(SeInjectError);
    const error = new copy.SeInjectError('graph/cycle', 'the graph has a cycle');
    expect(error).not.toBeInstanceOf(SeInjectError);
    expect(isSeInjectError(error)).toBe(true);
  });

  it('turns everything else down', () => {
    const lookalike = Object.assign(new Error('x'), {
      name: 'SeInjectError',
      code: 'graph/cycle',
      details: {},
    });
    for (const value of [
      lookalike,
      new Error('x'),
      { code: 'graph/cycle' },
      'graph/cycle',
      null,
      undefined,
    ]) {
      expect(isSeInjectError(value)).toBe(false);
    }
  });
});
