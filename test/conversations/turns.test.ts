import { describe, expect, test } from 'vitest';
import { Deliveries } from '../../src/conversations/deliveries.ts';
import { HeldThreads } from '../../src/conversations/held-threads.ts';
import { rulesOf } from '../../src/conversations/ports.ts';
import { TurnEnds } from '../../src/conversations/turn-ends.ts';
import { TurnReports } from '../../src/conversations/turn-reports.ts';
import type { Entry } from '../../src/messages/journal.ts';
import type { Conversation, Message } from '../../src/messages/message.ts';
import { ProtocolError } from '../../src/protocols/protocol.ts';
import type { Usage } from '../../src/protocols/turn-events.ts';
import { accept, conversation, message } from '../messages/entries.ts';
import { agentOf, policyOf } from '../plan/worlds.ts';
import { bench, linkOf, target } from './bench.ts';

const delivered = { state: 'Delivered', uid: 'a-uid', run: 1, attempts: 1, deliveredAt: 5 } as const;
const working = { message: 'earlier', attempt: 1, run: 1, since: 0 };

/** Run 1 of Agent `a` is ready; message `m` of conversation `c` is open. `session` opens its sessions. */
async function setUp({
  of = {} as Partial<Message>,
  record = {} as Partial<Conversation>,
  session = async (): Promise<object> => ({ session: 's', how: 'New' }),
} = {}) {
  const at = bench();
  const agent = at.add(agentOf({ protocol: 'jsonl' }, { name: 'a' }));
  Object.assign(at.context, {
    rules: () => rulesOf(agent.spec, policyOf()),
    meters: { messageDeliveries: { inc: () => {} }, messageWaitSeconds: { observe: () => {} } },
  });
  const conversations = [conversation('c', { uid: 'a-uid', ...record })];
  const messages = [message('m', of)];
  await at.journal.commit([
    ...conversations.map((one) => ({ type: 'Conversation' as const, conversation: one })),
    ...accept(...messages),
  ]);
  at.talk.restore({ conversations, links: [], messages });
  at.written.length = 0;
  const prompted: string[] = [];
  const link = linkOf({
    protocol: { capabilities: { trailing: 0, resumes: true } },
    settings: {},
    workingDir: '/',
    connection: {
      session,
      prompt: async (turn: { message: string }) => {
        prompted.push(turn.message);
      },
      closeSession: () => {},
    },
    push: (entries: readonly Entry[], after?: () => void) => at.talk.record(entries, undefined, after),
    flush: () => {},
  });
  at.talk.links.set('a-uid', link);
  const held = new HeldThreads(at.context, at.talk);
  const ends = new TurnEnds(at.context, at.talk, held);
  const gate = { isHeld: false };
  const deliveries = new Deliveries(at.context, at.talk, ends, () => gate.isHeld);
  const reports = new TurnReports(at.context, at.talk, ends, held);
  const open = at.talk.opens.get('m');
  const conversationsWritten = () =>
    at.written.flatMap((entry) => (entry.type === 'Conversation' ? [entry.conversation] : []));
  return { ...at, link, held, gate, deliveries, reports, open, prompted, conversationsWritten };
}

describe('what a turn has used', () => {
  const turn: Usage = { counts: 'Turn', totalTokens: 5 };

  test('is kept with its message, the newest of each field, by what it counts', async () => {
    const { reports, link, open } = await setUp({ of: delivered });
    reports.usage(link, 'm', turn);
    reports.usage(link, 'm', { counts: 'Turn', model: 'x' });
    reports.usage(link, 'm', { counts: 'Session', totalTokens: 9 });
    reports.usage(link, 'm', { counts: 'Session', totalTokens: 10 });
    expect(open?.reports).toEqual({
      Turn: { counts: 'Turn', totalTokens: 5, model: 'x' },
      Session: { counts: 'Session', totalTokens: 10 },
    });
  });

  test.each(['n', undefined])('is passed over where it is of no open message: %s', async (id) => {
    const { reports, link, open } = await setUp({ of: delivered });
    reports.usage(link, id, turn);
    expect(open?.reports).toEqual({});
  });
});

describe('a conversation whose agent may still work on a turn that was given up', () => {
  test('takes messages again once the agent has stopped, and this is written', async () => {
    const { held, gate, talk, conversationsWritten } = await setUp({ record: { working } });
    gate.isHeld = true;
    const due: string[] = [];
    talk.signals.on('due', (key) => due.push(key));
    held.release(target(), ({ run }) => run === 2);
    await talk.writer.settle();
    expect([conversationsWritten(), due]).toEqual([[], []]);
    held.release(target(), ({ run }) => run === 1);
    await talk.writer.settle();
    expect(conversationsWritten()).toMatchObject([{ id: 'c', working: undefined }]);
    expect(due).toEqual(['default/a']);
  });

  test('is written with the line that says so, where there is one', async () => {
    const { held, link, talk, journal } = await setUp({ record: { working } });
    held.release(target(), () => true, link);
    await talk.writer.settle();
    expect(journal.conversation('c')?.working).toBeUndefined();
  });
});

describe('a message that is delivered', () => {
  test('is journalled with its attempt before the agent has it', async () => {
    const { deliveries, prompted, journal } = await setUp();
    deliveries.dispatch('default/a');
    await expect.poll(() => prompted).toEqual(['m']);
    expect(journal.message('m')).toMatchObject({ state: 'Delivered', attempts: 1, uid: 'a-uid', run: 1 });
    expect(journal.conversation('c')).toMatchObject({ session: 's', sessionRun: 1 });
  });

  test('waits again where a gate closes while its session opens; the session is kept', async () => {
    const opening = Promise.withResolvers<object>();
    const { deliveries, gate, prompted, journal, talk } = await setUp({ session: () => opening.promise });
    deliveries.dispatch('default/a');
    gate.isHeld = true;
    opening.resolve({ session: 's', how: 'New' });
    await expect.poll(() => talk.waiting('default/a')).toBe(1);
    await talk.writer.settle();
    expect(journal.conversation('c')).toMatchObject({ session: 's', sessionRun: 1 });
    expect(journal.message('m')).toMatchObject({ state: 'Pending', attempts: 0 });
    expect(prompted).toEqual([]);
  });

  test.each([
    [
      'LoadRefused',
      { reason: 'SessionLost', error: 'No such session. Begin a new conversation.' },
      { state: 'Closed', reason: 'SessionLost' },
    ],
    [
      'Unsupported',
      {
        reason: 'NoSession',
        error: 'No such session. Send it again: agentctl messages retry m.',
      },
      { state: 'Open' },
    ],
  ] as const)('fails where its session ends by %s', async (code, end, thread) => {
    const refused = new ProtocolError(code, 'No such session');
    const { deliveries, talk, journal } = await setUp({ session: () => Promise.reject(refused) });
    deliveries.dispatch('default/a');
    await expect.poll(() => talk.opens.size).toBe(0);
    await talk.writer.settle();
    expect(journal.message('m')).toMatchObject({ state: 'Failed', ...end });
    expect(journal.conversation('c')).toMatchObject(thread);
  });
});
