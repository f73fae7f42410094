import { strangeModels } from '../../fixtures/strange.ts';

/** The bytes of a strange model, by its name. */
export function strangeModel(name: string): Uint8Array {
  const model = strangeModels().find((candidate) => candidate.name === name);
  if (model === undefined) throw new Error(`there is no strange model "${name}"`);
  return model.bytes;
}
