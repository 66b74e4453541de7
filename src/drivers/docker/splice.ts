/**
 * Finds where live output begins in the log. The log lags a little behind, and the first live line may be the end of a
 * line only. Texts are `plain`.
 *
 * Lines that repeat themselves may fit in several places. At rest, when log and live output both have all there is, the
 * place where they end together is right. Else the answer is `Several`, to be asked again, with the last place, after
 * which some lines may be told twice, and none is lost.
 *
 * @param sure how many of the live lines have come so long ago that the log must have them
 * @returns at how many live lines, from the first on, the log ends
 */
export function meet(
  log: readonly string[],
  live: readonly string[],
  { sure, atRest }: { sure: number; atRest: boolean },
): { found: 'One' | 'Several'; told: number } | { found: 'None' } {
  const [first] = live;
  if (first === undefined || sure === 0) return { found: 'None' };
  const compared = live.slice(0, mostCompared);
  const needed = Math.min(sure, compared.length);
  let count = 0;
  let latest = 0;
  let together: number | undefined;
  for (let start = 0; start + needed <= log.length; start++) {
    if (!log[start]?.endsWith(first)) continue;
    const end = Math.min(compared.length, log.length - start);
    let at = 1;
    while (at < end && log[start + at] === compared[at]) at += 1;
    if (at < end) continue;
    count += 1;
    latest = log.length - start;
    if (latest === live.length) together = latest;
  }
  if (count === 0) return { found: 'None' };
  if (count === 1) return { found: 'One', told: latest };
  return atRest ? { found: 'One', told: together ?? latest } : { found: 'Several', told: latest };
}

/** Beyond these the comparison gains nothing, and would take long where all lines are alike. */
const mostCompared = 64;
