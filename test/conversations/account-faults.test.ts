import { expect, test } from 'vitest';
import { accountFault, untilOf } from '../../src/conversations/agent-account.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { stage } from './stage.ts';

const now = Date.parse('2026-03-01T12:00:30Z');
const fault = (message: string, reason = 'AgentError') => accountFault({ reason, message }, now);

test.each([
  "You've hit your session limit, resets 4:20pm (Europe/Berlin)",
  'Internal error: You’ve hit your usage limit. Upgrade to Pro or try again at 3:19 AM.',
  'You have exhausted your daily quota on this model.',
  'API Error: Request rejected (429) · You have hit your usage limit.',
  'Claude AI usage limit reached|1772400000',
  'rate_limit_error: This request would exceed your rate limit',
  'Your credit balance is too low to access the API.',
])('%s is a quota that is used up', (message) => {
  expect(fault(message)).toMatchObject({ condition: 'WithinQuota', reason: 'QuotaExceeded' });
});

test.each([
  ['OAuth session expired and could not be refreshed', 'AuthRequired'],
  ['Invalid API key · Please run /login', 'AgentError'],
  ['authentication_error: OAuth token has expired', 'AgentError'],
])('%s is a login that holds no longer', (message, reason) => {
  expect(fault(message, reason)).toMatchObject({ condition: 'LoggedIn', reason: 'AuthRequired' });
});

test.each([
  'the file is not there',
  'prompt is too long: 210000 tokens > 200000 maximum',
  'max_tokens limit reached',
])('%s is neither', (message) => expect(fault(message)).toBeUndefined());

test.each([
  ['resets 4:20pm (Europe/Berlin)', '2026-03-01T15:20:00Z'],
  ['resets 1am (America/New_York)', '2026-03-02T06:00:00Z'],
  ['resets at 12:00 UTC', '2026-03-02T12:00:00Z'],
  ['resets Mar 5, 3pm (UTC)', '2026-03-05T15:00:00Z'],
  ['try again in 2 hours and 5 minutes', '2026-03-01T14:05:30Z'],
  ['Please try again in 6m30s.', '2026-03-01T12:07:00Z'],
  ['limit reached|1772400000', '2026-03-01T21:20:00Z'],
  ['until 2026-03-01T18:00:00+02:00', '2026-03-01T16:00:00Z'],
])('%s names %s', (text, at) => {
  expect(new Date(untilOf(text, now) ?? 0).toISOString()).toBe(at.replace('Z', '.000Z'));
});

test('without a zone it is the time of this host', () => {
  const at = new Date(untilOf('try again at 3:19 AM', now) ?? 0);
  expect([at.getHours(), at.getMinutes()]).toEqual([3, 19]);
  expect(at.getTime()).toBeGreaterThan(now);
});

test('a text that names no time has none', () => {
  expect(untilOf('You have exhausted your daily quota on this model.', now)).toBeUndefined();
  expect(untilOf('look at 3 things', now)).toBeUndefined();
});

test('an agent that is at its limit says so in a condition and an Event, until a turn is completed', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const told = (type: string) =>
    at.world.house.instance('acp-a-0')?.status?.conditions?.find((one) => one.type === type);
  const turn = async (error?: object) => {
    const before = puppet.prompts.length;
    const { id } = await at.send('acp-a', 'go');
    await at.world.until(() => puppet.prompts.length > before);
    if (error === undefined) puppet.end();
    else puppet.refuse(error);
    return at.end(id);
  };
  const limit = 'You have hit your usage limit. Try again at 2030-01-01T00:00:00Z.';
  expect(await turn({ code: -32603, message: limit })).toMatchObject({
    reason: 'QuotaExceeded',
    error: limit,
  });
  await at.world.until(() => told('WithinQuota')?.status === 'False');
  expect(told('WithinQuota')?.message).toContain('until 2030-01-01');
  expect(await turn({ code: -32000, message: 'OAuth session expired' })).toMatchObject({
    reason: 'AuthRequired',
  });
  await at.world.until(() => told('LoggedIn')?.status === 'False');
  expect(await turn()).toMatchObject({ state: 'Completed' });
  await at.world.until(() => told('WithinQuota')?.status === 'True' && told('LoggedIn')?.status === 'True');
});
