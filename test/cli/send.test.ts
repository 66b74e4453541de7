import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { agent, until } from '../server/support.ts';
import { useShell } from './support.ts';

const shell = useShell({
  query: async (_agent, question) => ({ asked: question }),
});
beforeAll(() => shell.server.client.create('Agent', agent('web', { protocol: 'acp' })));

/** Runs a line that sends, and hands out the id of its message once it is sent. */
async function sending(argv: readonly string[], how?: Parameters<typeof shell.run>[1]) {
  const before = shell.talk.sent.length;
  const screen = shell.run(argv, how);
  await until(() => shell.talk.sent.length > before);
  return { screen, id: `m${shell.talk.sent.length}` };
}

describe('send', () => {
  test('says where the message went, and asks for a controller', async () => {
    const before = shell.starts;
    const { out, err, code } = await shell.run(['send', 'agent/web', 'good', 'day']);
    const id = `m${shell.talk.sent.length}`;
    expect([out, err, code]).toEqual([
      `message/${id} sent to agent/web (conversation c${shell.talk.sent.length})\n`,
      '',
      0,
    ]);
    expect(shell.talk.sent.at(-1)).toEqual({ text: 'good day', from: 'ann' });
    expect(shell.starts).toBe(before + 1);
  });
  test('names on a terminal the command that follows it', async () => {
    const { err } = await shell.run(['send', 'web', 'x'], { terminal: { out: true } });
    expect(err).toBe(`Follow it: agentctl messages follow m${shell.talk.sent.length}\n`);
  });
  test('takes the text from a file, from -, or from a pipe, without its last newline', async () => {
    const file = shell.write('question.md', 'two\nlines\n');
    await shell.run(['send', 'web', '-f', file]);
    await shell.run(['send', 'web', '-f', '-'], { stdin: 'piped\n' });
    await shell.run(['send', 'web'], { stdin: 'bare' });
    expect(shell.talk.sent.slice(-3).map(({ text }) => text)).toEqual(['two\nlines', 'piped', 'bare']);
  });
  test('hands on the key, the timeout and the conversation', async () => {
    await shell.run(['send', 'web', 'x', '--key=k', '--timeout=90s', '--conversation', 'conversation/c-1']);
    expect(shell.talk.sent.at(-1)).toEqual({
      text: 'x',
      from: 'ann',
      key: 'k',
      timeout: 90_000,
      conversation: 'c-1',
    });
  });
  test('prints the object or its name', async () => {
    const { out } = await shell.run(['send', 'web', 'x', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({ kind: 'Message', spec: { text: 'x' } });
    expect((await shell.run(['send', 'web', 'x', '-o', 'name'])).out).toMatch(/^message\/m\d+\n$/);
  });
  test.each([
    [[], 'missing required argument'],
    [['web', 'x', '-f', 'y'], 'cannot be combined'],
    [['web'], 'standard input is empty'],
    [['web', '  '], 'the text is empty'],
    [['policy/web', 'x'], 'expected an agent'],
    [['web', 'x', '--wait', '--stream'], '--wait'],
    [['web', 'x', '--stream', '-o', 'name'], '-o name'],
    [['web', 'x', '--timeout=soon'], 'expected a duration'],
    [['web', 'x', '--conversation=agent/web'], 'expected the id of a conversation'],
    [['web', 'x', '--continue', '--conversation=c-1'], '--conversation'],
  ])('%j is a wrong command line', async (words, why) => {
    const { code, err } = await shell.run(['send', ...words]);
    expect(err).toContain(why);
    expect(code).toBe(64);
  });
  test('on a terminal without a text asks for one', async () => {
    expect(await shell.run(['send', 'web'], { terminal: { in: true } })).toMatchObject({ code: 64 });
  });
  test('tells what cannot be read, and what is no text', async () => {
    expect(await shell.run(['send', 'web', '-f', 'nowhere.md'])).toMatchObject({ code: 1 });
    const { err, code } = await shell.run(['send', 'web', '-f', process.execPath]);
    expect([err, code]).toEqual([expect.stringContaining('not UTF-8 text'), 1]);
  });
  test('tells what the controller refuses, and that it is out of reach', async () => {
    expect(await shell.run(['send', 'nobody', 'x'])).toMatchObject({ code: 1 });
    shell.talk.refusal = new ApiError('TooManyRequests', 'agent web has 1000 messages waiting');
    expect((await shell.run(['send', 'web', 'x'])).err).toContain('1000 messages waiting');
    shell.talk.refusal = undefined;
  });
});

describe('send --continue', () => {
  const spec = { agentRef: { name: 'web' }, kind: 'Chat', text: 'x' } as const;

  test('goes on with the last conversation of this user', async () => {
    shell.talk.conversation('c-mine');
    shell.talk.conversation('c-bobs');
    shell.talk.message('m-mine', { spec: { ...spec, from: 'user:ann', conversation: 'c-mine' } });
    shell.talk.message('m-bobs', { spec: { ...spec, from: 'user:bob', conversation: 'c-bobs' } });
    await shell.run(['send', 'web', 'more', '--continue']);
    expect(shell.talk.sent.at(-1)).toMatchObject({ conversation: 'c-mine' });
  });
  test('does not go to another one where the last is closed, and says so', async () => {
    shell.talk.conversation('c-closed', { state: 'Closed', reason: 'SessionLost' });
    shell.talk.message('m-closed', { spec: { ...spec, from: 'user:ann', conversation: 'c-closed' } });
    const before = shell.talk.sent.length;
    const { err, code } = await shell.run(['send', 'web', 'more', '--continue']);
    expect(code).toBe(1);
    expect(err).toMatch(
      /last conversation with agent\/web, c-closed, is closed \(SessionLost\)\. Omit --continue/,
    );
    expect(shell.talk.sent).toHaveLength(before);
  });
  test('says so where there is none', async () => {
    await shell.server.client.create('Agent', agent('other', { protocol: 'acp' }));
    const { err, code } = await shell.run(['send', 'other', 'x', '--continue']);
    expect([err, code]).toEqual([
      expect.stringContaining('ann has no open conversation with agent/other'),
      1,
    ]);
  });
});

describe('send --wait', () => {
  test('prints the answer alone, and how it stands beside it', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--wait']);
    shell.talk.state(id, 'Delivered');
    shell.talk.tell(id, { type: 'tool', id: 't', title: 'ls', kind: 'execute' });
    shell.talk.say(id, 'forty-');
    shell.talk.finish(id, 'forty-two');
    expect(await screen).toMatchObject({ out: 'forty-two\n', err: 'delivered\n', code: 0 });
  });
  test('prints the message that has ended with -o json', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--wait', '-o', 'json']);
    shell.talk.finish(id, 'yes');
    expect(JSON.parse((await screen).out)).toMatchObject({ status: { state: 'Completed', answer: 'yes' } });
  });
  test('ends with 1 where the message fails, with the reason and what can be done', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--wait']);
    const status = { state: 'Failed', reason: 'AttemptsExhausted', message: 'It crashed 3 times.' } as const;
    shell.talk.end(id, status);
    const { out, err, code } = await screen;
    expect([out, code]).toEqual(['', 1]);
    expect(err).toContain(`message/${id} failed: AttemptsExhausted: It crashed 3 times.`);
    expect(err).toContain(`agentctl messages retry ${id}`);
  });
  test('leaves the message alone at Ctrl-C, and says how to follow and cancel it', async () => {
    const interruption = new AbortController();
    const { screen, id } = await sending(['send', 'web', 'x', '--wait'], { signal: interruption.signal });
    await until(() => shell.talk.reading > 0);
    interruption.abort();
    const { err, code } = await screen;
    expect(code).toBe(130);
    expect(err).toContain(`agentctl messages follow ${id}`);
    expect(err).toContain(`agentctl messages cancel ${id}`);
  });
});

