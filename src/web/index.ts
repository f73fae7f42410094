/**
 * What only a browser can do: the page and onnxruntime-web.
 *
 * @packageDocumentation
 */

export {
  type OrtWebModule,
  type OrtWebOptions,
  openOnnxRuntimeWeb,
  type WebRuntime,
} from './onnxruntime-web.ts';
export { probeWebProvider } from './provider-probe.ts';
