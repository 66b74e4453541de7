import { describe, expect, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import type { AgentReports } from '../../src/conversations/agent-reports.ts';
import type { Deliveries } from '../../src/conversations/deliveries.ts';
import { Enforcement } from '../../src/conversations/enforcement.ts';
import { HeldThreads } from '../../src/conversations/held-threads.ts';
import { Links } from '../../src/conversations/links.ts';
import type { Approvals } from '../../src/conversations/pending-approvals.ts';
import { rulesOf } from '../../src/conversations/ports.ts';
import type { Routes } from '../../src/conversations/routes.ts';
import { TurnEnds } from '../../src/conversations/turn-ends.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import type { Approval, Envelope } from '../../src/messages/message.ts';
import { accept, approval, conversation, message, link as record } from '../messages/entries.ts';
import { agentOf, instanceOf, policyOf } from '../plan/worlds.ts';
import { bench, linkOf } from './bench.ts';

const working = {
  state: 'Delivered',
  uid: 'uid-0',
  instance: 'web-0',
  agent: 'web',
  run: 1,
  written: true,
} as const;

/** Agent `web` with its Instance web-0, whose pipes stay silent. */
async function setUp({ messages = [] as Envelope[], run }: { messages?: Envelope[]; run?: number } = {}) {
  const at = bench();
  Object.assign(at.context, { rules: () => rulesOf(agent.spec, policyOf({ messages: { maxAttempts: 3 } })) });
  const agent = at.add(agentOf({ protocol: 'jsonl' }, { name: 'web' }));
  const instance: Instance = instanceOf({}, 0);
  at.instances.set('uid-0', instance);
  const loaded = { conversations: [conversation('c', { agent: 'web', uid: 'uid-0' })], messages };
  await at.journal.commit([
    ...loaded.conversations.map((one) => ({ type: 'Conversation' as const, conversation: one })),
    ...accept(...messages.map((one) => ({ ...one, text: '' }))),
  ]);
  at.talk.restore({ ...loaded, links: run === undefined ? [] : [record('uid-0', run)] });
  const asked: Approval[] = ['u1-1', 'u1-2', 'u2-2'].map((id) =>
    approval(id, { uid: id.startsWith('u1') ? 'uid-0' : 'other', run: Number(id.slice(-1)) }),
  );
  const withdrawn: string[] = [];
  const gone: string[] = [];
  const driver = {
    capabilities: {},
    stdio: { attach: () => new Promise(() => {}) },
  } as unknown as Driver; // no more of it is used
  const held = new HeldThreads(at.context, at.talk);
  const ends = new TurnEnds(at.context, at.talk, held);
  const enforcement = new Enforcement(at.context);
  const links = new Links(at.context, at.talk, {
    driver: () => driver,
    version: '1',
    tools: { offer: async () => ({ unavailable: 'none' }) },
    ends,
    held,
    deliveries: {} as Deliveries, // none of it is used
    routes: { gone: (uid: string) => gone.push(uid) } as unknown as Routes, // no more of it is used
    approvals: {
      withdraw: (which: (one: Approval) => boolean) =>
        withdrawn.push(...asked.filter(which).map(({ id }) => id)),
    } as unknown as Approvals, // no more of it is used
    enforcement,
    reports: { hostOf: () => ({}) } as unknown as AgentReports, // no more of it is used
  });
  const attach = (number: number): void =>
    links.attach(agent, instance, { number, startId: `start-${number}`, ref: 'r' }, agent.spec);
  const settled = () => at.talk.writer.settle();
  const dropped = () => at.written.filter(({ type }) => type === 'DropLink');
  return { ...at, agent, instance, links, enforcement, attach, settled, dropped, withdrawn, gone };
}

describe('a link to a run', () => {
  test('ends what is stored of an earlier run, and what it asked for', async () => {
    const { attach, settled, dropped, talk, withdrawn } = await setUp({ run: 1 });
    attach(2);
    await settled();
    expect(dropped()).toEqual([{ type: 'DropLink', uid: 'uid-0', run: 1 }]);
    expect(withdrawn).toEqual(['u1-1']);
    expect([talk.records.size, talk.links.get('uid-0')?.target.run]).toEqual([0, 2]);
  });

  test('continues what is stored of the same run', async () => {
    const { attach, settled, dropped, talk } = await setUp({ run: 1 });
    attach(1);
    await settled();
    expect(dropped()).toEqual([]);
    expect(talk.links.get('uid-0')?.resumed).toBe(true);
    expect(talk.records.size).toBe(0);
  });

  test('is one for each start, and none once the start was read to its end', async () => {
    const { attach, talk } = await setUp();
    attach(1);
    const first = talk.links.get('uid-0');
    attach(1);
    attach(2); // the output of the first is not read to its end
    expect(talk.links.get('uid-0')).toBe(first);
    const other = await setUp();
    other.talk.drained.set('uid-0', 'start-1');
    other.attach(1);
    expect(other.talk.links.size).toBe(0);
  });

  test('is none where the Agent has no protocol: there is nothing to read', async () => {
    const { links, agent, instance, talk, looks } = await setUp();
    const spec = { ...agent.spec, protocol: 'none' as const };
    links.attach(agent, instance, { number: 1, startId: 's', ref: 'r' }, spec);
    expect([talk.links.size, talk.drained.get('uid-0'), looks]).toEqual([0, 's', ['default/web']]);
  });

  test('interrupts the turns of an earlier run, and leaves those of its own', async () => {
    const { attach, talk } = await setUp({ messages: [message('m', { ...working, attempts: 3 })] });
    attach(1);
    expect(talk.opens.get('m')?.message).toMatchObject({ state: 'Delivered' });
    const {
      attach: attachLater,
      settled,
      journal,
    } = await setUp({
      messages: [message('m', { ...working, attempts: 3 })],
    });
    attachLater(2);
    await settled();
    expect(journal.message('m')).toMatchObject({
      state: 'Failed',
      reason: 'MaxAttempts',
      error: expect.stringContaining('run 1 of web-0 is gone'),
    });
  });
});

describe('an Instance that is deleted', () => {
  test('leaves nothing of itself: its link is closed, its approvals are withdrawn, its questions end', async () => {
    const { links, instance, attach, settled, dropped, talk, withdrawn, gone } = await setUp();
    attach(3);
    const link = talk.links.get('uid-0');
    links.gone(instance);
    await settled();
    expect(dropped()).toEqual([{ type: 'DropLink', uid: 'uid-0', run: 3 }]);
    expect([talk.links.size, talk.drained.size, talk.records.size]).toEqual([0, 0, 0]);
    expect(withdrawn.slice(-2)).toEqual(['u1-1', 'u1-2']);
    expect(gone).toEqual(['uid-0']);
    expect(link?.unread).toBe(true);
  });

  test('leaves nothing of an earlier controller, either', async () => {
    const { links, instance, settled, dropped, talk, gone } = await setUp({ run: 1 });
    talk.drained.set('uid-0', 'uid-0-1');
    links.gone(instance);
    await settled();
    expect(dropped()).toEqual([{ type: 'DropLink', uid: 'uid-0', run: 1 }]);
    expect([talk.drained.size, talk.records.size, gone]).toEqual([0, 0, ['uid-0']]);
  });

  test('that never ran has nothing to forget', async () => {
    const { links, instance, settled, written, gone } = await setUp();
    const before = written.length;
    links.gone(instance);
    await settled();
    expect(written.slice(before)).toEqual([]);
    expect(gone).toEqual(['uid-0']);
  });

  test('has its controls forgotten', async () => {
    const { links, instance, enforcement } = await setUp();
    enforcement.asks(linkOf({}, { uid: 'uid-0' }));
    expect(enforcement.control('uid-0')).toBeDefined();
    links.gone(instance);
    expect(enforcement.control('uid-0')).toBeUndefined();
  });

  test.each([
    ['was not read to its end: the turn may have had any effect', 'Ready', true],
    ['was read to its end: the turn is not touched', 'Drained', false],
  ] as const)('whose output %s', async (_, state, produced) => {
    const { links, instance, attach, settled, talk } = await setUp({ messages: [message('m', working)] });
    attach(1);
    const link = talk.links.get('uid-0');
    if (link !== undefined) link.state = state;
    const [open] = talk.opens.values();
    links.gone(instance);
    await settled();
    expect(open?.message).toMatchObject({ produced, state: produced ? 'Pending' : 'Delivered' });
  });
});

test('an end of a run is that of its own start alone', async () => {
  const { links, attach, talk, clock } = await setUp();
  attach(1);
  const timers = clock.waiting;
  links.detach('uid-0', 'start-0');
  links.detach('other', 'start-1');
  expect(clock.waiting).toBe(timers);
  links.detach('uid-0', 'start-1');
  expect(clock.waiting).toBe(timers + 1);
  expect(talk.links.size).toBe(1);
});

test('an Instance that is being stopped is told to its link, and messages are looked at again', async () => {
  const { links, attach, talk } = await setUp();
  const due: string[] = [];
  talk.signals.on('due', (key) => due.push(key));
  links.setStopping('uid-0', true);
  expect(due).toEqual([]);
  attach(1);
  links.setStopping('uid-0', true);
  expect([talk.links.get('uid-0')?.stopping, due]).toEqual([true, ['default/web']]);
  links.setStopping('uid-0', false);
  expect(talk.links.get('uid-0')?.stopping).toBe(false);
});