describe('send --stream', () => {
  test('prints text as it comes, and what the agent does beside it', async () => {
    let seen = '';
    const { screen, id } = await sending(['send', 'web', 'x', '--stream'], {
      onOut: (text) => {
        seen = text;
      },
    });
    shell.talk.say(id, 'I look.\n');
    await until(() => seen === 'I look.\n');
    shell.talk.tell(id, { type: 'tool', id: 't', title: 'cat x', kind: 'read', status: 'pending' });
    shell.talk.tell(id, { type: 'tool', id: 't', status: 'in_progress' });
    shell.talk.tell(id, { type: 'tool', id: 't', title: 'cat x | head' });
    shell.talk.tell(id, { type: 'tool', id: 't', status: 'failed', output: 'no such file\nat all' });
    shell.talk.tell(id, {
      type: 'approval',
      id: 'a-1',
      title: 'tidy up',
      request: 'rm -r x',
      state: 'Pending',
    });
    shell.talk.tell(id, { type: 'approval', id: 'a-1', title: 'rm x', state: 'Denied' });
    shell.talk.tell(id, { type: 'note', text: 'It was interrupted.' });
    shell.talk.tell(id, { type: 'thought', text: 'hm' });
    shell.talk.tell(id, { type: 'other', event: {} });
    shell.talk.say(id, 'It is gone.');
    shell.talk.finish(id, 'I look.\nIt is gone.');
    const { out, err, code } = await screen;
    expect([out, code]).toEqual(['I look.\nIt is gone.\n', 0]);
    expect(err.split('\n')).toEqual([
      '* read: cat x',
      '* read: cat x | head',
      '* read: cat x | head: failed: no such file',
      'asks for permission: rm -r x ("tidy up"). agentctl approve a-1, or agentctl deny a-1',
      'denied: rm x',
      'It was interrupted.',
      '',
    ]);
  });
  test('prints an answer that was not streamed', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--stream']);
    shell.talk.say(id, 'working');
    shell.talk.finish(id, 'forty-two');
    expect(await screen).toMatchObject({ out: 'working\nforty-two\n' });
  });
  test('with -o json is a line an entry', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--stream', '-o', 'json']);
    shell.talk.say(id, 'yes');
    shell.talk.finish(id, 'yes');
    const lines = (await screen).out.trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line)))).toEqual([['seq', 'at', 'event'], ['end']]);
  });
  test('hands no control characters of the agent to a terminal, and dims what stands beside', async () => {
    const terminal = { out: true, err: true, color: true };
    const { screen, id } = await sending(['send', 'web', 'x', '--stream'], { terminal });
    shell.talk.say(id, 'a\u001b[2Jb\tc\r\n');
    shell.talk.tell(id, { type: 'tool', id: 't', title: 'x\u0007' });
    shell.talk.finish(id, 'done');
    const { out, err } = await screen;
    expect(out).toBe('a\\u001b[2Jb\tc\r\ndone\n');
    expect(err).toContain('\u001b[2m* x\\u0007\u001b[22m\n');
  });
  test('shows control characters of an answer in a pipe too; --raw prints it as it is', async () => {
    const answer = '\u001b[31mred\u202e';
    for (const [flags, printed] of [
      [[], '\\u001b[31mred\\u202e\n'],
      [['--raw'], `${answer}\n`],
    ] as const) {
      const { screen, id } = await sending(['send', 'web', 'x', '--wait', ...flags]);
      shell.talk.finish(id, answer);
      expect((await screen).out).toBe(printed);
    }
  });
  test('keeps what an agent does on a line of its own', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--stream']);
    shell.talk.tell(id, { type: 'tool', id: 't', title: 'ls\napproved: rm' });
    shell.talk.finish(id, 'done');
    expect((await screen).err).toBe('* ls\\napproved: rm\n');
  });
  test('waits with hints that vanish on a terminal', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--stream'], { terminal: { err: true } });
    shell.talk.state(id, 'Pending');
    shell.talk.say(id, 'here');
    shell.talk.finish(id, 'here');
    expect((await screen).err).toBe('\r\u001b[Kwaiting for an instance\r\u001b[K');
  });
  test('tells why an agent has stopped, where that is not by itself', async () => {
    const { screen, id } = await sending(['send', 'web', 'x', '--stream']);
    shell.talk.say(id, 'too lo');
    shell.talk.end(id, { state: 'Completed', stopReason: 'max_tokens', answer: 'too lo' });
    expect(await screen).toMatchObject({ out: 'too lo\n', err: 'stopped: max_tokens\n', code: 0 });
  });
});

