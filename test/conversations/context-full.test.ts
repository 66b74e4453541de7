import { expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { stage } from './stage.ts';

/** Reports how much of the context is used, and ends the turn; answers the session of the next message. */
async function nextSession(
  onContextFull: 'New' | 'Keep',
  { used, size, stopReason = 'end_turn' }: { used?: number; size?: number; stopReason?: string },
): Promise<string | undefined> {
  const puppet = new AcpPuppet();
  const spec = { conversations: { onContextFull } };
  await using at = await stage({ acp: { agent: puppet.agent, spec } });
  const { id, conversation } = await at.send('acp', 'one');
  await at.world.until(() => puppet.prompts.length === 1);
  if (used !== undefined) puppet.update({ sessionUpdate: 'usage_update', used, size });
  puppet.end('done', stopReason);
  await at.end(id);
  await at.send('acp', 'two', { conversation });
  await at.world.until(() => puppet.prompts.length === 2);
  return puppet.prompts[1]?.params.sessionId;
}

test.each<[string, string, Parameters<typeof nextSession>[1]]>([
  ['is 95 % full', 's2', { used: 95, size: 100 }],
  ['is less full', 's1', { used: 94, size: 100 }],
  ['is of no known size', 's1', { used: 95, size: 0 }],
  ['was not reported', 's1', {}],
  ['had no room for the answer', 's2', { stopReason: 'max_tokens' }],
])(
  'a conversation that begins anew when its context is full, and %s, goes on in session %s',
  async (_, session, reported) => {
    expect(await nextSession('New', reported)).toBe(session);
  },
);

test('a conversation that keeps its session does so when its context is full', async () => {
  expect(await nextSession('Keep', { used: 100, size: 100 })).toBe('s1');
});
