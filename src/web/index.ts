/**
 * What only a browser can do: the page and onnxruntime-web.
 *
 * @packageDocumentation
 */

export {};
