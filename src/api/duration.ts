const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const part = /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g;

/** Milliseconds; undefined where the text is no duration (`90s`, `15m`, `1h30m`, `250ms`, `0`). */
export function tryDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 100 || !/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(part)) sum += Number(count) * units[unit as keyof typeof units]; // the pattern has no other units
  return Math.round(sum);
}

/** Milliseconds. Throws RangeError: call it only on what validation has let through. */
export function parseDuration(text: string): number {
  const span = tryDuration(text);
  if (span === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not a duration, such as 90s, 15m or 1h30m`);
  return span;
}

/** Milliseconds as the shortest exact text: 90000 is `1m30s`. */
export function formatDuration(span: number): string {
  let rest = Math.round(span);
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / units[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * units[unit];
  }
  return text;
}
