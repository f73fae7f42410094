import type { OptionValue } from '../blocks/block.ts';

/** What each field of a message must be; an absent one is `undefined`. No other field may be there. */
export type Shape<T> = { readonly [K in keyof T]-?: (value: unknown) => boolean };

/** Whether an object has the fields of a shape, each as it must be, and no others. */
export function fits<T>(value: unknown, shape: Shape<T>): value is T {
  if (!isMapOf(value, () => true)) return false;
  const checks: Readonly<Record<string, (value: unknown) => boolean>> = shape;
  return (
    Object.keys(value).every((key) => Object.hasOwn(checks, key)) &&
    Object.entries(checks).every(([key, check]) => check(value[key]))
  );
}

/** Whether a value is a list of what passes a check. */
export function isListOf(value: unknown, check: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(check);
}

/** Whether a value is an object all of whose values pass a check. */
export function isMapOf(value: unknown, check: (item: unknown) => boolean): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(check)
  );
}

/** Whether a value is one that an option of a block can take. */
export function isOptionValue(value: unknown): value is OptionValue {
  return isString(value) || typeof value === 'boolean' || Number.isFinite(value);
}

/** Whether a value is a string. */
export function isString(value: unknown): value is string {
  return typeof value === 'string';
}

/** Whether a value is a whole number from 0 on. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The first field of an object that is not as a shape has it, or nothing. */
export function firstMisfit<T>(value: unknown, shape: Shape<T>): string | undefined {
  if (!isMapOf(value, () => true)) return 'it is no object';
  const checks: Readonly<Record<string, (value: unknown) => boolean>> = shape;
  const strange = Object.keys(value).find((key) => !Object.hasOwn(checks, key));
  if (strange !== undefined) return `"${strange}" is no field of it`;
  const wrong = Object.keys(checks).find((key) => checks[key]?.(value[key]) !== true);
  return wrong === undefined ? undefined : `its "${wrong}" is missing or not what it must be`;
}
