import { SeInjectError } from '../errors.ts';
import type { RejectionReason } from './runtime.ts';

/**
 * What onnxruntime 1.30 writes into the errors of session creation, in Node and in the browser, and what it means. Its
 * JavaScript errors carry no code, so the words are all there is; the first match wins.
 */
const REJECTIONS: readonly (readonly [RegExp, RejectionReason])[] = [
  // Before `invalid-model`: "This is an invalid model. In Node, (...), Error No Op registered for Foo ...", "Error No
  // opset import for domain 'my.domain'", "Fatal error: my.domain:Foo(-1) is not a registered function/op".
  [/No Op registered for|No opset import for domain|is not a registered function\/op/, 'unknown-operator'],
  [/Unsupported model IR version|only \*guarantees\* support for models stamped/, 'unknown-operator'],
  // "Could not find an implementation for Sigmoid(13) node with name 'y'"; in the browser, where WebGPU was asked for and
  // the CPU cannot either, "Provider type for Sigmoid node with name 'y' is not set."
  [/Could not find an implementation for|Provider type for .* node with name .* is not set/, 'no-kernel'],
  // "Unsupported data type: 16", from the JavaScript side: a graph input or output of bfloat16 or float8. "MLDataType
  // for: tensor(complex64) is not currently registered or supported"
  [/[Uu]nsupported data type: \d+|MLDataType for: .* is not currently registered/, 'unsupported-type'],
  // "External data path validation failed for initializer: w.", "External initializer: w offset: 0 size to read: ...",
  // "Failed to load external data file ""w.bin"", error: Module.MountedFiles is not available."
  [/External data path|External initializer|external data/i, 'external-data'],
  // "protobuf parsing failed", "No graph was found in the protobuf.", "Invalid model. Node input 'q' is not a graph input, ...", "Model data pointer is null",
  // "Type Error: Type (tensor(float)) of output arg (y) ... does not match expected type"
  [
    /invalid model|protobuf parsing failed|No graph was found|Model data pointer is null|Type Error|File doesn't exist/i,
    'invalid-model',
  ],
];

/** Errors that come from the provider, not from the model. */
const PROVIDER =
  // "no available backend found. ERR: [coreml] backend not found.", "Failed to load shared library" (CUDA absent),
  // "Failed to get a WebGPU adapter: No supported adapters" (no driver), "... WebGPU device"
  /no available backend found|Failed to load (shared )?library|Failed to get a WebGPU (adapter|device)|executionProviders\[\d+\] is unsupported|CUDA failure/i;

/** The device lacks something, found out by a run or by what a session computes ahead: "Program Relu requires f16 but the device does not support it". */
const DEVICE_LACKS = /requires f16 but the device does not support it/;

/** Memory that the machine does not have: "Failed to allocate memory for requested buffer of size 34359738368". */
const NO_MEMORY = /Failed to allocate memory|std::bad_alloc|bad allocation/;

/** The error of a session that could not be created, told apart by whose fault it is. */
export function sessionError(cause: unknown, provider: string, model: string): SeInjectError {
  const text = messageOf(cause);
  if (DEVICE_LACKS.test(text)) return lacksFloat16(text, provider, cause);
  if (NO_MEMORY.test(text)) return outOfMemory(text, provider, cause);
  if (PROVIDER.test(text)) {
    return new SeInjectError(
      'verify/provider-unavailable',
      `provider "${provider}" is not available here (${text}): use another, or install its driver`,
      { details: { provider }, cause },
    );
  }
  const reason = REJECTIONS.find(([pattern]) => pattern.test(text))?.[1] ?? 'unknown';
  return new SeInjectError(
    'verify/model-rejected',
    `onnxruntime does not load ${model} (${text}): ${REMEDIES[reason]}`,
    { details: { provider, reason }, cause },
  );
}

/** The error of a run that failed. */
export function runError(cause: unknown, provider: string): SeInjectError {
  const text = messageOf(cause);
  if (DEVICE_LACKS.test(text)) return lacksFloat16(text, provider, cause);
  if (NO_MEMORY.test(text)) return outOfMemory(text, provider, cause);
  return new SeInjectError(
    'verify/run-failed',
    `onnxruntime could not run the model on "${provider}" (${text}): check the inputs and their shapes`,
    { details: { provider }, cause },
  );
}

function outOfMemory(text: string, provider: string, cause: unknown): SeInjectError {
  return new SeInjectError(
    'verify/run-failed',
    `onnxruntime ran out of memory on "${provider}" (${text}): free some, or use smaller inputs`,
    { details: { provider, lost: 'memory' }, cause },
  );
}

function lacksFloat16(text: string, provider: string, cause: unknown): SeInjectError {
  return new SeInjectError(
    'verify/provider-unavailable',
    `the device of provider "${provider}" lacks float16 (${text}): use another provider for this model`,
    { details: { provider, lacks: 'float16' }, cause },
  );
}

const REMEDIES: Readonly<Record<RejectionReason, string>> = {
  'unknown-operator': 'it needs a custom operator or a newer onnxruntime',
  'no-kernel': 'run it on a provider that has the operator for this type',
  'unsupported-type': 'inputs and outputs of this type need a Cast',
  'external-data': 'put its data files beside it',
  'invalid-model': 'export it again',
  unknown: 'see the message for why',
};

/** onnxruntime's message on one line, without what it may begin with: a JavaScript wrapping and a place in its sources. */
function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const line = text.replace(/\s+/g, ' ').trim();
  return (
    line
      // "Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: ...", "failed to call OrtRun(). ERROR_CODE: ..."
      .replace(/^.{0,40}? ERROR_CODE: \d+, ERROR_MESSAGE: (?=\S)/, '')
      // "/onnxruntime_src/onnxruntime/core/graph/model.cc:202 onnxruntime::Model::Model(...) Unsupported model IR version"
      .replace(/^\/\S*onnxruntime\S*\.(?:cc|h):\d+ .*?\)(?:::<lambda\(\)>| const)? (?=\S)/, '')
  );
}
