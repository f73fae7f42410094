import { readWeightsFile } from '../node/weights-file.ts';
import type { GivenWeights } from '../splice/index.ts';
import { usageError } from './failure.ts';
import { readText } from './read-text.ts';

/** Reads a file of weights, with the map of names where there is one. */
export async function readGivenWeights(path: string, mapPath: string | undefined): Promise<GivenWeights> {
  const arrays = await readWeightsFile(path);
  return mapPath === undefined ? { arrays } : { arrays, names: parseMap(mapPath, await readText(mapPath)) };
}

function parseMap(path: string, text: string): Readonly<Record<string, string>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (isMap(parsed)) return parsed;
  throw usageError(
    `--weights-map "${path}" is no JSON object of names: {"2_1": "layer1.0.se", "2_2.fc1.bias": "..."}`,
  );
}

function isMap(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((name) => typeof name === 'string');
}
