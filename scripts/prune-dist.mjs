// Removes from dist/ what no source makes any more: tsc leaves the output of a deleted file, and it would be packed.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

for (const path of readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' })) {
  const source = path.replace(/(\.d\.ts|\.js)$/, '.ts');
  if (source !== path && !existsSync(join(root, 'src', source))) {
    rmSync(join(root, 'dist', path));
  }
}
