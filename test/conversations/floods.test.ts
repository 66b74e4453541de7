import { describe, expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { outputOf } from './flooding.ts';
import { Puppet } from './puppet.ts';
import { type Stage, stage } from './stage.ts';

const request = (n: number, toId = 'nobody'): string =>
  JSON.stringify({ type: 'route_request', requestId: `r${n}`, toId, message: 'x' });
const requests = (count: number, toId?: string): string[] =>
  Array.from({ length: count }, (_, n) => request(n, toId));

describe('an agent that asks without an end', () => {
  test('is answered at a bounded pace, and each question once', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    const answered = (): number => puppet.of('route_response').length;
    puppet.runs[0]?.say(...requests(3_000));
    await at.world.house.rest();
    const first = answered();
    expect(first).toBeGreaterThan(400);
    expect(first).toBeLessThan(800);
    await at.pass(1_000);
    expect(answered() - first).toBeLessThan(400);
    await at.pass(30_000);
    expect(answered()).toBe(3_000);
    expect(new Set(puppet.of('route_response').map(({ requestId }) => requestId)).size).toBe(3_000);
  });

  test('does not hold up what others say', async () => {
    const [noisy, quiet] = [new Puppet(), new Puppet()];
    await using at = await stage({ noisy, quiet });
    noisy.runs[0]?.say(...requests(5_000));
    const { id } = await at.send('quiet', 'hi');
    await at.world.house.until(() => quiet.turns.length === 1);
    quiet.done(id, 'here');
    await at.world.house.until(() => at.world.ends.has(id));
    expect(noisy.of('route_response').length).toBeLessThan(800);
  });

  test('and reads no answer is read no further, and all is answered once it reads', async () => {
    const puppet = new Puppet();
    const output = outputOf('w');
    await using at = await stage({ w: puppet }, { wrap: output.wrap });
    await at.world.house.rest();
    output.block();
    puppet.runs[0]?.say(...requests(5_000));
    await at.pass(120_000);
    expect(output.taken()).toBeGreaterThan(1_000);
    expect(output.taken()).toBeLessThan(1_600);
    output.unblock();
    await at.pass(90_000);
    expect(puppet.of('route_response')).toHaveLength(5_000);
  });

  test('of another that answers none is refused beyond a thousand', async () => {
    const [one, other] = [new Puppet(), new Puppet()];
    await using at = await stage({
      one: { agent: one.agent, spec: { fleetAccess: 'Peers' } },
      other: { agent: other.agent, spec: { policy: { messages: { queueDepth: 10_000 } } } },
    });
    one.runs[0]?.say(...requests(1_100, 'other'));
    await at.pass(15_000);
    expect(at.world.house.journal.messages()).toHaveLength(1_000);
    const refused = one.of('route_response');
    expect(refused).toHaveLength(100);
    expect(refused[0]?.error).toContain('1000 questions of one-0 wait for answers');
  });

  test('of the controller has few requests in work at once', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: { agent: puppet.agent, spec: { fleetAccess: 'Peers' } } });
    const lines = Array.from({ length: 300 }, (_, n) =>
      JSON.stringify({ type: 'mgmt_request', requestId: `m${n}`, action: 'list' }),
    );
    puppet.runs[0]?.say(...lines);
    await at.world.house.rest();
    const first = puppet.of('mgmt_response');
    expect(
      first.filter(({ error }) => error?.includes('requests in progress') === true).length,
    ).toBeGreaterThan(150);
    await at.pass(10_000);
    expect(puppet.of('mgmt_response')).toHaveLength(300);
  });
});

test('a run that has ended is read for a while, and what it has left is given up', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  puppet.runs[0]?.say(...requests(20_000));
  puppet.runs[0]?.end(1);
  await at.pass(5_000);
  expect(puppet.runs).toHaveLength(1);
  await at.pass(15_000);
  await at.world.until(() => puppet.runs.length === 2);
});

test('a run that has ended is read to its end where that is near', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  puppet.run(id).say(...requests(1_100));
  puppet.done(id, 'the last word');
  puppet.run(id).end(1);
  await at.pass(5_000);
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'the last word' });
});

test('requests for permission that nobody decides wait up to a hundred, and further ones are denied', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({
    acp: { agent: puppet.agent, spec: { permissions: { default: 'Ask' } } },
  });
  await at.send('acp', 'hi');
  await at.world.until(() => puppet.prompts.length === 1);
  for (let n = 0; n < 150; n += 1) puppet.ask(n, { toolCallId: `t${n}`, title: 'look', kind: 'read' });
  await at.pass(2_000);
  const { journal } = at.world.house;
  expect(journal.approvals({ state: 'Pending' })).toHaveLength(100);
  expect(puppet.told(120)).toMatchObject([{ outcome: { optionId: 'n' } }]);
  expect(puppet.told(20)).toEqual([]);
  expect(eventsOf(at).filter((reason) => reason === 'TooManyApprovals').length).toBeGreaterThan(0);
  const [first] = journal.approvals({ state: 'Pending' });
  await at.world.talk.approvals.decide(first?.id ?? '', 'default', 'Approved', { by: 'me' });
  puppet.ask(200, { toolCallId: 'again', title: 'look', kind: 'read' });
  await at.pass(2_000);
  expect(journal.approvals({ state: 'Pending' })).toHaveLength(100);
});

const eventsOf = ({ world }: Stage): string[] => world.house.happened;

test('of a turn that says hundreds of megabytes a bounded part is kept, and the answer', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  const text = 'x'.repeat(1024 * 1024);
  for (let n = 0; n < 80; n += 1) {
    puppet.say(id, { type: 'event', event: { type: 'thought', text } });
    await at.pass(1_000);
  }
  puppet.done(id, 'the answer');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'the answer' });
  const events = at.world.house.journal.events(id).map(({ event }) => event);
  expect(events.filter(({ type }) => type === 'thought').length).toBeLessThan(66);
  expect(events.filter(({ type }) => type === 'note')).toEqual([
    { type: 'note', text: expect.stringContaining('more than 64 MiB') },
  ]);
  expect(events.at(-1)).toEqual({ type: 'text', text: 'the answer' });
});
