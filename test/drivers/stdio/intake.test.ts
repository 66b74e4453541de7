import { Duplex } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { createStdout } from '../../../src/drivers/docker/docker-logs.ts';
import { createIntake, createKeep } from '../../../src/drivers/stdio/intake.ts';
import { ManualClock } from '../../fakes/clock.ts';

const frame = (stream: 1 | 2, text: string): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

function open() {
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const intake = createIntake(socket, clock, createStdout());
  const come = async (...parts: Buffer[]): Promise<void> => {
    const ready = intake.ready();
    for (const part of parts) socket.push(part);
    await ready;
    await new Promise(setImmediate);
  };
  const texts = (): string[] => intake.take().lines.map(({ text }) => text);
  return { clock, socket, intake, come, texts };
}

describe('the output over a connection', () => {
  test('is cut into lines wherever the connection cuts, without stderr', async () => {
    const { come, texts } = open();
    const bytes = Buffer.concat([frame(1, 'on'), frame(2, 'err\n'), frame(1, 'e\ntwo ä\nhal')]);
    await come(...[...bytes].map((byte) => Buffer.from([byte])));
    expect(texts()).toEqual(['one', 'two ä']);
    await come(frame(1, 'f\n'));
    expect(texts()).toEqual(['half']);
  });

  test('ends with what is left of the last line, told once', async () => {
    const { come, intake, socket } = open();
    await come(frame(1, 'half'));
    expect(intake.take()).toMatchObject({ lines: [], ended: false });
    const ended = vi.fn();
    intake.onEnd(ended);
    socket.push(null);
    await intake.ready();
    expect(intake.take()).toMatchObject({ lines: [{ text: 'half' }], ended: true });
    expect(intake.take()).toMatchObject({ lines: [], ended: true });
    expect(ended).toHaveBeenCalledOnce();
  });

  test('waits in the connection where nobody takes it', async () => {
    const { come, intake, socket } = open();
    await come(frame(1, 'x'.repeat(2 * 1024 * 1024)));
    expect(socket.isPaused()).toBe(true);
    intake.take();
    expect(socket.isPaused()).toBe(false);
  });

  test('says after which silence it came, but not in the middle of a line', async () => {
    const { clock, come, intake } = open();
    clock.advance(2_000);
    await come(frame(1, 'a\n'));
    expect(intake.take().quietUntil).toBeUndefined();
    clock.advance(4_000);
    await come(frame(1, 'b\nc'));
    expect(intake.take().quietUntil).toBe(clock.now() - 1_000);
    clock.advance(4_000);
    await come(frame(1, 'd\n'));
    expect(intake.take().quietUntil).toBeUndefined();
  });

  test('takes time when nobody read for no silence', async () => {
    const { clock, come, intake } = open();
    await come(frame(1, `${'x'.repeat(2 * 1024 * 1024)}\n`));
    clock.advance(60_000);
    intake.take();
    await come(frame(1, 'a\n'));
    expect(intake.take().quietUntil).toBeUndefined();
  });
});

describe('a connection that was opened before a start', () => {
  test('is for that start alone', () => {
    const { clock, intake } = open();
    const keep = createKeep(clock);
    keep.put('a', intake);
    keep.started('a', 'first');
    expect(keep.take('a', 'second')).toBeUndefined();
    expect(keep.take('b', 'first')).toBeUndefined();
    expect(keep.take('a', 'first')).toBe(intake);
    expect(keep.take('a', 'first')).toBeUndefined();
    expect(clock.waiting).toBe(0);
  });

  test('is closed when nobody comes for a minute', () => {
    const { clock, intake, socket } = open();
    const keep = createKeep(clock);
    keep.put('a', intake);
    keep.started('a', 'first');
    clock.advance(59_999);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    expect(socket.destroyed).toBe(true);
    expect(keep.take('a', 'first')).toBeUndefined();
  });

  test('is closed by the next, and by the end of the driver, also when it comes too late', () => {
    const [first, second, third] = [open(), open(), open()];
    const keep = createKeep(first.clock);
    keep.put('a', first.intake);
    keep.put('a', second.intake);
    expect([first.socket.destroyed, second.socket.destroyed]).toEqual([true, false]);
    keep.close();
    keep.put('a', third.intake);
    expect([second.socket.destroyed, third.socket.destroyed]).toEqual([true, true]);
  });
});
