import type { BlockDefinition } from '../blocks/block.ts';
import { type GraphView, producerOf } from '../graph/view.ts';
import { encodeGraphInput } from '../onnx/encode.ts';
import type { FieldSpan } from '../onnx/model-file.ts';
import {
  findRecordedBlock,
  type InjectionRecord,
  type OpenModel,
  type RecordedSite,
} from '../splice/index.ts';
import type { Edit } from '../wire/patch.ts';
import { type Quantizer, quantizerOf } from './requantized.ts';
import { tapEdit } from './taps.ts';
import { trainableWeights } from './weights.ts';

/** Where a block's values are read out of the instrumented model. */
export interface Tap {
  readonly recorded: RecordedSite;
  readonly tapped: string;
  /** The features that the block itself reads: the tapped value, or what it was dequantized to. */
  readonly features: string;
  readonly gate: string;
  /** The scaled features that the block itself gives, before they are quantized again. */
  readonly gated: string;
  /** What the readers get. */
  readonly scaled: string;
  /** How scaled features are quantized again, where they are and it is known. */
  readonly quantizer: Quantizer | undefined;
  /** Names of the block's nodes, for telling which provider ran them. */
  readonly nodes: readonly string[];
}

/** A rewritten model with its blocks laid open: every tap an output, every block weight an input. */
export interface Instrumented {
  readonly edits: readonly Edit[];
  readonly taps: readonly Tap[];
}

/**
 * Lays the blocks of a rewritten model open: tapped value, gate and scaled value become outputs, and block weights
 * become inputs, so that one loaded model runs with the file's weights and with seeded ones.
 *
 * The model's own outputs come first, in their order. Blocks that are not what the record says are left out: the edit
 * check has said so.
 */
export function instrument(after: OpenModel, record: InjectionRecord, block: BlockDefinition): Instrumented {
  const { view } = after;
  const edits: Edit[] = [];
  const outputs = new Set<string>();
  const inputs: Uint8Array[] = [];
  const taps: Tap[] = [];
  for (const recorded of record.sites) {
    const found = findRecordedBlock(view, recorded, block);
    if (found.findings.length > 0) continue;
    const tap = {
      recorded,
      tapped: recorded.tapped,
      features: found.features,
      gate: recorded.names['gate'] ?? found.gated,
      gated: found.gated,
      scaled: found.scaled,
      quantizer: quantizerOf(view, recorded),
      nodes: found.nodes.map((node) => view.nodes[node]?.name ?? ''),
    };
    taps.push(tap);
    for (const value of [tap.tapped, tap.features, tap.gate, tap.gated, tap.scaled]) outputs.add(value);
    for (const weight of trainableWeights(block, recorded)) {
      const name = recorded.names[weight.name] ?? '';
      const span = weightField(view, name);
      if (span === undefined) continue;
      edits.push({
        within: span.parent,
        offset: span.start,
        remove: span.end - span.start,
        insert: new Uint8Array(0),
      });
      inputs.push(encodeGraphInput(name, weight.dataType ?? recorded.site.dataType, weight.dims));
    }
  }
  edits.push(tapEdit(after, outputs, inputs));
  return { edits, taps };
}

function weightField(view: GraphView, name: string): FieldSpan | undefined {
  const node = producerOf(view, name);
  return view.initializers.get(name)?.span ?? (node?.opType === 'Constant' ? node.span : undefined);
}
