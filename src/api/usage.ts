/** What is known of a sum, as people read it: `?` where nothing was reported, `1200+?` where some turns did not report. */
export const reported = (known: string | number | undefined, unreported = 0): string =>
  known === undefined ? '?' : `${known}${unreported > 0 ? '+?' : ''}`;

/** Amounts by currency, as in `0.25 USD + 1 EUR`; undefined where there is none. */
export function costText(cost: Readonly<Record<string, number>> = {}): string | undefined {
  const costs = Object.entries(cost).map(([currency, amount]) => `${Number(amount.toFixed(6))} ${currency}`);
  return costs.length === 0 ? undefined : costs.join(' + ');
}
