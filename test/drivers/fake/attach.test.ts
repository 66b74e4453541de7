import { expect, test } from 'vitest';
import type { OutputLine } from '../../../src/drivers/attachment.ts';
import { DriverError } from '../../../src/drivers/driver.ts';
import type { Observed } from '../../../src/plan/world.ts';
import { runSpec } from '../../contracts/spec.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { createFakeDriver } from '../../fakes/driver.ts';
import { type Behaviour, FakeEngine } from '../../fakes/engine.ts';
import type { FakeAgent } from '../../fakes/stdio.ts';

function fleet(agent: FakeAgent, rest: Behaviour = {}) {
  const engine = new FakeEngine({
    clock: new ManualClock('2026-01-01T00:00:00Z'),
    behave: () => ({ ...rest, agent }),
  });
  const driver = createFakeDriver(engine, 'store');
  const spec = { ...runSpec('store', 'a-0'), image: 'test-image:1', talks: true };
  const attach = ({ ref, run, startId = '' }: Observed, cursor?: string) =>
    driver.stdio.attach(ref, { run, startId, cursor, signal: new AbortController().signal });
  return { engine, driver, spec, attach };
}

async function textsOf(lines: AsyncIterable<readonly OutputLine[]>): Promise<string[]> {
  const texts: string[] = [];
  for await (const batch of lines) texts.push(...batch.map(({ text }) => text));
  return texts;
}

test('an agent of a test hears lines and answers, and crashes in the middle of one', async () => {
  const { driver, spec, attach } = fleet((self) => {
    self.say(`ready ${self.start} ${self.run}`);
    return (line) => {
      self.say(`heard ${line}`);
      self.sayHalf('{"ha');
      if (line === 'b') self.end(9);
    };
  });
  const observed = await driver.create(spec);
  const { lines, write } = await attach(observed);
  await write('a\nb\nc\n');
  expect(await textsOf(lines)).toEqual(['ready 1 1', 'heard a', '{"haheard b', '{"ha']);
  expect(await driver.inspect(observed.ref)).toMatchObject({ state: 'Exited', exit: { code: 9 } });
});

test('its output is kept for one who attaches later, until it starts again', async () => {
  const { driver, spec, attach } = fleet((self) => {
    self.say('one', 'two', 'three');
    return () => self.end(0);
  });
  const observed = await driver.create(spec);
  const first = await attach(observed);
  const batch = (await first.lines[Symbol.asyncIterator]().next()).value;
  first.close();
  await (await attach(observed)).write('end\n');
  const later = await attach(observed, batch?.[0]?.cursor);
  expect(await textsOf(later.lines)).toEqual(['two', 'three']);
  const again = await driver.restart(observed.ref, { ...spec, identity: { ...spec.identity, run: 2 } });
  await expect(attach(observed)).rejects.toMatchObject({ code: 'Gone' });
  const next = await attach({ ...again, run: 2 });
  await next.write('end\n');
  expect(await textsOf(next.lines)).toEqual(['one', 'two', 'three']);
});

test('attachments are lost with the streams of the engine, and a write fails where a test says so', async () => {
  const { engine, driver, spec, attach } = fleet(() => () => {});
  const observed = await driver.create(spec);
  const { lines, write } = await attach(observed);
  engine.failNext('write', new DriverError('Retryable', 'InputFull', 'full'));
  await expect(write('a\n')).rejects.toMatchObject({ code: 'InputFull' });
  const reading = textsOf(lines);
  engine.offline = true;
  await expect(reading).rejects.toMatchObject({ kind: 'Offline' });
  await expect(attach(observed)).rejects.toMatchObject({ kind: 'Offline' });
});
