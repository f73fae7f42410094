/** Numbers as people read them, the same on every machine whatever its language. */

/** A count with its thousands apart. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

const UNITS = ['', ' k', ' M', ' G', ' T', ' P'] as const;

/** A quantity in steps of a thousand, with three digits or so: `4.09 G`. */
export function formatQuantity(quantity: number): string {
  const sign = quantity < 0 ? '-' : '';
  let rest = Math.abs(quantity);
  let unit = 0;
  for (; rest >= 999.5 && unit < UNITS.length - 1; unit += 1) rest /= 1000;
  if (unit === 0) return `${sign}${rest}`;
  return `${sign}${rest.toFixed(rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2)}${UNITS[unit]}`;
}

/** A size in bytes: `13.6 MB`. */
export function formatBytes(bytes: number): string {
  const text = formatQuantity(bytes);
  return text.includes(' ') ? `${text.replace(' k', ' K')}B` : `${text} bytes`;
}

/** A part of a whole in percent, with two digits that count; nothing of nothing is nothing. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return part === 0 ? '0%' : 'all';
  const percent = (100 * part) / whole;
  const digits = Math.abs(percent) >= 10 ? 0 : Math.abs(percent) >= 1 ? 1 : 2;
  return `${percent.toFixed(digits)}%`;
}

/** A duration: `0.8 ms`, `120 ms`, `3.4 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A column of a table: its heading, and whether its cells end in line (numbers) or begin in line (text). */
export interface Column {
  readonly heading: string;
  readonly align: 'left' | 'right';
}

/** Lays rows out in columns, two blanks between them; an empty table is no lines at all. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const all = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)));
  return all.map((row) =>
    columns
      .map(({ align }, column) => {
        const cell = row[column] ?? '';
        const blanks = ' '.repeat((widths[column] ?? 0) - [...cell].length);
        return align === 'right' ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd(),
  );
}
