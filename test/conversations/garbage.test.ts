import { expect, test, vi } from 'vitest';
import { silentLog } from '../../src/platform/log.ts';
import { Puppet } from './puppet.ts';
import { stage } from './stage.ts';

test('a flood of lines that mean nothing is told once a second, with how many there were', async () => {
  const warn = vi.spyOn(silentLog, 'warn');
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const told = (): unknown[] =>
    warn.mock.calls.filter(([, text]) => /means nothing/.test(String(text))).map(([fields]) => fields);
  const flood = async (): Promise<void> => {
    puppet.runs[0]?.say(...Array.from({ length: 1_000 }, () => 'nonsense'));
    await at.world.house.rest();
  };
  await flood();
  expect(told()).toMatchObject([{ instance: 'w-0', line: 'nonsense', lines: 1 }]);
  await at.pass(1_000);
  await flood();
  expect(told()).toMatchObject([{ lines: 1 }, { lines: 1_000 }]);
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  puppet.done(id, 'still here');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'still here' });
});
