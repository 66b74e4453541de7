import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import type { FakeDriver } from '../fakes/driver.ts';
import type { FakeProgram } from '../fakes/stdio.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { stage } from './stage.ts';

test('a message that could not be written to a run that ends is sent to the next one once', async () => {
  const puppet: AcpPuppet = new AcpPuppet({
    // Loading takes longer than it takes until the write is tried again.
    'session/load': (request) => {
      at.world.house.clock.after(3_000, () => puppet.answer(request, {}));
      return undefined;
    },
  });
  let refuses = true;
  const wrap = (driver: FakeDriver): FakeDriver => ({
    ...driver,
    stdio: {
      attach: async (ref, options) => {
        const attachment = await driver.stdio.attach(ref, options);
        const write = async (text: string): Promise<void> => {
          if (!refuses || !text.includes('"session/prompt"')) return attachment.write(text);
          refuses = false;
          queueMicrotask(() => puppet.runs[0]?.end(1));
          throw new DriverError('Retryable', 'NotRunning', 'it has ended');
        };
        return { ...attachment, write };
      },
    },
  });
  await using at = await stage({ acp: puppet }, { wrap });
  const { id } = await at.send('acp', 'do it');
  await at.world.until(() => puppet.prompts.length > 0);
  await at.pass(10_000);
  expect(puppet.prompts).toHaveLength(1);
  puppet.end();
  expect(await at.end(id)).toMatchObject({ state: 'Completed' });
});

test('a message that moved while its first instance made a session is sent by the other one alone', async () => {
  const connected = new Set<FakeProgram>();
  const waiting: AcpPuppet['heard'] = [];
  const puppet: AcpPuppet = new AcpPuppet({
    'session/new': (request, self) => {
      if (!connected.has(self)) {
        connected.add(self);
        return puppet.newSession();
      }
      waiting.push(request);
      return undefined;
    },
  });
  await using at = await stage({ acp: { agent: puppet.agent, spec: { replicas: 2 } } });
  // Both use up the sessions of their handshakes.
  for (const count of [1, 2]) {
    await at.send('acp', `first ${count}`);
    await at.world.until(() => puppet.prompts.length === count);
  }
  for (const prompt of puppet.prompts) puppet.answer(prompt, { stopReason: 'end_turn' });
  await at.world.until(() => at.world.talk.census().messages.length === 0);
  const sent = [await at.send('acp', 'one'), await at.send('acp', 'other')];
  await at.world.until(() => waiting.length === 2);
  await at.world.agent('acp', { replicas: 1 });
  await at.world.until(() => at.world.house.instance('acp-1') === undefined);
  let done = 2;
  const answer = async (): Promise<void> => {
    for (const request of waiting.splice(0)) puppet.answer(request, puppet.newSession());
    await at.world.until(() => puppet.prompts.length > done);
    for (const prompt of puppet.prompts.slice(done)) puppet.answer(prompt, { stopReason: 'end_turn' });
    done = puppet.prompts.length;
  };
  await answer();
  await at.world.until(() => waiting.length > 0);
  // Longer than it takes until the delivery that was given up is looked at again.
  await at.pass(3_000);
  await answer();
  for (const { id } of sent) await at.end(id);
  await at.pass(3_000);
  const texts = puppet.prompts.slice(2).map(({ params }) => params.prompt.at(-1)?.text);
  expect(texts.sort()).toEqual(['one', 'other']);
  for (const { id } of sent) expect(at.world.ends.get(id)).toMatchObject([{ attempts: 1 }]);
});
