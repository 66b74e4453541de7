import type { Logger } from 'pino';
import { Bucket, type Clock } from './clock.ts';

/** pino's interface, fields first. Never log the value of a Secret. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Allowed lines with the same text: five at once, then one a second. */
const allowance = { rate: 1, burst: 5 };
const reportEvery = 10_000;

/**
 * Limits what one agent can make the controller log. Lines are counted by their text. Texts are literals, so there are
 * few. Lines beyond the allowance are suppressed, and a later line reports their number.
 */
export function limitedLog(log: Log, clock: Clock): Log {
  const kinds = new Map<string, { bucket: Bucket; suppressed: number }>();

  const limited = (level: keyof Log): Log['info'] =>
    ((...args: [unknown, ...unknown[]]) => {
      const text = String(typeof args[0] === 'string' ? args[0] : args[1]);
      const write = (): void => Reflect.apply(log[level], log, args);
      const kind = kinds.get(text) ?? { bucket: new Bucket(clock, allowance), suppressed: 0 };
      kinds.set(text, kind);
      if (kind.bucket.take()) return write();
      kind.suppressed += 1;
      if (kind.suppressed > 1) return;
      clock.after(reportEvery, () => {
        log[level]({ of: text, suppressed: kind.suppressed }, 'lines of the log were suppressed');
        kind.suppressed = 0;
      });
    }) as Log['info']; // forwards the arguments of all of pino's overloads

  return { debug: limited('debug'), info: limited('info'), warn: limited('warn'), error: limited('error') };
}
