import { describe, expect, test } from 'vitest';
import type { Kind } from '../../src/api/objects.ts';
import { agent, policy, told } from './objects.ts';

describe('what is said of the talk with an agent', () => {
  test.each<[string, Kind, object]>([
    [
      'an agent that talks, with all that goes with it',
      'Agent',
      agent({
        protocol: 'acp',
        replicas: 3,
        model: 'm',
        systemPrompt: 'You are.',
        prompt: 'Begin.',
        conversations: { perInstance: 2 },
        schedule: [{ name: 'daily', cron: '0 4 * * *', timezone: 'Europe/Berlin', message: 'Report.' }],
      }),
    ],
    [
      'an agent without a protocol whose defaults are filled in',
      'Agent',
      agent({
        conversations: { perInstance: 1, idleTTL: '24h', onContextFull: 'Keep' },
        schedule: [],
        fleetAccess: 'Peers',
      }),
    ],
    ['an agent without a protocol that runs on demand', 'Agent', agent({ policy: { mode: 'OnDemand' } })],
  ])('is valid of %s', (_, kind, object) => {
    expect(told(kind, object)).toEqual([]);
  });

  test.each<[string, Kind, object, string]>([
    [
      'a macro of cron that is none',
      'Agent',
      agent({ protocol: 'acp', schedule: [{ name: 'a', cron: '@every 1h', message: 'Go.' }] }),
      'spec.schedule[0].cron: found "@every 1h", expected one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly; for an interval, use every: 1h',
    ],
    [
      'a prompt of every so often that never comes, or always',
      'Agent',
      agent({ protocol: 'acp', schedule: [{ name: 'a', every: '0s', message: 'Go.' }] }),
      'spec.schedule[0].every: found "0s", expected more than 0',
    ],
    [
      'a prompt with two clocks',
      'Agent',
      agent({ protocol: 'acp', schedule: [{ name: 'a', every: '1h', cron: '@daily', message: 'Go.' }] }),
      'spec.schedule[0]: found cron and every, expected exactly one of cron, every',
    ],
    [
      'a bad cron line of a prompt',
      'Agent',
      agent({ protocol: 'acp', schedule: [{ name: 'a', cron: '0 4 * *', message: 'Go.' }] }),
      'spec.schedule[0].cron: found "0 4 * *", expected five fields (minute, hour, day of month, month, day of week), as in "0 4 * * *"; it has 4',
    ],
    [
      'a misspelt zone of a prompt',
      'Agent',
      agent({
        protocol: 'jsonl',
        schedule: [{ name: 'a', cron: '0 4 * * *', timezone: 'Europe/Berlim', message: 'Go.' }],
      }),
      'spec.schedule[0].timezone: found "Europe/Berlim", expected an IANA time zone, as in Europe/Berlin; did you mean Europe/Berlin?',
    ],
    ...(
      [
        ['model', 'm', 'the agent is told its model'],
        ['systemPrompt', 'You are.', 'the agent is told its system prompt'],
        ['prompt', 'Begin.', 'the prompt is sent'],
        ['schedule', [{ name: 'a', cron: '0 4 * * *', message: 'Go.' }], 'the prompts are sent'],
        ['conversations', { perInstance: 2 }, 'conversations are held'],
      ] as const
    ).map(([name, value, what]): [string, Kind, object, string] => [
      `${name} without a protocol`,
      'Agent',
      agent({ [name]: value }),
      `spec.${name}: requires a protocol, by which ${what}: set spec.protocol to acp or jsonl, or remove it`,
    ]),
    [
      'no time at all for a message',
      'Policy',
      policy({ messages: { timeout: '0s' } }),
      'spec.messages.timeout: found "0s", expected more than 0',
    ],
  ])('is refused of %s', (_, kind, object, text) => {
    expect(told(kind, object)).toEqual([text]);
  });
});
