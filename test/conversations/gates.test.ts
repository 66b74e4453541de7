import { describe, expect, test } from 'vitest';
import type { Gate } from '../../src/plan/world.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage } from './stage.ts';

const hour = 3_600_000;
const day = 24 * hour;
const settled = async (at: Stage): Promise<void> => {
  await at.world.house.rest();
  await at.world.house.settled();
  await at.world.house.rest();
};
const status = (at: Stage) => at.world.house.instance('w-0')?.status;
const annotate = (at: Stage, name: string, annotations: Record<string, string>) =>
  at.world.house.user.patch('Agent', key(name), { type: 'merge', body: { metadata: { annotations } } });
const resume = (at: Stage) => annotate(at, 'w', { 'agentctl.dev/resume': 'now' });

describe('while a gate is held', () => {
  test('no message is handed out and no attempt counted, and what is waiting goes out when it opens', async () => {
    const puppet = new Puppet();
    const gates: Gate[] = [];
    await using at = await stage({ w: puppet }, { gates: () => gates });
    const first = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    const until = at.world.house.clock.now() + hour;
    gates.push({ name: 'budget', state: 'Held', until, reason: 'OverBudget', message: 'It is spent' });
    const second = await at.send('w', 'and now?');
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    puppet.done(first.id, 'yes');
    expect(await at.end(first.id)).toMatchObject({ state: 'Completed' });
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    expect(at.message(second.id)).toMatchObject({ state: 'Pending', attempts: 0 });
    expect(status(at)).toMatchObject({ phase: 'Ready', reason: 'OverBudget' });
    at.world.house.clock.advance(hour);
    await at.world.until(() => puppet.turns.length === 2);
    expect(at.message(second.id)).toMatchObject({ attempts: 1 });
  });

  test('a message whose session is being opened waits, and uses that session later', async () => {
    let answers = true;
    const puppet = new AcpPuppet({ 'session/new': () => (answers ? puppet.newSession() : undefined) });
    let gates: Gate[] = [];
    await using at = await stage({ 'acp-w': puppet }, { gates: () => gates });
    const first = await at.send('acp-w', 'hi');
    await at.world.until(() => puppet.prompts.length === 1);
    puppet.end();
    await at.end(first.id);
    answers = false;
    const opened = puppet.of('session/new').length;
    const { id } = await at.send('acp-w', 'hello');
    await at.world.until(() => puppet.of('session/new').length > opened);
    gates = [{ name: 'budget', state: 'Held', reason: 'OverBudget', message: 'It is spent' }];
    puppet.answer(puppet.of('session/new')[opened], puppet.newSession());
    await settled(at);
    expect(puppet.prompts).toHaveLength(1);
    expect(at.message(id)).toMatchObject({ state: 'Pending', attempts: 0 });
    gates = [];
    await annotate(at, 'acp-w', { 'agentctl.dev/resume': 'now' });
    await at.world.until(() => puppet.prompts.length === 2);
    expect(puppet.of('session/new')).toHaveLength(opened + 1);
    expect(at.message(id)).toMatchObject({ attempts: 1 });
  });
});

describe('an ACP agent at its usage limit', () => {
  const limit = 'You have hit your usage limit. Try again in 1 hour.';
  /** A turn that fails at the limit, after this update. Returns the next message. */
  const refused = async (at: Stage, puppet: AcpPuppet, update?: object) => {
    const { id } = await at.send('acp-w', 'hi');
    await at.world.until(() => puppet.prompts.length === 1);
    if (update !== undefined) puppet.update({ sessionUpdate: 'usage_update', used: 1, size: 8, ...update });
    puppet.refuse({ code: -32603, message: limit });
    expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'QuotaExceeded' });
    await settled(at);
    return at.send('acp-w', 'again');
  };

  test('gets no message until the time that it reports as data', async () => {
    const puppet = new AcpPuppet();
    await using at = await stage({ 'acp-w': puppet });
    const resetsAt = at.world.house.clock.now() / 1_000 + 2 * 3_600;
    const info = { status: 'rejected', resetsAt, rateLimitType: 'five_hour' };
    const next = await refused(at, puppet, { _meta: { '_claude/rateLimit': info } });
    at.world.house.clock.advance(hour + 60_000); // the time in its words has passed
    await settled(at);
    expect(puppet.prompts).toHaveLength(1);
    expect(at.world.house.instance('acp-w-0')?.status).toMatchObject({ reason: 'QuotaExceeded' });
    expect(at.message(next.id)).toMatchObject({ attempts: 0 });
    await at.send('acp-w', 'and now?'); // what waited may have expired
    at.world.house.clock.advance(hour);
    await at.world.until(() => puppet.prompts.length > 1);
  });

  test('gets messages as before if only its words name a time', async () => {
    const puppet = new AcpPuppet();
    await using at = await stage({ 'acp-w': puppet });
    await refused(at, puppet);
    await at.world.until(() => puppet.prompts.length === 2);
  });
});

