import type { BlockSite, OptionValue, ResolvedOptions } from '../../src/blocks/block.ts';
import { NEUTRAL } from '../../src/blocks/initializers.ts';
import { fillOptions } from '../../src/blocks/options.ts';
import { se } from '../../src/blocks/se.ts';
import { DataType } from '../../src/onnx/data-type.ts';

/** A site as a block sees it: a residual one of 64 float32 channels, unless said otherwise. */
export function blockSite(site: Partial<BlockSite> = {}): BlockSite {
  return {
    kind: 'residual',
    channels: 64,
    channelAxis: 1,
    rank: 4,
    dataType: DataType.FLOAT,
    opset: 17,
    spatial: [56, 56],
    inputChannels: undefined,
    outputChannels: undefined,
    ...site,
  };
}

/** The options of an SE block, decided for a site. */
export function seOptions(
  site: BlockSite,
  given: Readonly<Record<string, OptionValue>> = {},
  init = NEUTRAL,
): ResolvedOptions {
  return se.resolve(fillOptions(se, given), site, init);
}
