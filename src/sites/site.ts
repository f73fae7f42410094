import type { NodeId, Use, ValueId } from '../graph/view.ts';
import type { DataTypeNumber } from '../onnx/data-type.ts';

/** The families of blocks that attention goes into. */
export type SiteKind =
  | 'residual'
  | 'inverted-residual'
  | 'depthwise-separable'
  | 'shuffle'
  | 'inception'
  | 'fire'
  | 'dense'
  | 'plain'
  | 'decoder';

/** The values around a block, for placements other than the standard one. */
export interface SiteBlock {
  /** The value that the block starts from: a residual block's fork. */
  readonly input: ValueId;
  /** The value that the block gives: a residual block's sum, the project convolution's output. */
  readonly output: ValueId;
  /** The skip operand of the Add, where there is one. */
  readonly skip: ValueId | undefined;
}

/** How the features at a site are quantized, by which scaled ones are quantized again. */
export interface SiteQuantization {
  /** What is tapped: the integers themselves, or what a `DequantizeLinear` has made of them. */
  readonly tapped: 'integers' | 'dequantized';
  /** Element type of the integers. */
  readonly dataType: DataTypeNumber;
  /** The value that is their scale: one number. */
  readonly scale: ValueId;
  /** The value that is their zero point; empty where they have none. */
  readonly zeroPoint: ValueId;
  /** Domain of the `QuantizeLinear` and `DequantizeLinear` to use: ONNX's own as `''`, or `com.microsoft`. */
  readonly domain: string;
}

/** A place at which a block of channel attention can be spliced in. */
export interface Site {
  /** `<stage>_<n>`, n counting from 1 in the order of the graph: as the paper writes SE_5_2. */
  readonly id: string;
  readonly kind: SiteKind;
  /** The form of the block within its kind: `basic`, `bottleneck`, `preactivation`, ... */
  readonly variant: string;
  /** The tapped value: what is squeezed and scaled. */
  readonly value: ValueId;
  /** The uses that read the scaled value instead. */
  readonly uses: readonly Use[];
  /** Number of channels of the tapped value. */
  readonly channels: number;
  /** Axis of the channels: 1, or the last one where channels are last. */
  readonly channelAxis: number;
  /** Number of axes of the tapped value: 3, 4 or 5. */
  readonly rank: number;
  readonly dataType: DataTypeNumber;
  /** How many input positions one position of the tapped value stands for, along one spatial axis. */
  readonly stride: number;
  /** log2 of the stride: 2 to 5 on a ResNet-50. */
  readonly stage: number;
  /** Spatial sizes of the tapped value, where all are known. */
  readonly spatial: readonly number[] | null;
  /** The node that reads the scaled value: the Add, the project convolution. */
  readonly node: NodeId;
  /** All nodes of the block. */
  readonly nodes: readonly NodeId[];
  readonly block: SiteBlock;
  /** Channels of the block's input, where known: what EfficientNet's ratio is of. */
  readonly inputChannels: number | undefined;
  /** Channels of the block's output, where known. */
  readonly outputChannels: number | undefined;
  /** How the tapped value is quantized, where it is: scaled features are quantized again by it. */
  readonly quantization?: SiteQuantization;
}

/** Why a candidate was turned down. */
export type RejectionReason =
  | 'has-gate'
  | 'part-of-gate'
  | 'no-fork'
  | 'no-convolution'
  | 'constant-operand'
  | 'bias'
  | 'merges-resolutions'
  | 'merges-branches'
  | 'long-skip'
  | 'nested'
  | 'attention'
  | 'recurrent'
  | 'activation-arithmetic'
  | 'position-embedding'
  | 'decoding'
  | 'no-project'
  | 'unknown-channels'
  | 'unknown-rank'
  | 'blocked-layout'
  | 'fused-sum'
  | 'integer-arithmetic'
  | 'unsupported-data-type'
  | 'inside-body'
  | 'inside-function'
  | 'part-of-other-site'
  | 'not-selected';

/** A candidate that is no site, and why. */
export interface Rejection {
  readonly node: NodeId;
  readonly opType: string;
  readonly reason: RejectionReason;
  /** One sentence that a practitioner accepts. */
  readonly detail: string;
}

/** A channel gate that the network already has. */
export interface ExistingGate {
  /** The Mul that scales the features. */
  readonly node: NodeId;
  /** The features that are scaled. */
  readonly value: ValueId;
  /** `se` where it stands inside a block that would be a site, `gate` anywhere else. */
  readonly kind: 'se' | 'gate';
  readonly channels: number | undefined;
}

/** What was found in a graph. */
export interface SiteReport {
  readonly sites: readonly Site[];
  readonly rejections: readonly Rejection[];
  readonly existing: readonly ExistingGate[];
}
