/**
 * Finds where a Squeeze-and-Excitation block belongs in an ONNX network, splices it in and checks the result.
 *
 * Everything here runs in Node and in the browser alike.
 *
 * @packageDocumentation
 */

export { type ErrorCode, isSeInjectError, SeInjectError, type SeInjectErrorOptions } from './errors.ts';
