import { expect, test } from 'vitest';
import { Hub } from '../../src/conversations/message-stream.ts';

/** Whether it resolves without anything more happening. */
const isDue = (next: Promise<void>): Promise<boolean> =>
  Promise.race([next.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

test('a follower looks at once, and then once for all that has changed meanwhile', async () => {
  const hub = new Hub();
  const follower = hub.follow('m', new AbortController().signal);
  expect(await isDue(follower.next())).toBe(true);
  hub.changed('m');
  hub.changed('m');
  expect(await isDue(follower.next())).toBe(true);
  const next = follower.next();
  expect(await isDue(next)).toBe(false);
  hub.changed('other');
  expect(await isDue(next)).toBe(false);
  hub.changed('m');
  expect(await isDue(next)).toBe(true);
});

test('who waits is woken by the signal, and who comes after it does not wait', async () => {
  const hub = new Hub();
  const abort = new AbortController();
  const follower = hub.follow('m', abort.signal);
  await follower.next();
  const next = follower.next();
  abort.abort();
  expect(await isDue(next)).toBe(true);
  expect(await isDue(follower.next())).toBe(true);
});

test('one that ends takes nothing from another of the same message', async () => {
  const hub = new Hub();
  const { signal } = new AbortController();
  const [one, other] = [hub.follow('m', signal), hub.follow('m', signal)];
  await Promise.all([one.next(), other.next()]);
  const ended = one.next();
  one.end();
  one.end();
  const next = other.next();
  hub.changed('m');
  expect(await isDue(ended)).toBe(false);
  expect(await isDue(next)).toBe(true);
});
