import { SeInjectError } from '../errors.ts';

/** The way from the model down to a message, kept as a chain so that it costs nothing until it is shown. */
export interface FieldPath {
  /** The message that holds this one, or nothing for the model. */
  readonly parent?: FieldPath | undefined;
  /** The field's name in the ONNX schema. */
  readonly name: string;
  /** Which of the repeated ones. */
  readonly index?: number | undefined;
  /** How many messages lie around this one. */
  readonly depth: number;
}

/** The depth at which protobuf readers stop by default, so that no file can exhaust the stack. */
const DEPTH_LIMIT = 100;

/** The path of the model itself. */
export const MODEL_PATH: FieldPath = { name: 'model', depth: 0 };

/**
 * The path one message further down.
 *
 * Throws `wire/too-deep` where messages nest deeper than any reader of protobuf follows.
 */
export function childPath(parent: FieldPath, name: string, offset: number, index?: number): FieldPath {
  const depth = parent.depth + 1;
  if (depth <= DEPTH_LIMIT) return { parent, name, index, depth };
  throw new SeInjectError(
    'wire/too-deep',
    `messages nest over ${DEPTH_LIMIT} deep at byte ${offset}, in ${formatPath(parent)}: no ONNX reader follows them`,
    { details: { offset, field: formatPath(parent), limit: DEPTH_LIMIT } },
  );
}

/**
 * Writes a path as `model.graph.node[12].attribute[0]`.
 *
 * @example
 * ```ts
 * formatPath({ parent: MODEL_PATH, name: 'functions', index: 3, depth: 1 }); // → 'model.functions[3]'
 * ```
 */
export function formatPath(path: FieldPath): string {
  const parts: string[] = [];
  for (let at: FieldPath | undefined = path; at !== undefined && parts.length < 12; at = at.parent) {
    parts.unshift(at.index === undefined ? at.name : `${at.name}[${at.index}]`);
    if (parts.length === 12 && at.parent !== undefined) parts.unshift('…');
  }
  return parts.join('.');
}
