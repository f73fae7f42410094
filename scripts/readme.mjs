// Writes the command line's help into the README, between its two marks: `npm run readme`, after a build.
// test/readme.test.ts fails where the README says something else than the command.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const START = '<!-- help: written by scripts/readme.mjs -->';
const END = '<!-- end of help -->';

/**
 * The README with the help between its marks.
 *
 * @param {string} readme
 * @param {string} help
 */
export function withHelp(readme, help) {
  const [before, rest] = readme.split(START);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`README.md lacks "${START}" or "${END}"`);
  return `${before}${START}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n\n${END}${after}`;
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, '..');
  const path = join(root, 'README.md');
  const help = execFileSync(process.execPath, [join(root, 'bin', 'se-inject.js'), '--help'], {
    encoding: 'utf8',
  });
  writeFileSync(path, withHelp(readFileSync(path, 'utf8'), help));
}
