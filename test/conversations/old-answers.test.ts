import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { stage } from './stage.ts';

async function asking() {
  const [one, other] = [new Puppet(), new Puppet()];
  const at = await stage({
    one: { agent: one.agent, spec: { fleetAccess: 'Peers' } },
    other: { agent: other.agent, spec: { conversations: { perInstance: 5 } } },
  });
  const ask = async (message: string): Promise<void> => {
    const line = { type: 'route_request', requestId: 'r1', toId: 'other', message };
    one.runs.at(-1)?.say(JSON.stringify(line));
    await at.world.until(() => other.turns.some((turn) => turn.message === message));
  };
  const answer = (message: string): void => {
    const asked = other.turns.find((turn) => turn.message === message);
    const { requestId, messageId = '' } = asked ?? {};
    other.say(messageId, { type: 'route_done', requestId, response: `answer to ${message}` });
  };
  return { ...at, one, ask, answer };
}

test('an answer to an earlier run is not taken for one to the question that the new run asks by that id', async () => {
  await using at = await asking();
  await at.ask('old');
  at.one.runs[0]?.end(1);
  await at.world.until(() => at.one.runs.length === 2);
  await at.ready(2);
  await at.ask('new');
  at.answer('old');
  await at.pass(1_000);
  at.answer('new');
  await at.world.until(() => at.one.of('route_response').length > 0);
  await at.pass(1_000);
  expect(at.one.of('route_response')).toMatchObject([{ requestId: 'r1', response: 'answer to new' }]);
  expect(at.world.house.journal.load().unanswered).toEqual([]);
});

test('an answer for an instance that is gone is kept for nobody', async () => {
  await using at = await asking();
  await at.ask('old');
  await at.world.agent('one', { replicas: 0 });
  await at.world.until(() => at.world.house.instance('one-0') === undefined);
  at.answer('old');
  await at.world.until(() => at.world.talk.census().messages.length === 0);
  await at.world.house.rest();
  expect(at.world.house.journal.load().unanswered).toEqual([]);
});
