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
  await event(10, 'BackOff', 'Failure 1 in a row: it starts again at 2026-01-31 12:00:11 UTC.');
  await event(20, 'BackOff', 'Failure 2 in a row: it starts again at 2026-01-31 12:00:22 UTC.', 3);
  await event(30, 'Failed', 'Run 2 ended with code 1.');
  await event(40, 'BackOff', 'Failure 3 in a row: it starts again at 2026-01-31 12:00:44 UTC.');
  shell.server.clock.advance(60_000);
});

test('describe folds Events that say the same but for numbers, and keeps the others', async () => {
  const { out } = await shell.run(['describe', 'agent', 'web']);
  expect(out.slice(out.indexOf('Events:'))).toBe(
    [
      'Events:',
      '  LAST SEEN           TYPE      REASON    OBJECT           MESSAGE',
      '  30s                 Warning   Failed    instance/web-0   Run 2 ended with code 1.',
      '  20s (x5 over 50s)   Warning   BackOff   instance/web-0   Failure 3 in a row: it starts again at 2026-01-31 12:00:44 UTC.',
      '',
    ].join('\n'),
  );
});