describe('an agent that reports until when its quota is used up', () => {
  /** An agent that works on a message, and has reported its quota. */
  const reported = async (at: Stage, puppet: Puppet, ms: number | undefined) => {
    const { id } = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length > 0);
    const until = ms === undefined ? undefined : at.world.house.clock.now() + ms;
    puppet.say(id, { type: 'quota', message: 'Too many requests', until });
    puppet.say(id, { type: 'error', error: '429 rate limit' });
    expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'QuotaExceeded' });
    await settled(at);
    return at.send('w', 'again');
  };

  test('gets no message until then, and says so', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    const next = await reported(at, puppet, hour);
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    expect(status(at)).toMatchObject({ phase: 'Ready', reason: 'QuotaExceeded' });
    expect(status(at)?.message).toMatch(
      /The gate quota is held until 2026-03-02 11:0\d:\d\d UTC: .*429 rate limit.* agentctl resume w\.$/,
    );
    at.world.house.clock.advance(hour);
    await at.world.until(() => puppet.turns.length === 2);
    expect(at.message(next.id)).toMatchObject({ attempts: 1 });
  });

  test('gets messages as before if it does not say until when', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    await reported(at, puppet, undefined);
    await at.world.until(() => puppet.turns.length === 2);
  });

  test('is held for a day at most', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    await reported(at, puppet, 365 * day);
    at.world.house.clock.advance(day - hour);
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    await at.send('w', 'and now?'); // what waited has expired
    at.world.house.clock.advance(hour);
    await at.world.until(() => puppet.turns.length === 2);
  });

  test.each([
    ['a resume', resume],
    [
      'a change of the spec',
      (at: Stage) => at.world.agent('w', { env: undefined, replicas: 1, minReady: '1s' } as never),
    ],
    [
      'a rollout restart',
      (at: Stage) => annotate(at, 'w', { 'agentctl.dev/restartedAt': '2026-03-02T10:00:00Z' }),
    ],
  ])('is tried again after %s, and held again by the same report', async (_, act) => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    await reported(at, puppet, 2 * hour);
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    await act(at);
    await at.world.until(() => puppet.turns.length === 2, 10_000);
    const again = puppet.turns[1]?.messageId ?? '';
    puppet.say(again, { type: 'quota', message: '429 rate limit', until: at.world.house.clock.now() + hour });
    puppet.say(again, { type: 'error', error: '429 rate limit' });
    await at.end(again);
    await at.send('w', 'a third');
    await settled(at);
    expect(puppet.turns).toHaveLength(2);
  });

  test('gets messages again when a turn is completed', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    const one = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    puppet.say(one.id, {
      type: 'quota',
      message: 'Too many requests',
      until: at.world.house.clock.now() + hour,
    });
    await at.send('w', 'and this?');
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    puppet.done(one.id, 'in the end');
    await at.world.until(() => puppet.turns.length === 2);
  });

  test('is held by a controller that starts anew, also if it has ended, and starts when the time comes', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    await reported(at, puppet, hour);
    await at.world.house.restart();
    await settled(at);
    expect(puppet.turns).toHaveLength(1);
    expect(status(at)).toMatchObject({ phase: 'Ready', reason: 'QuotaExceeded' });
    puppet.runs[0]?.end(1);
    await at.pass(10_000);
    expect(status(at)).toMatchObject({ phase: 'Pending', reason: 'QuotaExceeded' });
    await at.world.house.restart();
    await settled(at);
    expect(status(at)).toMatchObject({ phase: 'Pending', reason: 'QuotaExceeded' });
    expect(puppet.runs).toHaveLength(1);
    at.world.house.clock.advance(hour);
    await at.world.until(() => puppet.turns.length === 2, 10_000);
    expect(puppet.runs).toHaveLength(2);
  });
});
