import { expect, test } from 'vitest';
import { ApiError, UnreachableError } from '../../src/api/errors.ts';
import type { Message } from '../../src/api/objects.ts';
import type { AgentUsage, StreamEntry } from '../../src/client/streams.ts';
import { Lookup } from '../../src/views/lookup.ts';
import { agentOf } from '../plan/worlds.ts';
import { conversationOf, messageOf } from './objects.ts';

type Client = ConstructorParameters<typeof Lookup>[0];

const [web, other] = [agentOf({}, { name: 'web' }), agentOf({}, { name: 'other' })];
const of = (agent: string): Pick<Message['spec'], 'agentRef'> => ({ agentRef: { name: agent } });
const sum = (agent: string): AgentUsage => ({
  namespace: 'default',
  agent,
  turns: 1,
  unreported: { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 },
});

/** A Lookup over a server with two messages, and what it asked that server for. */
function lookup(options: { ofAll?: boolean } = {}, failing: Partial<Client> = {}) {
  const asked: string[] = [];
  const ask = <T>(question: string, answer: T): Promise<T> => {
    asked.push(question);
    return Promise.resolve(answer);
  };
  const items = {
    Message: [messageOf('m-1', undefined, of('web')), messageOf('m-2', undefined, of('other'))],
    Conversation: [conversationOf('c-1')],
  };
  const client = {
    list: (kind: string, { fieldSelector = '' } = {}) =>
      ask(`list ${kind} ${fieldSelector}`.trim(), {
        items: items[kind as 'Message'] ?? [],
        metadata: { resourceVersion: '1' },
      }),
    get: (kind: string) => ask(`get ${kind}`, web),
    usage: () => ask('usage', [sum('web')]),
    usageByAgent: () => ask('usageByAgent', [sum('web'), sum('other')]),
    ...failing,
  } as unknown as Client; // what these tests ask for
  return { asked, lookup: new Lookup(client, options) };
}

test('a list and an object are asked for once', async () => {
  const { asked, lookup: it } = lookup();
  const key = { namespace: 'default', name: 'web' };
  await Promise.all([it.list('Agent'), it.list('Agent'), it.get('Agent', key), it.find('Agent', key)]);
  expect(asked).toEqual(['list Agent', 'get Agent']);
});

test('one agent is asked for alone', async () => {
  const { asked, lookup: it } = lookup();
  await Promise.all([it.messages(web), it.conversations(web), it.usage(web, 0)]);
  expect(asked).toEqual([
    'list Message spec.agentRef.name=web',
    'list Conversation spec.agentRef.name=web',
    'usage',
  ]);
});

test('all agents share the requests of their namespace', async () => {
  const { asked, lookup: it } = lookup({ ofAll: true });
  const names = (objects: readonly { metadata: { name: string } }[]) =>
    objects.map(({ metadata }) => metadata.name);
  expect(names(await it.messages(web))).toEqual(['m-1']);
  expect(names(await it.messages(other))).toEqual(['m-2']);
  expect(names(await it.conversations(web))).toEqual(['c-1']);
  expect(await it.conversations(other)).toEqual([]);
  expect(await it.usage(web, 0)).toEqual([sum('web')]);
  expect(await it.usage(other, 0)).toEqual([sum('other')]);
  expect(asked).toEqual(['list Message', 'list Conversation', 'usageByAgent']);
});

test('an object that could not be asked for is not taken for one that is absent', async () => {
  const failing = (error: Error) => lookup({}, { get: () => Promise.reject(error) }).lookup;
  const key = { name: 'docker' };
  const absent = failing(new ApiError('NotFound', 'no such Runtime'));
  expect(await absent.find('Runtime', key)).toBeUndefined();
  const cut = failing(new UnreachableError('no controller is running'));
  await expect(cut.find('Runtime', key)).rejects.toThrow('no controller is running');
});

test('events that were pruned are none', async () => {
  const entry: StreamEntry = { seq: 1, at: 0, event: { type: 'note', text: 'attempt 1' } };
  async function* pruned(): AsyncGenerator<StreamEntry> {
    yield entry;
    throw new ApiError('NotFound', 'its events are gone');
  }
  const { lookup: it } = lookup({}, { stream: pruned });
  expect(await it.turn({ name: 'm-1' }, new AbortController().signal)).toEqual([entry]);
});
