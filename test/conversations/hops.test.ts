import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { type Stage, stage } from './stage.ts';

async function circle(perInstance: number): Promise<Stage & { one: Puppet; other: Puppet }> {
  const [one, other] = [new Puppet(), new Puppet()];
  const spec = { fleetAccess: 'Peers' as const, conversations: { perInstance } };
  const at = await stage({ one: { agent: one.agent, spec }, other: { agent: other.agent, spec } });
  await at.send('one', 'go');
  await at.world.until(() => one.turns.length === 1);
  one.say(one.turns[0]?.messageId ?? '', asks('other'));
  await at.world.until(() => other.turns.length === 1);
  other.say(other.turns[0]?.messageId ?? '', asks('one'));
  return { ...at, one, other };
}
const asks = (toId: string, requestId = 'r') => ({
  type: 'route_request',
  requestId,
  toId,
  message: 'what?',
});

test('a question back to an agent that has no place left but for the one who waits is refused at once', async () => {
  await using at = await circle(1);
  const before = at.world.house.clock.now();
  await at.world.until(() => at.other.of('route_response').length === 1);
  expect(at.world.house.clock.now() - before).toBeLessThanOrEqual(100);
  expect(at.other.of('route_response')).toMatchObject([
    { requestId: 'r', error: expect.stringContaining('waits for the answer to this very question') },
  ]);
  expect(at.one.turns).toHaveLength(1);
});

test('a question back to an agent that works on several conversations at once is answered', async () => {
  await using at = await circle(2);
  await at.world.until(() => at.one.turns.length === 2);
  const back = at.one.turns.at(-1);
  at.one.say(back?.messageId ?? '', { type: 'route_done', requestId: back?.requestId, response: 'that' });
  await at.world.until(() => at.other.of('route_response').length === 1);
  expect(at.other.of('route_response')).toMatchObject([{ requestId: 'r', response: 'that' }]);
});

test('a question that says not of which turn it is has passed as many agents as any that its asker works on', async () => {
  const spec = { fleetAccess: 'Peers' as const, conversations: { perInstance: 50 } };
  const [one, other] = [new Puppet(), new Puppet()];
  await using at = await stage({ one: { agent: one.agent, spec }, other: { agent: other.agent, spec } });
  const said = new Set<string>();
  const passOn = (puppet: Puppet, toId: string): void => {
    for (const { messageId } of puppet.turns) {
      if (said.has(messageId) || said.size > 60) continue;
      said.add(messageId);
      puppet.run(messageId).say(JSON.stringify(asks(toId, `q-${said.size}`)));
    }
  };
  await at.send('one', 'go');
  await at.send('one', 'go too');
  const refused = () => [...one.of('route_response'), ...other.of('route_response')];
  await at.world.until(() => {
    passOn(one, 'other');
    passOn(other, 'one');
    return refused().length >= 2 || said.size > 60;
  });
  expect(refused()).toMatchObject([
    { error: expect.stringContaining('circle') },
    { error: expect.stringContaining('circle') },
  ]);
  expect(Math.max(...at.world.house.journal.messages().map(({ hops }) => hops))).toBe(8);
});
