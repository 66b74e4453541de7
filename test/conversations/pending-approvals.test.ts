import { describe, expect, test } from 'vitest';
import { Enforcement } from '../../src/conversations/enforcement.ts';
import { Approvals } from '../../src/conversations/pending-approvals.ts';
import type { LinkTarget } from '../../src/conversations/ports.ts';
import type { Entry } from '../../src/messages/journal.ts';
import type { Permission } from '../../src/protocols/turn-events.ts';
import { accept, conversation, message } from '../messages/entries.ts';
import { agentOf } from '../plan/worlds.ts';
import { bench, linkOf } from './bench.ts';

const permission = (id: string, fields: Partial<Permission> = {}): Permission => ({
  id,
  title: 'touch made',
  toolKind: 'execute',
  toolCallId: `t-${id}`,
  input: { command: 'touch made' },
  options: [
    { id: 'y', name: 'Yes', kind: 'allow_once' },
    { id: 'n', name: 'No', kind: 'reject_once' },
  ],
  ...fields,
});

/** A run of Agent `a`, whose spec puts tools to people and denies reading, works on message `m`. */
async function setUp() {
  const at = bench();
  at.add(
    agentOf(
      { permissions: { default: 'Ask', rules: [{ toolKind: 'read', action: 'Deny' }], timeout: '10m' } },
      { name: 'a' },
    ),
  );
  const approvals = new Approvals(at.context, at.talk, new Enforcement(at.context));
  const record = conversation('c');
  await at.journal.commit([{ type: 'Conversation', conversation: record }, ...accept(message('m'))]);
  const open = at.talk.open(message('m'), at.talk.hold(record));
  const decided: unknown[][] = [];
  const pushed: Entry[] = [];
  const link = (of: Partial<LinkTarget> = {}) =>
    linkOf(
      {
        connection: {
          decide: async (...args: unknown[]) => {
            decided.push(args);
          },
        },
        push: (entries: readonly Entry[]) => pushed.push(...entries),
      },
      of,
    );
  const ids = () => pushed.flatMap((one) => (one.type === 'Approval' ? [one.approval.id] : []));
  const events = () => pushed.flatMap((one) => (one.type === 'Event' ? [one.event] : []));
  return { ...at, approvals, open, decided, pushed, link, ids, events };
}

describe('a request for permission', () => {
  test('is put to people: it is journalled, is an event of the message, and is told with how to decide', async () => {
    const { approvals, open, link, pushed, ids, events, recorded, clock } = await setUp();
    approvals.asked(link(), open, permission('1', { guessed: true }));
    const [id] = ids();
    expect(pushed[0]).toMatchObject({
      type: 'Approval',
      approval: {
        namespace: 'default',
        agent: 'a',
        instance: 'a-0',
        uid: 'a-uid',
        run: 1,
        permission: '1',
        toolCall: 't-1',
        message: 'm',
        conversation: 'c',
        title: 'touch made',
        toolKind: 'execute',
        guessed: true,
        input: { command: 'touch made' },
        state: 'Pending',
        createdAt: clock.now(),
        expiresAt: clock.now() + 600_000,
      },
    });
    expect(events()).toMatchObject([{ type: 'approval', id, title: 'touch made', state: 'Pending' }]);
    expect(recorded).toMatchObject([
      {
        uid: 'a-uid',
        type: 'Normal',
        reason: 'ApprovalNeeded',
        message: expect.stringContaining(`Decide with agentctl approve ${id} or agentctl deny ${id}.`),
      },
    ]);
  });

  test('has an id of its own for each instance, run and request, and the same one when it is read again', async () => {
    const { approvals, link, ids } = await setUp();
    const runs = [link(), link({ uid: 'b-uid' }), link({ run: 2 })];
    for (const run of [...runs, ...runs]) {
      approvals.asked(run, undefined, permission('1'));
      approvals.asked(run, undefined, permission('2'));
    }
    expect(ids()).toHaveLength(6);
    expect(new Set(ids()).size).toBe(6);
    for (const id of ids()) expect(id).toMatch(/^p-[0-9a-f]{10}$/);
  });

  test('that the spec denies is answered at once, and is an event of the message', async () => {
    const { approvals, open, link, decided, events, recorded } = await setUp();
    approvals.asked(link(), open, permission('1', { toolKind: 'read' }));
    approvals.asked(link(), undefined, permission('2', { toolKind: 'read' }));
    expect(decided).toEqual([
      ['1', 'Deny'],
      ['2', 'Deny'],
    ]);
    expect(events()).toMatchObject([{ type: 'approval', title: 'touch made', state: 'Denied' }]);
    expect(recorded).toEqual([]);
  });

  test('that the spec allows is answered at once, and is an event of the message', async () => {
    const { approvals, open, link, decided, events } = await setUp();
    approvals.asked(link(), open, permission('1', { toolKind: 'agentctl' }));
    expect(decided).toEqual([['1', 'Allow']]);
    expect(events()).toMatchObject([{ type: 'approval', state: 'Approved' }]);
  });

  test('of an Agent that is gone is cancelled', async () => {
    const { approvals, agents, open, link, decided, pushed } = await setUp();
    agents.clear();
    approvals.asked(link(), open, permission('1'));
    expect(decided).toEqual([['1', 'Cancelled']]);
    expect(pushed).toEqual([]);
  });

  test('is denied while a hundred of its instance wait, with the reason in the message', async () => {
    const { approvals, open, link, ids, decided, events, recorded } = await setUp();
    for (let n = 0; n < 100; n += 1) approvals.asked(link(), open, permission(`${n}`));
    expect([ids().length, decided.length]).toEqual([100, 0]);
    approvals.asked(link(), open, permission('last'));
    expect(ids()).toHaveLength(100);
    expect(decided).toEqual([['last', 'Deny']]);
    expect(events().at(-1)).toMatchObject({
      type: 'approval',
      title: 'touch made (100 others wait for a decision already)',
      state: 'Denied',
    });
    expect(recorded.at(-1)).toMatchObject({
      type: 'Warning',
      reason: 'TooManyApprovals',
      message: '100 of its requests wait for a decision: further ones are denied until some are decided.',
    });
    approvals.asked(link({ uid: 'b-uid' }), undefined, permission('last'));
    expect(ids()).toHaveLength(101);
  });

  test('keeps an input of 16 KiB whole, and the beginning of a longer one', async () => {
    const { approvals, link, pushed } = await setUp();
    const fits = 'x'.repeat(16_384 - 2); // with its quotes
    approvals.asked(link(), undefined, permission('1', { input: fits }));
    approvals.asked(link(), undefined, permission('2', { input: `${fits}y` }));
    approvals.asked(link(), undefined, permission('3', { input: undefined }));
    const inputs = pushed.map((one) => (one.type === 'Approval' ? one.approval.input : 'none'));
    expect(inputs[0]).toBe(fits);
    expect(inputs[1]).toBe(`"${'x'.repeat(16_382)}y…`);
    expect(inputs[2]).toBeUndefined();
  });
});

