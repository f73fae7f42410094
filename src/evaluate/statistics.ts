/** The quantile of the normal distribution for intervals of 95%. */
const Z_95 = 1.959963984540054;

/** Below this p-value a difference is said to be real. */
export const SIGNIFICANCE = 0.05;

/**
 * Wilson's interval for a proportion: where the true accuracy lies with a confidence of 95%.
 *
 * Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). Of no trials nothing
 * is known, which is [0, 1].
 *
 * @example
 * ```ts
 * wilsonInterval(81, 263); // → [0.2553, 0.3662], Newcombe's example
 * ```
 */
export function wilsonInterval(successes: number, trials: number): readonly [low: number, high: number] {
  if (trials === 0) return [0, 1];
  const z2 = Z_95 ** 2;
  const share = successes / trials;
  const centre = share + z2 / (2 * trials);
  const spread = Z_95 * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials ** 2));
  const scale = 1 + z2 / trials;
  return [
    successes === 0 ? 0 : Math.max(0, (centre - spread) / scale),
    successes === trials ? 1 : Math.min(1, (centre + spread) / scale),
  ];
}

/**
 * McNemar's exact test, two-sided: how likely a split of the changed samples as uneven as this one is by chance.
 *
 * `gained` samples are right only after, `lost` ones only before; those that did not change say nothing. 1 where there
 * are none.
 *
 * @example
 * ```ts
 * mcnemarExact(1, 11); // → 0.00635
 * ```
 */
export function mcnemarExact(gained: number, lost: number): number {
  const changed = gained + lost;
  const fewer = Math.min(gained, lost);
  if (2 * fewer === changed) return 1;
  // Sum of the binomial tail, from its largest term down; in logarithms, since 2^-changed underflows.
  let logTerm = -changed * Math.LN2;
  for (let k = 1; k <= fewer; k += 1) logTerm += Math.log((changed - k + 1) / k);
  let [sum, ratio] = [0, 1];
  for (let k = fewer; k >= 0; k -= 1) {
    sum += ratio;
    ratio *= k / (changed - k + 1);
    if (ratio < sum * Number.EPSILON) break;
  }
  return Math.min(1, 2 * Math.exp(logTerm) * sum);
}
