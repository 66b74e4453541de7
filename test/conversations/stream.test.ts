import { expect, test } from 'vitest';
import type { StreamEntry } from '../../src/client/streams.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage } from './stage.ts';

async function working(): Promise<Stage & { puppet: Puppet; id: string }> {
  const puppet = new Puppet();
  const at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => at.message(id)?.written === true);
  return { ...at, puppet, id };
}

/** What is told of an entry, in a word. */
const word = (entry: StreamEntry): string => {
  if ('end' in entry) return `end ${entry.end.status?.state}`;
  if ('state' in entry) return entry.state;
  return `${entry.seq} ${entry.event.type === 'text' ? entry.event.text : entry.event.type}`;
};

function read({ world, id }: Stage & { id: string }, options: { after?: number; follow?: boolean } = {}) {
  const abort = new AbortController();
  const words: string[] = [];
  const ended = (async () => {
    for await (const entry of world.talk.stream(key(id), { signal: abort.signal, ...options }))
      words.push(word(entry));
  })();
  return { words, ended, abort };
}

test('whoever follows reads each event once and in order, then the end, however late they come', async () => {
  await using at = await working();
  const early = read(at);
  at.puppet.text(at.id, 'a');
  await at.world.until(() => early.words.length === 2);
  const late = read(at);
  const later = read(at, { after: 1 });
  at.puppet.text(at.id, 'b');
  at.puppet.done(at.id);
  await at.end(at.id);
  await Promise.all([early.ended, late.ended, later.ended]);
  expect(early.words).toEqual(['Delivered', '1 a', '2 b', 'end Completed']);
  expect(late.words).toEqual(early.words);
  expect(later.words).toEqual(['Delivered', '2 b', 'end Completed']);
  const after = read(at);
  await after.ended;
  expect(after.words).toEqual(['1 a', '2 b', 'end Completed']);
});

test('of more events than are held, those before are read from the journal, without a gap', async () => {
  await using at = await working();
  const count = 1_500;
  at.puppet.say(
    at.id,
    ...Array.from({ length: count }, (_, n) => ({ type: 'event', event: { type: 'text', text: `${n}` } })),
  );
  await at.world.until(() => at.world.talk.census().messages.find((one) => one.id === at.id)?.seq === count);
  await at.world.house.rest();
  const { words, ended } = read(at, { follow: false });
  await ended;
  expect(words).toEqual(['Delivered', ...Array.from({ length: count }, (_, n) => `${n + 1} ${n}`)]);
});

test('who does not follow reads what there is; who goes away waits no longer', async () => {
  await using at = await working();
  const now = read(at, { follow: false });
  await now.ended;
  expect(now.words).toEqual(['Delivered']);
  const { abort, ended, words } = read(at);
  await at.world.until(() => words.length === 1);
  abort.abort();
  await ended;
});

test('a turn that is cut short and sent again is told as that', async () => {
  await using at = await working();
  const { words, ended } = read(at);
  at.puppet.run(at.id).end(1);
  await at.world.until(() => at.puppet.turns.length === 2);
  at.puppet.done(at.id, 'done');
  await at.end(at.id);
  await ended;
  expect(words).toEqual(['Delivered', 'Pending', 'Delivered', '1 note', '2 done', 'end Completed']);
});
