import { describe, expect, test } from 'vitest';
import type { Ledger } from '../../src/conversations/ledger.ts';
import type { Outbox, Pen } from '../../src/conversations/run-input.ts';
import { RunOutput } from '../../src/conversations/run-output.ts';
import type { OutputLine } from '../../src/drivers/attachment.ts';
import { type Driver, DriverError } from '../../src/drivers/driver.ts';
import type { Log } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { target } from './bench.ts';

const about = { instance: 'a-0', run: 1 };
const line = (text: string, more: Partial<OutputLine> = {}): OutputLine => ({ text, cursor: text, ...more });

/** What each attachment to the run gives, one after the other. `NoRuntime`: there is no driver for once. */
type Given = readonly (readonly OutputLine[])[] | Error | 'Silence' | 'NoRuntime';

function setUp(...attachments: Given[]) {
  const clock = new ManualClock('2026-03-02T12:00:00Z');
  const told: string[] = [];
  const logged: unknown[][] = [];
  const cursors: (string | undefined)[] = [];
  const record: { cursor?: string } = {};
  const state = { outboxFull: false, ledgerFull: false };
  const log = Object.fromEntries(
    ['info', 'warn', 'error'].map((level) => [level, (...args: unknown[]) => logged.push([level, ...args])]),
  ) as unknown as Log; // no more of it is used
  const driver = {
    capabilities: {},
    stdio: {
      attach: async (_: string, { cursor, signal }: { cursor?: string; signal: AbortSignal }) => {
        const given = attachments.shift() ?? 'Silence';
        cursors.push(cursor);
        if (given instanceof Error) throw given;
        const lines = async function* () {
          if (typeof given === 'string')
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          else yield* given;
        };
        return { lines: lines(), close: () => told.push('closed') };
      },
    },
  } as unknown as Driver; // no more of it is used
  const ledger = {
    record,
    begin: async () => {},
    get full() {
      return state.ledgerFull;
    },
    batch: (_: number, work: () => void) => work(),
    passed: (cursor: string) => {
      record.cursor = cursor;
    },
  } as unknown as Ledger; // no more of it is used
  const outbox = {
    get full() {
      return state.outboxFull;
    },
    room: async () => {
      told.push('waits for room');
      state.outboxFull = false;
    },
    close: () => {},
  } as unknown as Outbox; // no more of it is used
  const output = new RunOutput({
    target: target(),
    driver: () => {
      if (attachments[0] !== 'NoRuntime') return driver;
      attachments.shift();
      return undefined;
    },
    clock,
    log,
    ledger,
    outbox,
    pen: { cut: false } as unknown as Pen, // no more of it is used
    opened: async () => {
      told.push('opened');
    },
    lost: () => told.push('lost'),
    line: (text) => told.push(text),
    drained: () => told.push('drained'),
  });
  return { clock, told, logged, cursors, state, output };
}

