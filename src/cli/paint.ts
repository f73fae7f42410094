import { styleText } from 'node:util';
import { type Paint, plainPaint, type TextRole } from '../report/render-text.ts';
import type { CliIo, CliStream } from './io.ts';

const STYLES: Readonly<Record<TextRole, Parameters<typeof styleText>[0]>> = {
  heading: 'bold',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  faint: 'dim',
};

/** Colour where a person watches and has not asked for none (https://no-color.org). */
export function paintFor({ env }: CliIo, stream: CliStream): Paint {
  const isWanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return isWanted ? (role, text) => styleText(STYLES[role], text, { validateStream: false }) : plainPaint;
}
