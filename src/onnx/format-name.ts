import { displayText } from '../wire/utf8.ts';

/** Names longer than this are cut where they are shown. */
const SHOWN = 200;

/**
 * A name from a model, made harmless for a terminal or a log: control and bidirectional-override characters become
 * escapes, bytes that are not UTF-8 become U+FFFD, and very long names are cut.
 *
 * @example
 * ```ts
 * formatName('conv\u001b[2J'); // → 'conv\\u001b[2J'
 * ```
 */
export function formatName(name: string): string {
  return escapeControls(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name);
}

/** A text in full, with the characters escaped that would steer a terminal or turn a line around. */
export function escapeControls(text: string): string {
  return displayText(text).replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
