import { beforeAll, expect, test } from 'vitest';
import { agent } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell();
const noon = Date.parse('2026-01-31T12:00:00Z');
const at = (seconds: number): string => new Date(noon + seconds * 1000).toISOString();

const event = (seconds: number, reason: string, message: string, count?: number) =>
  shell.server.controller.create('Event', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `web.${seconds}`, namespace: 'default' },
    involvedObject: { kind: 'Instance', namespace: 'default', name: 'web-0' },
    type: 'Warning',
    reason,
    message,
    firstTimestamp: at(seconds),
    lastTimestamp: at(seconds),
    ...(count === undefined ? {} : { count }),
  });

beforeAll(async () => {
  await shell.server.client.create('Agent', agent('web'));
  await event(10, 'Unhealthy', 'check ended with 1.');
  await event(20, 'Unhealthy', 'check ended with 1.', 3);
  await event(30, 'Failed', 'Run 2 ended with code 1.');
  await event(35, 'Failed', 'Run 3 ended with code 1.');
  await event(40, 'Unhealthy', 'check ended with 1.');
  shell.server.clock.advance(60_000);
});

test('describe folds equal events, and keeps those with another message', async () => {
  const { out } = await shell.run(['describe', 'agent', 'web']);
  expect(out.slice(out.indexOf('Events:'))).toBe(
    [
      'Events:',
      '  LAST SEEN           TYPE      REASON      OBJECT           MESSAGE',
      '  30s                 Warning   Failed      instance/web-0   Run 2 ended with code 1.',
      '  25s                 Warning   Failed      instance/web-0   Run 3 ended with code 1.',
      '  20s (x5 over 50s)   Warning   Unhealthy   instance/web-0   check ended with 1.',
      '',
    ].join('\n'),
  );
});
