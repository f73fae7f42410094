/**
 * Writes a report, or anything plain, as one line of JSON that is harmless on a terminal.
 *
 * JSON itself escapes only the first 32 control characters; those of the upper half and the ones that turn a line around
 * are escaped here too, which changes nothing of the meaning.
 */
export function renderJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
