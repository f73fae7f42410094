import { SeInjectError } from '../../src/errors.ts';

/**
 * The SeInjectError that a promise rejects with, or that a function throws, so that its code and details can be asked
 * for. Anything else, an error of another class included, fails the test.
 */
export async function errorOf(failing: Promise<unknown> | (() => unknown)): Promise<SeInjectError> {
  try {
    await (typeof failing === 'function' ? failing() : failing);
  } catch (error) {
    if (error instanceof SeInjectError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