describe('the output of a run', () => {
  test('is handled line by line to its end; empty lines and those that were cut are passed over', async () => {
    const { output, told, logged } = setUp([
      [line('a'), line('')],
      [line('b', { cut: 70_000 }), line('c')],
    ]);
    await output.ended();
    expect(told).toEqual(['opened', 'a', 'c', 'closed', 'drained']);
    expect(logged).toEqual([
      ['warn', { instance: 'a-0', bytes: 70_000 }, 'a line of an agent was too long and is passed over'],
    ]);
  });

  test('has a gap: this is told before the line behind it', async () => {
    const { output, told, logged } = setUp([[line('a'), line('b', { gap: true })]]);
    await output.ended();
    expect(told).toEqual(['opened', 'a', 'lost', 'b', 'closed', 'drained']);
    expect(logged).toEqual([['warn', { instance: 'a-0' }, 'output of an agent may have been lost']]);
  });

  test('is read again behind the last line half a second after its pipes were lost, and this is logged', async () => {
    const lost = new DriverError('Retryable', 'Lost', 'the stream broke');
    const { output, clock, told, cursors, logged } = setUp(lost, [[line('a')]]);
    await expect.poll(() => clock.waiting).toBe(1);
    expect(logged).toEqual([['info', { ...about, err: lost }, 'the pipes of a run were lost']]);
    clock.advance(499);
    expect(cursors).toHaveLength(1);
    clock.advance(1);
    await output.ended();
    expect(told).toEqual(['opened', 'a', 'closed', 'drained']);
  });

  test('waits for the Runtime while there is none', async () => {
    const { output, clock, told, logged } = setUp('NoRuntime', [[line('a')]]);
    await expect.poll(() => clock.waiting).toBe(1);
    expect(logged).toMatchObject([
      ['info', { ...about, err: { message: 'the Runtime engine does not exist' } }, expect.any(String)],
    ]);
    clock.advance(500);
    await output.ended();
    expect(told).toEqual(['opened', 'a', 'closed', 'drained']);
  });

  test('that ends because the Runtime is connected anew is read on at once, behind the last line', async () => {
    const { output, told, cursors } = setUp([[line('a')]], 'NoRuntime', [[line('b')]]);
    await output.ended();
    expect(told).toEqual(['opened', 'a', 'closed', 'opened', 'b', 'closed', 'drained']);
    expect(cursors).toEqual([undefined, 'a']);
  });

  test('of a run that is gone cannot be read: the rest is lost, and it is over', async () => {
    const gone = new DriverError('Terminal', 'Gone', 'the container was removed');
    const { output, told, logged } = setUp(gone);
    await output.ended();
    expect(told).toEqual(['lost', 'drained']);
    expect(logged).toEqual([['warn', { ...about, err: gone }, 'the rest of a run cannot be read']]);
  });

  test('is not read while the agent does not read its answers', async () => {
    const at = setUp([[line('a')], [line('b')]]);
    at.state.outboxFull = true;
    await at.output.ended();
    expect(at.told).toEqual(['opened', 'a', 'waits for room', 'b', 'closed', 'drained']);
    expect(at.logged).toEqual([
      ['warn', about, 'an agent does not read its answers: its output is not read until it does'],
    ]);
  });

  test('is left alone once it is aborted: the run goes on, and nothing is lost', async () => {
    const { output, told, logged } = setUp('Silence');
    await expect.poll(() => told).toContain('opened');
    output.abort();
    await output.ended();
    expect(output.aborted).toBe(true);
    expect(told).not.toContain('lost');
    expect(told).not.toContain('drained');
    expect(logged).toEqual([]);
  });
});

describe('the output of a run that has ended', () => {
  test.each([
    ['by itself is read for ten seconds', false, 10_000],
    ['because it was stopped is read for two seconds', true, 2_000],
  ])('%s, then the rest is passed over, and this is logged', async (_, wasStopped, within) => {
    const { output, clock, told, logged } = setUp('Silence');
    await expect.poll(() => told).toContain('opened');
    output.runEnded(wasStopped);
    output.runEnded(wasStopped);
    expect(clock.waiting).toBe(1);
    clock.advance(within - 1);
    expect(told).not.toContain('closed');
    clock.advance(1);
    await output.ended();
    expect(told.slice(-2)).toEqual(['lost', 'drained']);
    expect(logged).toEqual([
      ['warn', about, 'the rest of the output of a run that has ended is passed over'],
    ]);
  });

  test('is read for longer while the disk does not keep up', async () => {
    const { output, clock, state, told } = setUp('Silence');
    await expect.poll(() => told).toContain('opened');
    state.ledgerFull = true;
    output.runEnded(false);
    clock.advance(10_000);
    expect(told).not.toContain('closed');
    state.ledgerFull = false;
    clock.advance(10_000);
    await output.ended();
    expect(told.at(-1)).toBe('drained');
  });

  test('leaves no timer where its end is reached before', async () => {
    const { output, clock } = setUp([[line('a')]]);
    output.runEnded(false);
    await output.ended();
    expect(clock.waiting).toBe(0);
  });
});