describe('a decision', () => {
  test('of an approval that is unknown, or of another namespace, is NotFound', async () => {
    const { approvals, link, ids } = await setUp();
    approvals.asked(link(), undefined, permission('1'));
    for (const [id, namespace] of [
      ['p-none', 'default'],
      [ids()[0] ?? '', 'elsewhere'],
    ] as const)
      await expect(approvals.decide(id, namespace, 'Approved', { by: 'me' })).rejects.toMatchObject({
        code: 'NotFound',
        message: `approvals "${id}" not found`,
      });
  });

  test('is journalled with who, when and which option, is told to the run, and is final', async () => {
    const { approvals, talk, link, ids, journal, decided, clock } = await setUp();
    const run = link();
    talk.links.set('a-uid', run);
    approvals.asked(run, undefined, permission('1'));
    const [id = ''] = ids();
    clock.advance(1_000);
    await approvals.decide(id, 'default', 'Denied', { by: 'me', option: 'NO' });
    expect(journal.approval(id)).toMatchObject({
      state: 'Denied',
      by: 'me',
      option: 'n',
      decidedAt: clock.now(),
    });
    expect(decided).toEqual([['1', 'Deny', 'n']]);
    await expect(approvals.decide(id, 'default', 'Approved', { by: 'you' })).rejects.toMatchObject({
      code: 'Conflict',
      message: `Approval ${id} is Denied already, by me.`,
    });
  });

  test('with an option that it has not says which it has', async () => {
    const { approvals, link, ids } = await setUp();
    approvals.asked(link(), undefined, permission('1'));
    approvals.asked(link(), undefined, permission('2', { options: [] }));
    const [one = '', other = ''] = ids();
    await expect(
      approvals.decide(one, 'default', 'Approved', { by: 'me', option: 'n' }),
    ).rejects.toMatchObject({
      code: 'BadRequest',
      message: `Approval ${one} has no option "n" to approve with. It has y (Yes).`,
    });
    await expect(
      approvals.decide(other, 'default', 'Denied', { by: 'me', option: 'n' }),
    ).rejects.toMatchObject({ message: `Approval ${other} has no option "n" to deny with. It has none.` });
  });

  test('is not told to another run than the one that asked', async () => {
    const { approvals, talk, link, ids, decided } = await setUp();
    approvals.asked(link(), undefined, permission('1'));
    talk.links.set('a-uid', link({ run: 2 }));
    await approvals.decide(ids()[0] ?? '', 'default', 'Approved', { by: 'me' });
    expect(decided).toEqual([]);
  });

  test('is made by time where nobody decides: the approval expires, and the run is told no', async () => {
    const { approvals, talk, link, ids, journal, decided, clock } = await setUp();
    const run = link();
    talk.links.set('a-uid', run);
    approvals.asked(run, undefined, permission('1'));
    clock.advance(599_999);
    await talk.writer.settle();
    expect(journal.approval(ids()[0] ?? '')).toBeUndefined();
    clock.advance(1);
    await expect.poll(() => decided).toEqual([['1', 'Deny', undefined]]);
    expect(journal.approval(ids()[0] ?? '')).toMatchObject({ state: 'Expired' });
  });
});
