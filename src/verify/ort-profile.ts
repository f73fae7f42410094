import { SeInjectError } from '../errors.ts';
import type { ProfiledNode, SessionProfile } from './runtime.ts';

/** The short names of the providers but the CPU, by the names that onnxruntime writes into a profile. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['WebGpuExecutionProvider', 'webgpu'],
  ['CUDAExecutionProvider', 'cuda'],
  ['TensorrtExecutionProvider', 'tensorrt'],
  ['DmlExecutionProvider', 'dml'],
  ['CoreMLExecutionProvider', 'coreml'],
]);

const KERNEL_SUFFIX = '_kernel_time';

/**
 * Reads the trace that onnxruntime writes with `enableProfiling`.
 *
 * A node that ran is an event of category `Node`, named `<node name>_kernel_time`, with `op_name`, `provider` and
 * `node_index` (a string) in `args`; one event for each run. Names are unique in a graph (onnxruntime refuses a model in
 * which two nodes share one), yet a subgraph may use them again: the index tells those apart, mostly. Memcpy nodes are
 * ordinary events of op `MemcpyToHost` and `MemcpyFromHost` on the device's provider; WebGPU's events of category `Api`
 * are its kernels and are skipped. After a million events onnxruntime stops writing, so profile few runs.
 *
 * @param cpu - The short name of the CPU: onnxruntime-web calls it `wasm`.
 */
export function parseProfile(json: string, cpu: 'cpu' | 'wasm' = 'cpu'): SessionProfile {
  const nodes = new Map<string, ProfiledNode>();
  for (const event of eventsOf(json)) {
    if (!isRecord(event) || event['cat'] !== 'Node' || !isRecord(event['args'])) continue;
    const { name } = event;
    const { op_name: opType, provider, node_index: index } = event['args'];
    if (typeof name !== 'string' || typeof opType !== 'string' || typeof provider !== 'string') continue;
    const node = {
      name: name.endsWith(KERNEL_SUFFIX) ? name.slice(0, -KERNEL_SUFFIX.length) : name,
      opType,
      provider: provider === 'CPUExecutionProvider' ? cpu : (SHORT_NAMES.get(provider) ?? provider),
    };
    nodes.set(JSON.stringify([node.name, node.opType, node.provider, index]), node);
  }
  return { nodes: [...nodes.values()] };
}

function eventsOf(json: string): readonly unknown[] {
  const events = parsed(json) ?? parsed(escapeNames(json));
  if (Array.isArray(events)) return events;
  throw new SeInjectError(
    'verify/run-failed',
    `onnxruntime wrote a profile that is ${events === undefined ? 'not JSON' : 'no list of events'}: run it again`,
    { details: { lost: 'profile' } },
  );
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** An event on its line or lines, up to the name, the name, and what is behind it, in which no name occurs. */
const EVENT = /(\{"cat"\s*:(?:(?!"name"\s*:).)*"name"\s*:\s*")(.*)("\s*,\s*"args"\s*:\s*\{.*)/s;

/** onnxruntime writes the names of nodes as they are: one with a quote or a line break in it makes no JSON. */
function escapeNames(json: string): string {
  return json
    .split(/^(?=\{"cat"\s*:)/m)
    .map((event) =>
      event.replace(
        EVENT,
        (_, head: string, name: string, rest: string) => head + JSON.stringify(name).slice(1, -1) + rest,
      ),
    )
    .join('');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
