import { expect, test } from 'vitest';
import { type Log, limitedLog, silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';

function written() {
  const lines: unknown[][] = [];
  const write = (...args: unknown[]): void => void lines.push(args);
  const log: Log = { ...silentLog, info: write as Log['info'], warn: write as Log['warn'] }; // pino's overloads
  return { log, lines };
}

test('of a flood of lines of one kind a few are written, and then how many were not', () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const { log, lines } = written();
  const limited = limitedLog(log, clock);
  for (let n = 0; n < 1_000; n += 1) limited.warn({ n }, 'an agent does something');
  limited.info('of another kind');
  expect(lines.map(([, text]) => text)).toEqual([
    ...Array.from({ length: 5 }, () => 'an agent does something'),
    undefined,
  ]);
  clock.advance(10_000);
  expect(lines.at(-1)).toEqual([
    { of: 'an agent does something', suppressed: 995 },
    'lines of the log were suppressed',
  ]);
  clock.advance(60_000);
  expect(lines).toHaveLength(7);
  limited.warn({ n: 1_000 }, 'an agent does something');
  expect(lines).toHaveLength(8);
});
