import proto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { cifarResnet20 } from '../../fixtures/networks/resnet.ts';
import { STYLES } from '../../fixtures/style.ts';
import { fileDifference } from '../../src/verify/difference.ts';
import { openBytes } from '../helpers/inject-taps.ts';

const { onnx } = proto;
type Model = InstanceType<typeof onnx.ModelProto>;

/** A network with some of each thing that a file can hold. */
function network(change: (model: Model) => void = () => {}): Uint8Array {
  const bytes = cifarResnet20({ shortcut: 'poolConcat', width: 4, style: STYLES.torchscript }).model;
  const model = onnx.ModelProto.decode(bytes);
  const graph = model.graph as InstanceType<typeof onnx.GraphProto>;
  const float = { tensorType: { elemType: 1 } };
  const body = (name: string) => ({
    name,
    node: [
      { opType: 'Identity', input: [graph.input[0]?.name ?? ''], output: [`${name}_y`], name: `${name}_id` },
    ],
    output: [{ name: `${name}_y`, type: float }],
  });
  const branch = (name: string) => ({ name, type: onnx.AttributeProto.AttributeType.GRAPH, g: body(name) });
  graph.initializer.push(
    onnx.TensorProto.create({ name: 'spare', dims: [1], dataType: 1, rawData: Uint8Array.of(0, 0, 128, 63) }),
    onnx.TensorProto.create({ name: 'yes', dims: [], dataType: 9, rawData: Uint8Array.of(1) }),
  );
  graph.node.push(
    onnx.NodeProto.create({
      opType: 'If',
      name: 'choose',
      input: ['yes'],
      output: ['chosen'],
      attribute: [branch('then_branch'), branch('else_branch')],
    }),
  );
  graph.output.push(onnx.ValueInfoProto.create({ name: 'chosen', type: float }));
  graph.valueInfo.push(onnx.ValueInfoProto.create({ name: graph.node[0]?.output?.[0] ?? '', type: float }));
  model.functions.push(
    onnx.FunctionProto.create({
      name: 'Twice',
      domain: 'local',
      input: ['x'],
      output: ['y'],
      node: [{ opType: 'Add', name: 'twice', input: ['x', 'x'], output: ['y'] }],
    }),
  );
  model.metadataProps.push(onnx.StringStringEntryProto.create({ key: 'author', value: 'somebody' }));
  change(model);
  return onnx.ModelProto.encode(model).finish();
}

describe('fileDifference', () => {
  const graphOf = ({ graph }: Model) => graph as InstanceType<typeof onnx.GraphProto>;

  it.each<[string, (model: Model) => void, RegExp]>([
    ['nothing', () => {}, /^undefined$/],
    [
      'an attribute of a node',
      (model) => {
        const [attribute] = graphOf(model).node.find(({ opType }) => opType === 'Conv')?.attribute ?? [];
        if (attribute?.ints?.[0] !== undefined) attribute.ints[0] = 3;
      },
      /^at byte \d+, in the Conv node "\/conv1\/Conv"$/,
    ],
    [
      'a bias',
      (model) => {
        graphOf(model)
          .node.find(({ opType }) => opType === 'Conv')
          ?.input?.pop();
      },
      /in the Conv node "\/conv1\/Conv"$/,
    ],
    [
      'a node',
      (model) => {
        graphOf(model).node.pop();
        graphOf(model).output.pop();
      },
      /where the If node "choose" is missing$/,
    ],
    [
      'the body of a branch',
      (model) => {
        const graph = graphOf(model).node.at(-1)?.attribute?.[1]?.g;
        if (graph?.node?.[0] !== undefined) graph.node[0].opType = 'Relu';
      },
      /in the If node "choose"$/,
    ],
    [
      'the body of a function',
      (model) => Object.assign(model.functions[0]?.node?.[0] ?? {}, { opType: 'Mul' }),
      /in the Add node "twice" of function "Twice"$/,
    ],
    [
      'the name of an initializer',
      (model) =>
        Object.assign(graphOf(model).initializer.find(({ name }) => name === 'spare') ?? {}, {
          name: 'spar2',
        }),
      /in initializer "spare"$/,
    ],
    [
      'an initializer that nobody reads',
      (model) =>
        Object.assign(graphOf(model).initializer.find(({ name }) => name === 'spare') ?? {}, {
          rawData: Uint8Array.of(0, 0, 0, 64),
        }),
      /in initializer "spare"$/,
    ],
    ['the order of the outputs', (model) => graphOf(model).output.reverse(), /in graph output "/],
    [
      'the type of a value',
      (model) => graphOf(model).valueInfo.pop(),
      /where the type of value "\/conv1\/Conv_output_0" is missing$/,
    ],
    [
      'metadata',
      (model) => Object.assign(model.metadataProps[0] ?? {}, { value: 'nobody' }),
      /in metadata "author"$/,
    ],
    [
      'more metadata',
      (model) => model.metadataProps.push(onnx.StringStringEntryProto.create({ key: 'b', value: '' })),
      /where it has metadata "b" more$/,
    ],
    [
      'the operator set',
      (model) => Object.assign(model.opsetImport[0] ?? {}, { version: 12 }),
      /in its operator sets$/,
    ],
    ['the IR version', (model) => Object.assign(model, { irVersion: 9 }), /in its IR version$/],
    ['the producer', (model) => Object.assign(model, { producerName: 'me' }), /in its producer$/],
    [
      'the doc string',
      (model) => Object.assign(model, { docString: 'text' }),
      /outside of its nodes, tensors and values$/,
    ],
  ])('names what lies there: %s', async (_, change, expected) => {
    const [a, b] = [await openBytes(network()), await openBytes(network(change))];
    expect(String(await fileDifference(a.file, b.file))).toMatch(expected);
  });
});
