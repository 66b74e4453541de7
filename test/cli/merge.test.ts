import { expect, test } from 'vitest';
import { Merge } from '../../src/cli/logs/log-sources.ts';
import { ManualClock } from '../fakes/clock.ts';

interface Entry {
  at?: number;
  text: string;
}

const turn = async (): Promise<void> => {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A stream that a test feeds. */
function source(): { stream: AsyncIterable<Entry>; say(entry: Entry): void; taken(): number } {
  const entries: Entry[] = [];
  let taken = 0;
  let ring = (): void => {};
  async function* stream(): AsyncGenerator<Entry> {
    for (;;) {
      const entry = entries.shift();
      if (entry !== undefined) {
        taken += 1;
        yield entry;
        continue;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      ring = resolve;
      await promise;
    }
  }
  return {
    stream: stream(),
    say(entry) {
      entries.push(entry);
      ring();
    },
    taken: () => taken,
  };
}

function merged(live: boolean) {
  const clock = new ManualClock('2026-01-31T12:00:00Z');
  const merge = new Merge<Entry>(clock, { live });
  const texts: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { text } of merge.entries()) texts.push(text);
  };
  return { clock, merge, texts, read, now: clock.now() };
}

test('a line waits for older lines of other streams, but not for long', async () => {
  const { clock, merge, texts, read, now } = merged(true);
  const [a, b] = [source(), source()];
  merge.add(a.stream);
  merge.add(b.stream);
  void read();
  a.say({ at: now - 1_000, text: 'second' });
  await turn();
  expect(texts).toEqual([]);
  b.say({ at: now - 2_000, text: 'first' });
  await turn();
  clock.advance(200);
  await turn();
  expect(texts).toEqual(['first', 'second']);
  b.say({ at: now - 500, text: 'third' });
  await turn();
  expect(texts).toHaveLength(2);
  clock.advance(200);
  await turn();
  expect(texts.at(-1)).toBe('third');
});

test('the first line waits longer for streams that are still to be opened', async () => {
  const { clock, merge, texts, read, now } = merged(true);
  const [a, silent] = [source(), source()];
  merge.add(a.stream);
  merge.add(silent.stream);
  void read();
  a.say({ at: now, text: 'only' });
  await turn();
  clock.advance(900);
  await turn();
  expect(texts).toEqual([]);
  clock.advance(100);
  await turn();
  expect(texts).toEqual(['only']);
});

test('a stream whose clock is ahead is not kept back', async () => {
  const { clock, merge, texts, read, now } = merged(true);
  const [a, b] = [source(), source()];
  merge.add(a.stream);
  merge.add(b.stream);
  void read();
  a.say({ at: now + 3_600_000, text: 'ahead' });
  await turn();
  clock.advance(1_000);
  for (let n = 0; n < 20; n += 1) {
    b.say({ at: clock.now(), text: `b${n}` });
    await turn();
    clock.advance(100);
    await turn();
  }
  expect(texts).toContain('ahead');
  expect(texts.indexOf('ahead')).toBeLessThan(3);
});

test('a slow reader holds one line of each stream', async () => {
  const { merge } = merged(true);
  const fast = source();
  for (let n = 0; n < 1_000; n += 1) fast.say({ text: `${n}` });
  merge.add(fast.stream);
  const entries = merge.entries();
  await entries.next();
  await turn();
  expect(fast.taken()).toBeLessThanOrEqual(2);
  await entries.return(undefined);
});

test('a failed stream fails the whole', async () => {
  const { merge, read } = merged(false);
  merge.add(source().stream);
  merge.add({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('lost')) }),
  });
  await expect(read()).rejects.toThrow('lost');
});
