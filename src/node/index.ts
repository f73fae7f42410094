/**
 * What only Node can do: files and onnxruntime-node.
 *
 * @packageDocumentation
 */

export {};
