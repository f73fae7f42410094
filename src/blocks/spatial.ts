import type { Tracked } from './tracked.ts';

/**
 * A convolution of maps with one channel each to one map, of an odd kernel of the same size along all axes, zeros
 * around the maps: for the references of blocks that look at positions side by side.
 */
export function convolve(
  maps: readonly Tracked[],
  spatial: readonly number[],
  weights: ReadonlyMap<string, Float64Array>,
  name: string,
  kernel: number,
): Tracked {
  const weight = weights.get(`${name}.weight`) ?? new Float64Array(0);
  const bias = weights.get(`${name}.bias`)?.[0] ?? 0;
  const [samples = 1, , positions = 1] = maps[0]?.dims ?? [];
  const taps = kernel ** spatial.length;
  const data = new Float64Array(samples * positions).fill(bias);
  const magnitude = new Float64Array(data.length).fill(Math.abs(bias));
  const inherited = new Float64Array(data.length);
  for (let position = 0; position < positions; position += 1) {
    for (let tap = 0; tap < taps; tap += 1) {
      const from = neighbour(position, tap, spatial, kernel);
      if (from === undefined) continue;
      for (const [channel, map] of maps.entries()) {
        const w = weight[channel * taps + tap] ?? 0;
        for (let sample = 0; sample < samples; sample += 1) {
          const [at, source] = [sample * positions + position, sample * positions + from];
          const value = map.data[source] ?? 0;
          data[at] = (data[at] ?? 0) + w * value;
          magnitude[at] = (magnitude[at] ?? 0) + Math.abs(w * value);
          inherited[at] = (inherited[at] ?? 0) + Math.abs(w) * (map.bound[source] ?? 0);
        }
      }
    }
  }
  const terms = taps * maps.length + 1;
  const bound = inherited.map((error, at) => error + terms * (magnitude[at] ?? 0));
  return { dims: [samples, 1, positions], data, bound };
}

/** The position that a kernel's tap reads around another one, or nothing beyond the edges. */
function neighbour(
  position: number,
  tap: number,
  spatial: readonly number[],
  kernel: number,
): number | undefined {
  let [rest, offset, from, step] = [position, tap, 0, 1];
  for (const size of [...spatial].reverse()) {
    const at = (rest % size) + (offset % kernel) - (kernel - 1) / 2;
    if (at < 0 || at >= size) return undefined;
    from += at * step;
    step *= size;
    rest = Math.floor(rest / size);
    offset = Math.floor(offset / kernel);
  }
  return from;
}