describe('messages, conversations, approvals', () => {
  test('follow prints from the beginning', async () => {
    shell.talk.message('m-old');
    shell.talk.say('m-old', 'from before');
    shell.talk.finish('m-old', 'from before');
    expect(await shell.run(['messages', 'follow', 'message/m-old'])).toMatchObject({
      out: 'from before\n',
      code: 0,
    });
    expect(await shell.run(['messages', 'follow', 'm-nope'])).toMatchObject({ code: 1 });
  });
  test('retry and cancel say so, and tell each that does not allow it', async () => {
    shell.talk.message('m-dead', { status: { state: 'Failed' } });
    shell.talk.message('m-waits');
    expect((await shell.run(['messages', 'retry', 'm-dead'])).out).toBe('message/m-dead is pending again\n');
    const { out, err, code } = await shell.run(['messages', 'retry', 'm-waits', 'm-nope']);
    expect([out, code]).toEqual(['', 1]);
    expect(err.trim().split('\n')).toHaveLength(2);
    expect((await shell.run(['messages', 'cancel', 'm-waits'])).out).toBe('message/m-waits cancelled\n');
  });
  test('get goes on with changes', async () => {
    const interruption = new AbortController();
    let seen = '';
    const watching = shell.run(['messages', 'get', '--agent=web', '--state=delivered', '-w'], {
      signal: interruption.signal,
      onOut(text) {
        seen = text;
        if (text.includes('Delivered')) interruption.abort();
      },
    });
    shell.talk.message('m-watched');
    await shell.run(['get', 'messages']);
    while (!seen.includes('m-watched')) {
      shell.talk.state('m-watched', 'Delivered');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await watching).toMatchObject({ code: 130 });
  });
  test('close ends a conversation', async () => {
    shell.talk.conversation('c-old');
    expect((await shell.run(['conversations', 'close', 'c-old'])).out).toBe('conversation/c-old closed\n');
    expect(await shell.run(['conversations', 'close', 'c-nope'])).toMatchObject({ code: 1 });
  });
  test('approve and deny decide in the name of the user, once', async () => {
    shell.talk.approval('a-1');
    shell.talk.approval('a-2');
    expect((await shell.run(['approve', 'a-1'])).out).toBe('approval/a-1 approved: rm -rf\n');
    expect((await shell.run(['deny', 'approval/a-2'])).out).toBe('approval/a-2 denied: rm -rf\n');
    expect(shell.talk.decided.slice(-2)).toEqual([
      ['a-1', 'approve', 'ann'],
      ['a-2', 'deny', 'ann'],
    ]);
    expect(await shell.run(['deny', 'a-1'])).toMatchObject({ code: 1 });
    shell.talk.approval('a-1');
    expect((await shell.run(['approve', 'a-1', '--option=always'])).code).toBe(0);
    expect(shell.talk.decided.at(-1)).toEqual(['a-1', 'approve', 'ann', 'always']);
    expect(await shell.run(['approve', 'sync/fleet', '--option=always'])).toMatchObject({ code: 64 });
    expect((await shell.run(['approve'])).err).toContain('agentctl get approvals');
  });
  test('query prints what the agent answers', async () => {
    const { out } = await shell.run(['query', 'web', 'history', '{"limit": 5}', '--timeout=3s']);
    expect(JSON.parse(out)).toEqual({ asked: { action: 'history', params: { limit: 5 }, timeout: 3000 } });
    expect(await shell.run(['query', 'web', 'history', '{limit}'])).toMatchObject({ code: 64 });
  });
});
