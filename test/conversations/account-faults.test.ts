import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import {
  type Account,
  accountFault,
  holdOf,
  quotaGate,
  untilOf,
} from '../../src/conversations/agent-account.ts';
import { agentOf } from '../plan/worlds.ts';
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
  ...['usage', 'session', 'rate', 'hourly', '5-hour', 'daily', 'weekly', 'monthly'].map(
    (of) => `the ${of} limit`,
  ),
  ...['spend', 'spending', 'plan', 'account'].map((of) => `your ${of} limits`),
  ...['rate-limit', 'hit your own weekly limit', 'Too many requests', 'HTTP 429', 'RESOURCE_EXHAUSTED'],
  ...['insufficient credits', 'out of credit', 'no funds', 'exhausted your account balance'],
])('%s is a quota that is used up, too', (message) => {
  expect(fault(message)?.condition).toBe('WithinQuota');
});

test.each([
  ...['session', 'login', 'token', 'credential', 'credentials', 'API key'].map(
    (what) => `the ${what} has expired`,
  ),
  ...['revoked', 'invalid'].map((how) => `the token was ${how}`),
  ...['invalid', 'expired', 'incorrect', 'missing'].map((how) => `${how} api_key`),
  ...['missing credentials', 'invalid login', 'authentication required', 'authentication failed'],
  ...['not logged in', 'please log in', 'Please login', 'please sign in', 'HTTP 401', 'Unauthorized'],
])('%s is a login that holds no longer, too', (message) => {
  expect(fault(message)?.condition).toBe('LoggedIn');
});

