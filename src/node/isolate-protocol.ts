import { type ErrorCode, isSeInjectError, SeInjectError } from '../errors.ts';

/** What the parent sends to the child, once. */
export interface JobMessage {
  readonly job: string;
  readonly argument: unknown;
}

/** What the parent may send later: the job is to come to an end with what it has. */
export interface StopMessage {
  readonly type: 'stop';
}

/** What the child sends back: any number of times its progress, then one of the others. */
export type ChildMessage =
  | { readonly type: 'progress'; readonly value: unknown }
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed'; readonly error: PackedError };

/** An error as plain data: a structured clone drops the class, the code and the details. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Set for a {@link SeInjectError}. */
  readonly code: ErrorCode | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: PackedError | undefined;
}

/** How long a chain of causes is followed: one that bites its own tail would have no end. */
const MAX_CAUSES = 8;

/** Makes plain data of whatever was thrown. */
export function packError(thrown: unknown, depth = 0): PackedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const ours = isSeInjectError(error);
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: ours ? error.code : undefined,
    details: ours ? cloneable(error.details) : {},
    cause: error.cause === undefined || depth >= MAX_CAUSES ? undefined : packError(error.cause, depth + 1),
  };
}

/** Makes the error again, with the stack that it had in the child. */
export function unpackError(packed: PackedError): Error {
  const cause = packed.cause === undefined ? undefined : unpackError(packed.cause);
  const error =
    packed.code === undefined
      ? new Error(packed.message, cause === undefined ? undefined : { cause })
      : new SeInjectError(packed.code, packed.message, { details: packed.details, cause });
  error.name = packed.name;
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

/** The details that can cross, the others as text: details are for programs, and losing one must not lose the error. */
function cloneable(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => {
      try {
        structuredClone(value);
        return [key, value];
      } catch {
        return [key, String(value)];
      }
    }),
  );
}
