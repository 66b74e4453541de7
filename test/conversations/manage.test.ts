import { describe, expect, test, vi } from 'vitest';
import type { Fleet } from '../../src/client/fleet.ts';
import { manage } from '../../src/conversations/agent-reports.ts';

const fleet = () => ({
  list: vi.fn().mockResolvedValue([
    {
      name: 'web',
      phase: 'Ready',
      ready: '1/1',
      talks: true,
      model: 'm',
      identity: 'You are web.',
      capabilities: ['read'],
    },
  ]),
  apply: vi.fn().mockResolvedValue({ name: 'web', done: 'created' }),
  start: vi.fn().mockResolvedValue(undefined),
  stop: vi.fn().mockResolvedValue(undefined),
  remove: vi.fn().mockResolvedValue(undefined),
});
const ask = (one: ReturnType<typeof fleet>, action: string, params: Record<string, unknown> = {}) =>
  manage(one as unknown as Fleet, action, params); // as much of it as is used

describe('an agent of the line protocol manages the fleet', () => {
  test('by list, which says who is there', async () => {
    expect(await ask(fleet(), 'list')).toEqual([
      { id: 'web', state: 'Ready', model: 'm', identity: 'You are web.' },
    ]);
  });

  test('by spawn, with a manifest', async () => {
    const one = fleet();
    expect(await ask(one, 'spawn', { name: 'web', content: 'kind: Agent' })).toEqual({
      name: 'web',
      done: 'created',
    });
    expect(one.apply).toHaveBeenCalledWith('kind: Agent');
  });

  test.each(['start', 'stop', 'remove'] as const)('by %s, of the agent that is named', async (action) => {
    const one = fleet();
    expect(await ask(one, action, { targetId: 'web' })).toEqual({ ok: true });
    for (const each of ['start', 'stop', 'remove'] as const)
      expect(one[each].mock.calls).toEqual(each === action ? [['web']] : []);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['spawn', {}, 'content'],
    ['spawn', { content: '' }, 'content'],
    ['start', { targetId: 7 }, 'targetId'],
    ['stop', {}, 'targetId'],
    ['remove', { targetId: '' }, 'targetId'],
  ])('%s with %o is refused, and names %s', async (action, params, name) => {
    const one = fleet();
    await expect(ask(one, action, params)).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringContaining(`${action}: ${name}`),
    });
    for (const each of [one.apply, one.start, one.stop, one.remove]) expect(each).not.toHaveBeenCalled();
  });

  test('by nothing else', async () => {
    await expect(ask(fleet(), 'explode')).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringMatching(/"explode".*spawn, stop, start, remove, list/),
    });
  });
});