test('a fault has the words of the agent, and until when', () => {
  expect(fault('quota used up, in 1h')).toEqual({
    condition: 'WithinQuota',
    reason: 'QuotaExceeded',
    message: 'quota used up, in 1h',
    until: now + 3_600_000,
  });
  expect(fault('what?', 'AuthRequired')).toEqual({
    condition: 'LoggedIn',
    reason: 'AuthRequired',
    message: 'what?',
  });
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

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
test.each(months.map((month, index) => [month, index + 1]))('%s is the month %i', (month, number) => {
  const until = untilOf(`resets on ${month} 20, 2026 at 3:05pm (UTC)`, now);
  expect(new Date(until ?? 0).toISOString()).toBe(
    `${number < 3 ? 2027 : 2026}-${String(number).padStart(2, '0')}-20T15:05:00.000Z`,
  );
});

test.each<[string, number]>([
  ['in 2 days', 48 * 3_600],
  ['in 1d', 24 * 3_600],
  ['in 3 hours', 3 * 3_600],
  ['in 3 hrs', 3 * 3_600],
  ['in 90 minutes', 90 * 60],
  ['in 5 mins', 5 * 60],
  ['in about 7m', 7 * 60],
  ['after 30 seconds', 30],
  ['after 10 secs', 10],
  ['in 1.5 hours', 5_400],
  ['in 0.5s', 0.5],
  ['in 1 day, 2 hours and 3 minutes', 26 * 3_600 + 180],
  ['IN 2 HOURS', 7_200],
])('"%s" are %d seconds', (text, seconds) => {
  expect(untilOf(`Try again ${text}.`, now)).toBe(now + seconds * 1_000);
});

test.each([
  ['at 12:30am UTC', '2026-03-02T00:30:00Z'],
  ['at 12:30 p.m. UTC', '2026-03-01T12:30:00Z'],
  ['at 12am (UTC)', '2026-03-02T00:00:00Z'],
  ['at 00:00 UTC', '2026-03-02T00:00:00Z'],
  ['at 23:59 GMT', '2026-03-01T23:59:00Z'],
  ['at 11:00:30 UTC', '2026-03-02T11:00:00Z'],
  ['until 12:01 UTC', '2026-03-01T12:01:00Z'],
  ['reset at 1pm UTC', '2026-03-01T13:00:00Z'],
  ['on March 1st at 6pm (UTC)', '2026-03-01T18:00:00Z'],
  ['on Mar 1, 11am (UTC)', '2027-03-01T11:00:00Z'],
  ['at 2:30am (Europe/Berlin)', '2026-03-02T01:30:00Z'],
  ['until 2026-03-01T18:00Z', '2026-03-01T18:00:00Z'],
  ['until 2026-03-01T18:00:30.500-0530', '2026-03-01T23:30:30.500Z'],
  ['reached|1772400000123', '2026-03-01T21:20:00.123Z'],
])('"%s" is %s', (text, at) => {
  expect(untilOf(text, now)).toBe(Date.parse(at));
});

test('a time that comes twice, since the clock is set back, is the first of them', () => {
  const before = Date.parse('2026-10-24T22:00:00Z');
  const until = untilOf('resets at 2:30am (Europe/Berlin)', before);
  expect(new Date(until ?? 0).toISOString()).toBe('2026-10-25T00:30:00.000Z');
});

test.each(['resets at 25:00 UTC', 'resets at 24:00 UTC', 'resets at 7', 'reached|177240000', 'in 5 apples'])(
  '"%s" names no time',
  (text) => {
    expect(untilOf(text, now)).toBeUndefined();
  },
);

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

describe('the gate of an Agent whose quota is used up', () => {
  const agent = agentOf({}, { generation: 2, annotations: { 'agentctl.dev/resume': 'a' } });
  const hour = 3_600_000;
  const report = (until: number, message = 'none left', asked = holdOf(agent, 0, now).asked): Account => ({
    WithinQuota: { status: 'False', reason: 'QuotaExceeded', message, hold: { until, asked } },
  });

  test('is none where no instance has reported it, or it has not said until when', () => {
    const { hold: _, ...view } = report(0).WithinQuota ?? {};
    const accounts = [{}, { LoggedIn: report(now + hour).WithinQuota }, { WithinQuota: view }] as Account[];
    expect(quotaGate(agent, accounts, now)).toBeUndefined();
  });

  test('is held until the last of the reported times, and says how to go on earlier', () => {
    const accounts = [report(now + hour), report(now + 3 * hour, 'all gone'), report(now + 2 * hour)];
    expect(quotaGate(agent, accounts, now)).toEqual({
      name: 'quota',
      state: 'Held',
      until: now + 3 * hour,
      reason: 'QuotaExceeded',
      message: 'Its agent reports: all gone. To continue earlier: agentctl resume web.',
    });
  });

  test('has the words of the first of those that report the same time', () => {
    const accounts = [report(now + hour, 'one'), report(now + hour, 'other')];
    expect(quotaGate(agent, accounts, now)?.message).toContain(' one.');
  });

  test('is not held longer than a day, as after a clock that was set back', () => {
    expect(quotaGate(agent, [report(now + 24 * hour)], now)).toBeDefined();
    expect(quotaGate(agent, [report(now + 24 * hour + 1)], now)).toBeUndefined();
    expect(holdOf(agent, now + 48 * hour, now).until).toBe(now + 24 * hour);
    expect(holdOf(agent, now + hour, now).until).toBe(now + hour);
  });

  test.each<[string, Partial<Agent['metadata']>]>([
    ['its spec was changed', { generation: 3, annotations: { 'agentctl.dev/resume': 'a' } }],
    ['it was resumed', { generation: 2, annotations: { 'agentctl.dev/resume': 'b' } }],
    [
      'it was restarted',
      { generation: 2, annotations: { 'agentctl.dev/resume': 'a', 'agentctl.dev/restartedAt': 'now' } },
    ],
  ])('is open once %s', (_, metadata) => {
    const accounts = [report(now + hour)];
    expect(quotaGate(agent, accounts, now)).toBeDefined();
    expect(quotaGate(agentOf({}, metadata), accounts, now)).toBeUndefined();
  });
});
