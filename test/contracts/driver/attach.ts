import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Attachment, attachLimits, type OutputLine } from '../../../src/drivers/attachment.ts';
import type { Observed } from '../../../src/plan/world.ts';
import type { DriverContext } from './context.ts';

/** One attachment, read by itself as fast as it goes. */
interface Reading {
  attachment: Attachment;
  lines: OutputLine[];
  texts(): string[];
  cursor(): string | undefined;
  /** Once the lines have ended; rejects where the stream is lost. */
  ended: Promise<void>;
}

/** What a driver promises of attach and hostAddress. */
export function attachTests(t: DriverContext): void {
  const { specOf, ended, refusal } = t;
  const waiting = { timeout: 40_000, interval: 10 };
  const opened: Attachment[] = [];
  afterEach(() => {
    for (const attachment of opened.splice(0)) attachment.close();
  });

  const talking = (program: Parameters<typeof specOf>[0]) => specOf(program, { talks: true });
  const optionsOf = ({ run, startId = '' }: Observed, cursor?: string) => ({
    run,
    startId,
    cursor,
    signal: AbortSignal.timeout(50_000),
  });

  async function open(observed: Observed, cursor?: string, more?: { cut: boolean }): Promise<Attachment> {
    const attachment = await t.driver.stdio.attach(observed.ref, { ...optionsOf(observed, cursor), ...more });
    opened.push(attachment);
    return attachment;
  }

  async function read(observed: Observed, cursor?: string, more?: { cut: boolean }): Promise<Reading> {
    const attachment = await open(observed, cursor, more);
    const lines: OutputLine[] = [];
    const pump = async (): Promise<void> => {
      for await (const batch of attachment.lines) for (const line of batch) lines.push(line);
    };
    const done = pump();
    done.catch(() => {}); // a test that cares awaits it
    const texts = (): string[] => lines.map(({ text }) => text);
    return { attachment, lines, texts, cursor: () => lines.at(-1)?.cursor, ended: done };
  }

  const has = (reading: Reading, text: string): Promise<void> =>
    vi.waitFor(() => expect(reading.lines.at(-1)?.text).toBe(text), waiting);

  describe.skipIf(!t.has('stdio'))('attach', () => {
    test('gives the output from the first byte on, without stderr', async () => {
      const observed = await t.driver.create(
        talking({ prints: ['one', '', 'drei €'], complains: ['trouble'], echoes: true }),
      );
      const reading = await read(observed);
      await has(reading, 'drei €');
      expect(reading.texts()).toEqual(['one', '', 'drei €']);
      expect(reading.lines.filter(({ gap, cut }) => gap !== undefined || cut !== undefined)).toEqual([]);
    });

    test('writes lines to the program, in order', async () => {
      const reading = await read(await t.driver.create(talking({ echoes: true })));
      await reading.attachment.write('hello\n');
      await has(reading, 'got hello');
      const texts = Array.from({ length: 100 }, (_, index) => `${index} ä`);
      await Promise.all(texts.map((text) => reading.attachment.write(`${text}\n`)));
      await has(reading, 'got 99 ä');
      expect(reading.texts()).toEqual(['hello', ...texts].map((text) => `got ${text}`));
    });

    test('ends with the run, when all was read', async () => {
      const observed = await t.driver.create(talking({ echoes: true }));
      const reading = await read(observed);
      await reading.attachment.write('a\nexit 3\n');
      await reading.ended;
      expect(reading.texts()).toEqual(['got a']);
      expect((await ended(observed.ref)).exit).toMatchObject({ code: 3 });
    });

    test('a burst arrives whole and in order', async () => {
      const reading = await read(await t.driver.create(talking({ counts: 50_000, ends: 0 })));
      await reading.ended;
      expect(reading.lines.length).toBe(50_000);
      expect(reading.lines.findIndex(({ text }, index) => text !== String(index + 1))).toBe(-1);
    });

    test('the last line of a run is told though it was cut in half', async () => {
      const reading = await read(
        await t.driver.create(talking({ prints: ['whole'], printsHalf: '{"half', ends: 1 })),
      );
      await reading.ended;
      expect(reading.texts()).toEqual(['whole', '{"half']);
    });

    test('of a run that has ended gives its output', async () => {
      const observed = await t.driver.create(talking({ prints: ['one', 'two'], ends: 0 }));
      await ended(observed.ref);
      const reading = await read(observed);
      await reading.ended;
      expect(reading.texts()).toEqual(['one', 'two']);
      const again = await read(observed, reading.lines[0]?.cursor);
      await again.ended;
      expect(again.texts()).toEqual(['two']);
      const rest = await read(observed, reading.cursor());
      await rest.ended;
      expect(rest.texts()).toEqual([]);
    });

    test('a line of 1 MiB is told whole, and one that is too long by its beginning', async () => {
      const long = await read(await t.driver.create(talking({ printsLong: 1024 * 1024, ends: 0 })));
      await long.ended;
      expect(long.texts().map((text) => text.length)).toEqual([1024 * 1024]);
      const bytes = attachLimits.line + 1;
      const observed = await t.driver.create(talking({ printsLong: bytes, printsHalf: 'after', ends: 0 }));
      const cut = await read(observed);
      await cut.ended;
      expect(cut.lines).toMatchObject([
        { text: 'x'.repeat(attachLimits.cutTo), cut: bytes },
        { text: 'after' },
      ]);
    });
  });

  describe.skipIf(!t.has('stdio'))('attach with a cursor', () => {
    test('reads on behind the line that it belongs to', async () => {
      const observed = await t.driver.create(talking({ counts: 1000, echoes: true }));
      const first = await read(observed);
      await has(first, '1000');
      first.attachment.close();
      await first.ended;
      const second = await read(observed, first.lines[499]?.cursor);
      await second.attachment.write('a\n');
      await has(second, 'got a');
      expect(second.lines.length).toBe(501);
      expect(second.texts().slice(0, 2)).toEqual(['501', '502']);
      const third = await read(observed, second.lines[499]?.cursor);
      await has(third, 'got a');
      expect(third.texts()).toEqual(['got a']);
    });

    test('gives what was written while nobody was attached', async () => {
      const observed = await t.driver.create(talking({ echoes: true }));
      const first = await read(observed);
      await first.attachment.write('a\n');
      await has(first, 'got a');
      // Answered, it may be, only once nobody reads any more.
      await first.attachment.write('b\nc\nexit 0\n');
      first.attachment.close();
      await first.ended;
      await ended(observed.ref);
      const second = await read(observed, first.cursor());
      await second.ended;
      expect([...first.texts(), ...second.texts()]).toEqual(['got a', 'got b', 'got c']);
    });
  });

  describe.skipIf(!t.has('stdio'))('a run that is not the newest', () => {
    test('is never told the output of another', async () => {
      const spec = talking({ countsStarts: true, prints: ['up'], ends: 0 });
      const first = await t.driver.create(spec);
      await ended(first.ref);
      const again = await t.startAgain(first.ref, { ...spec, identity: { ...spec.identity, run: 2 } });
      await ended(again.ref);
      const second = await read({ ...again, run: 2 });
      await second.ended;
      expect(second.texts()).toEqual([`start ${t.has('restart') ? 2 : 1}`, 'up']);
      const stale = await read(first)
        .then(
          async (reading) => {
            await reading.ended;
            expect(reading.texts()).toEqual(['start 1', 'up']);
            return reading.attachment.write('late\n');
          },
          (error: unknown) => Promise.reject(error),
        )
        .catch((error: unknown) => error);
      expect(stale).toMatchObject({
        kind: 'Retryable',
        code: expect.stringMatching(/^(Gone|NotRunning)$/),
      });
    });

    test('leaves nothing in the input of the next', async () => {
      const spec = talking({ prints: ['up'] });
      const first = await t.driver.create(spec);
      const reading = await read(first);
      await has(reading, 'up');
      await reading.attachment.write('for the first\n');
      await t.driver.kill(first.ref);
      await ended(first.ref);
      const next = {
        ...spec,
        ...t.harness.run({ echoes: true }, spec.marker),
        identity: { ...spec.identity, run: 2 },
      };
      const again = await t.driver.create(next);
      const second = await read({ ...again, run: 2 });
      await second.attachment.write('for the second\n');
      await has(second, 'got for the second');
      expect(second.texts()).toEqual(['got for the second']);
      expect(await refusal(reading.attachment.write('late\n'))).toMatchObject({ code: 'NotRunning' });
    });

    test('is Gone once it was removed', async () => {
      const observed = await t.driver.create(talking({ ends: 0 }));
      await ended(observed.ref);
      await t.driver.remove(observed.ref, { volumes: false });
      expect(await refusal(t.driver.stdio.attach(observed.ref, optionsOf(observed)))).toMatchObject({
        kind: 'Retryable',
        code: 'Gone',
      });
    });
  });

  describe.skipIf(!t.has('stdio'))('writing', () => {
    test('goes on where an earlier attachment ended, and ends a line that it may have left half', async () => {
      const observed = await t.driver.create(talking({ prints: ['up'], echoes: true }));
      const first = await read(observed);
      await first.attachment.write('{"half');
      first.attachment.close();
      const second = await read(observed, undefined, { cut: true });
      await second.attachment.write('whole\n');
      await has(second, 'got whole');
      second.attachment.close();
      const third = await read(observed);
      await third.attachment.write('again\n');
      await has(third, 'got again');
      expect(third.texts()).toEqual(['up', 'got {"half', 'got whole', 'got again']);
    });

    test('to a run that has ended is refused', async () => {
      const observed = await t.driver.create(talking({ ends: 0 }));
      await ended(observed.ref);
      const { attachment } = await read(observed);
      expect(await refusal(attachment.write('late\n'))).toMatchObject({
        kind: 'Retryable',
        code: 'NotRunning',
      });
    });

    test('to a program that does not read is bounded, and ends with it', async () => {
      const observed = await t.driver.create(talking({ prints: ['up'] }));
      const reading = await read(observed);
      await has(reading, 'up');
      const part = `${'x'.repeat(4 * 1024 * 1024 - 1)}\n`;
      const reasons: string[] = [];
      const writes: Promise<unknown>[] = [];
      const write = (): void => {
        const refused = refusal(reading.attachment.write(part)).then(({ code }) => reasons.push(code));
        writes.push(refused.catch(() => {})); // it went into some pipe on the way
      };
      await vi.waitFor(() => {
        if (writes.length < 20) write();
        expect(reasons).toContain('InputFull');
      }, waiting);
      await t.driver.kill(observed.ref);
      await Promise.all(writes);
      expect([...new Set(reasons)].toSorted()).toEqual(['InputFull', 'NotRunning']);
    });
  });

  describe.skipIf(!t.has('stdio'))('an attachment', () => {
    test('ends when it is closed or its signal aborts, and the run goes on', async () => {
      const observed = await t.driver.create(talking({ prints: ['up'], echoes: true }));
      const stop = new AbortController();
      const attachment = await t.driver.stdio.attach(observed.ref, {
        ...optionsOf(observed),
        signal: stop.signal,
      });
      for await (const batch of attachment.lines) {
        expect(batch.map(({ text }) => text)).toEqual(['up']);
        stop.abort();
      }
      expect(await refusal(attachment.write('a\n'))).toMatchObject({ code: 'NotRunning' });
      const reading = await read(observed);
      await has(reading, 'up');
      reading.attachment.close();
      reading.attachment.close();
      await reading.ended;
      expect(await t.inspected(observed.ref)).toMatchObject({ state: 'Running' });
    });

    test.skipIf(!t.has('exec'))('knows the working folder of the instance', async () => {
      const observed = await t.driver.create(talking({ echoes: true }));
      const { workingDir } = await open(observed);
      const { output } = await t.driver.exec(observed.ref, ['pwd'], { timeout: 40_000 });
      expect(workingDir).toBe(output.trim());
    });
  });

  test.skipIf(!t.has('hostAddress'))('hostAddress is an address to listen on, or unknown', async () => {
    expect((await t.driver.hostAddress()) ?? '127.0.0.1').toMatch(/^[\d.]+$|:/);
  });
}
