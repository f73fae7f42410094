import type { NodeId, ValueId } from '../graph/view.ts';
import { dataTypeName } from '../onnx/data-type.ts';
import type { NodeProto } from '../onnx/model-file.ts';
import { describeStep } from './describe-step.ts';
import type { ExplainedStep, ExplainedValue, NodeRef } from './explanation.ts';
import { channelsOf, type Reading, typeOf } from './reading.ts';
import type { Step } from './step.ts';

/** The node as it is in the file. */
export function writtenProto({ written }: Reading, node: NodeId): NodeProto {
  return written.nodes[node]!;
}

/** A node by what people know it by. */
export function refTo(reading: Reading, node: NodeId): NodeRef {
  const { opType, name, output } = writtenProto(reading, node);
  return { index: node, opType, name: name || (output.find((value) => value !== '') ?? '') };
}

/** A step as plain data. */
export function stepOf(reading: Reading, step: Step): ExplainedStep {
  return {
    role: step.role,
    summary: describeStep(reading, step),
    nodes: [...step.nodes]
      .sort((a, b) => (reading.place[a] ?? 0) - (reading.place[b] ?? 0))
      .map((node) => refTo(reading, node)),
  };
}

/** What is known of a value. */
export function explainValue(reading: Reading, value: ValueId): ExplainedValue {
  const type = typeOf(reading, value);
  const origin = reading.originOf(value);
  return {
    value,
    dataType: dataTypeName(type?.dataType ?? 0),
    shape: type?.shape?.map((dim) => dim ?? null) ?? null,
    channels: reading.isData(origin) ? (channelsOf(reading, origin) ?? null) : null,
  };
}
