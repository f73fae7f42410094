import { isSeInjectError, SeInjectError } from '../errors.ts';
import { escapeControls } from '../onnx/format-name.ts';
import type { DataFault, FaultKind } from './sample.ts';

/** Faults of one kind, as the report has them. */
export interface FaultReport {
  readonly kind: FaultKind;
  /** Samples that were left out for it (classes, for `empty-class`). */
  readonly count: number;
  /** The first of them. */
  readonly examples: readonly { readonly name: string; readonly detail: string }[];
}

/** How many faults of a kind are named; the rest are counted. */
const EXAMPLES = 10;

/** Counts and names what could not be used. Memory does not grow with the number of faults. */
export class FaultLog {
  readonly #kinds = new Map<FaultKind, { count: number; examples: { name: string; detail: string }[] }>();
  readonly #strict: boolean;

  /** With `strict`, the first fault is thrown. */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Takes a fault down; throws `evaluate/bad-sample` where none is allowed. */
  add(fault: DataFault): void {
    if (this.#strict) throw badSample(fault);
    const { kind, name, detail, count = 1 } = fault;
    const entry = this.#kinds.get(kind) ?? { count: 0, examples: [] };
    entry.count += count;
    if (entry.examples.length < EXAMPLES) entry.examples.push({ name, detail });
    this.#kinds.set(kind, entry);
  }

  /** All of them so far, in the order in which the kinds were met. */
  report(): readonly FaultReport[] {
    return [...this.#kinds].map(([kind, { count, examples }]) => ({ kind, count, examples: [...examples] }));
  }
}

/** The error of a sample that cannot be used; {@link faultOf} makes a fault of it again. */
export function badSample({ kind, name, detail }: DataFault, cause?: unknown): SeInjectError {
  return new SeInjectError('evaluate/bad-sample', `"${escapeControls(name)}": ${detail}`, {
    details: { kind, name, detail },
    cause,
  });
}

/** The fault that an error tells of, or nothing where it is an error of another sort. */
export function faultOf(error: unknown): DataFault | undefined {
  if (!isSeInjectError(error) || error.code !== 'evaluate/bad-sample') return undefined;
  const { kind, name, detail } = error.details;
  return { kind: kind as FaultKind, name: String(name), detail: String(detail) };
}

/** An error about data as a whole. */
export function invalidData(message: string, path: string, cause?: unknown): SeInjectError {
  return new SeInjectError('evaluate/invalid-data', message, { details: { path }, cause });
}
