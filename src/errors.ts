/**
 * What went wrong, as a stable string: an area, a slash and the fact. Callers match on this, never on the message.
 *
 * This union is the only list of codes. The area is the folder that throws.
 */
export type ErrorCode =
  // Bytes.
  | 'wire/truncated'
  | 'wire/length-past-end'
  | 'wire/overlong-varint'
  | 'wire/invalid-tag'
  | 'wire/unexpected-wire-type'
  | 'wire/too-deep'
  | 'wire/too-large'
  | 'wire/patch-overlap'
  // The model as written.
  | 'onnx/not-a-model'
  | 'onnx/foreign-format'
  | 'onnx/empty-file'
  | 'onnx/no-graph'
  | 'onnx/unsupported-opset'
  | 'onnx/unsupported-data-type'
  | 'onnx/unsupported-ir-version'
  | 'onnx/external-data-missing'
  | 'onnx/external-data-path'
  | 'onnx/external-data-range'
  | 'onnx/external-data-unavailable'
  | 'onnx/tensor-data-size'
  | 'onnx/invalid-array'
  // The graph view.
  | 'graph/duplicate-name'
  | 'graph/empty-name'
  | 'graph/cycle'
  | 'graph/dangling-input'
  | 'graph/lint'
  // Where a block goes.
  | 'sites/unknown-site'
  | 'sites/no-site'
  | 'sites/unknown-node'
  | 'sites/ambiguous-node'
  // What goes there.
  | 'blocks/invalid-option'
  | 'blocks/unsupported-data-type'
  | 'blocks/unsupported-opset'
  | 'blocks/unsupported-rank'
  | 'blocks/invalid-definition'
  | 'blocks/unknown-block'
  | 'blocks/invalid-weights'
  // The edit.
  | 'splice/result-too-large'
  | 'splice/name-clash'
  | 'splice/stale-plan'
  | 'splice/invalid-plan'
  | 'splice/no-record'
  | 'splice/invalid-record'
  | 'splice/cannot-strip'
  // The check.
  | 'verify/mismatch'
  | 'verify/runtime-missing'
  | 'verify/provider-unavailable'
  | 'verify/model-rejected'
  | 'verify/run-failed'
  | 'verify/invalid-input'
  // Labelled data.
  | 'evaluate/invalid-data'
  | 'evaluate/bad-sample'
  | 'evaluate/invalid-option'
  | 'evaluate/unsupported-model'
  | 'evaluate/decoder-missing'
  // Files, in Node.
  | 'node/not-a-file'
  | 'node/not-found'
  | 'node/file-changed'
  | 'node/output-exists'
  | 'node/same-file'
  | 'node/io'
  // The command line.
  | 'cli/usage';

/** What a {@link SeInjectError} is made with, besides its code and message. */
export interface SeInjectErrorOptions {
  /** The facts behind the message, for programs: byte offset, field path, site, option and the like. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * The mark that {@link isSeInjectError} looks for. It comes from the global symbol registry, so that two copies of the
 * package agree on it where `instanceof` would not.
 */
const BRAND: unique symbol = Symbol.for('se-inject.error');

/**
 * The one error that this package throws on purpose.
 *
 * The message is the fact, then the offending value in quotes, then what to do; it starts lower-case and has no full
 * stop. An error of any other class is a fault of ours.
 *
 * @example
 * ```ts
 * const error = new SeInjectError(
 *   'blocks/unknown-block',
 *   'unknown block "sse": use one of "se", "ese", "eca"',
 *   { details: { block: 'sse' } },
 * );
 * error.code; // → 'blocks/unknown-block'
 * error.details['block']; // → 'sse'
 * ```
 */
export class SeInjectError extends Error {
  /** What went wrong, as a stable string. */
  readonly code: ErrorCode;
  /** The facts behind the message; an empty object where there are none. */
  readonly details: Readonly<Record<string, unknown>>;

  /** Makes an error from its code, its message and, where there are any, its details and cause. */
  constructor(code: ErrorCode, message: string, options: SeInjectErrorOptions = {}) {
    // `cause` is set only where given: an own property that is undefined would be printed by Node.
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SeInjectError';
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Tells whether a caught value is a {@link SeInjectError}, even one thrown by another copy of this package.
 *
 * @example
 * ```ts
 * try {
 *   throw new SeInjectError('onnx/empty-file', 'file "a.onnx" is empty: export the model again');
 * } catch (error) {
 *   if (!isSeInjectError(error)) throw error;
 *   error.code; // → 'onnx/empty-file'
 * }
 * ```
 */
export function isSeInjectError(value: unknown): value is SeInjectError {
  return typeof value === 'object' && value !== null && BRAND in value;
}
