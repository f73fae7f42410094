import { BLOCK_INPUT, type BlockDefinition, type NodeSpec } from '../blocks/block.ts';
import { SeInjectError } from '../errors.ts';
import { DataType } from '../onnx/data-type.ts';
import type { SiteQuantization } from '../sites/site.ts';
import type { RecordedSite } from './record.ts';

/** A node at a site, by local names; beside a block's own there are those that quantize. */
export interface SiteNode extends NodeSpec {
  /** Domain of the operator where it is not ONNX's own. */
  readonly domain?: string;
}

/** The nodes at a site and the values between them, by local names. */
export interface SiteNodes {
  /** Sorted; the last one gives the value that the readers get. */
  readonly nodes: readonly SiteNode[];
  /** The features that the block itself reads, in floating point. */
  readonly features: string;
  /** The scaled features that the block itself gives, in floating point. */
  readonly scaled: string;
  /** Values of the model that the nodes read beside the tapped one, by their local names. */
  readonly outer: ReadonlyMap<string, string>;
}

const SCALE = `${BLOCK_INPUT}.scale`;
const ZERO_POINT = `${BLOCK_INPUT}.zero_point`;
const QUANTIZE = 'requantize';
const DEQUANTIZE = 'dequantize';

/**
 * The nodes of a block at a site. Where the features are quantized, scaled ones are quantized again by the same scale
 * and zero point, so that the network's integer layers stay what they are: behind a `DequantizeLinear` come another
 * `QuantizeLinear` and `DequantizeLinear`, and around a block on integers, one of each.
 *
 * With a gate of 1 nothing is lost: for an integer q, rounding q * scale / scale gives q.
 *
 * Throws `blocks/invalid-definition` for a block with nodes of these names.
 */
export function nodesAtSite(
  block: BlockDefinition,
  { site, options, quantization }: Pick<RecordedSite, 'site' | 'options' | 'quantization'>,
): SiteNodes {
  const own = block.build(site, options);
  const scaled = own.at(-1)?.name ?? BLOCK_INPUT;
  if (quantization === undefined) return { nodes: own, features: BLOCK_INPUT, scaled, outer: new Map() };
  const taken = own.find(({ name }) => name === QUANTIZE || name === DEQUANTIZE);
  if (taken !== undefined) {
    throw new SeInjectError(
      'blocks/invalid-definition',
      `block "${block.name}" has a node "${taken.name}", which is the name of one beside it in quantized networks: give it another`,
      { details: { block: block.name, node: taken.name } },
    );
  }
  const outer = new Map([[SCALE, quantization.scale]]);
  if (quantization.zeroPoint !== '') outer.set(ZERO_POINT, quantization.zeroPoint);
  const [quantize, dequantize] = quantizers(quantization, [...outer.keys()]);
  if (quantization.tapped === 'dequantized') {
    const nodes = [...own, quantize(scaled), dequantize(QUANTIZE)];
    return { nodes, features: BLOCK_INPUT, scaled, outer };
  }
  const onFloats = own.map((node) => ({
    ...node,
    inputs: node.inputs.map((input) => (input === BLOCK_INPUT ? DEQUANTIZE : input)),
  }));
  return {
    nodes: [dequantize(BLOCK_INPUT), ...onFloats, quantize(scaled)],
    features: DEQUANTIZE,
    scaled,
    outer,
  };
}

function quantizers(
  { dataType, domain, zeroPoint }: SiteQuantization,
  scales: readonly string[],
): readonly [quantize: (input: string) => SiteNode, dequantize: (input: string) => SiteNode] {
  const at = domain === '' ? {} : { domain };
  // Without a zero point, QuantizeLinear gives UINT8 unless it is told otherwise.
  const told = zeroPoint === '' && dataType !== DataType.UINT8 ? { output_dtype: { int: dataType } } : {};
  return [
    (input) => ({
      name: QUANTIZE,
      opType: 'QuantizeLinear',
      inputs: [input, ...scales],
      attributes: told,
      ...at,
    }),
    (input) => ({ name: DEQUANTIZE, opType: 'DequantizeLinear', inputs: [input, ...scales], ...at }),
  ];
}
