/**
 * What only Node can do: files and onnxruntime-node.
 *
 * @packageDocumentation
 */

export { type DiskFolder, openFolder } from './data-folder.ts';
export { type DataOptions, type OpenData, openData } from './eval-data.ts';
export { type EvaluateFilesOptions, evaluateFiles } from './eval-files.ts';
export type { DataFileFate } from './external-files.ts';
export { type FileIdentity, type FileSource, type FillingSource, openFile } from './file-source.ts';
export { type CollectGatesOptions, collectGatesFromFile } from './gates-files.ts';
export { loadBlock } from './load-block.ts';
export { readArrays } from './npz.ts';
export { type OrtModule, openOnnxRuntime } from './onnxruntime.ts';
export { probeProvider } from './provider-probe.ts';
export { type RewrittenModel, type SaveOptions, saveModel } from './save-model.ts';
export { STDIN_LIMIT, streamSource } from './stdin-source.ts';
export { type VerifyFilesOptions, verifyFiles } from './verify-files.ts';
export { readWeightsFile } from './weights-file.ts';
export type { WrittenModel } from './write-model.ts';
export type { WriteTimings } from './write-patch.ts';
