import { type BytePatch, type Enclosure, varintWidth, type WidthRule } from '../wire/patch.ts';

/**
 * The widths that a later undo could not tell by {@link undoRule}: only files whose writer pads length prefixes have
 * any. Keys count the mended prefixes in the order of the file.
 */
export function recordedWidths(patch: BytePatch): Record<string, number> {
  const widths: Record<string, number> = {};
  for (const [order, { field, length, width }] of patch.prefixes.entries()) {
    const had = prefixWidth(field);
    const original = field.end - field.contentStart;
    if (undoneWidth(length, width, original) !== had) widths[order] = had;
  }
  return widths;
}

/** Gives mended prefixes the width they had before an injection: the recorded one, or by rule. */
export function undoRule(widths: Readonly<Record<string, number>>): WidthRule {
  return (field, order) => {
    const recorded = widths[order];
    if (recorded !== undefined) return Math.min(recorded, 5);
    const minimal = varintWidth(field.end - field.contentStart) === prefixWidth(field);
    return minimal ? 1 : prefixWidth(field);
  };
}

/** The width that the rule gives back: as short as can be for a prefix that is, else unchanged. */
function undoneWidth(length: number, width: number, original: number): number {
  return varintWidth(length) === width ? varintWidth(original) : width;
}

function prefixWidth(field: Enclosure): number {
  return field.contentStart - field.lengthStart;
}
