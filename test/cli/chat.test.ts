import { readFileSync, rmSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Approval } from '../../src/api/objects.ts';
import { agent, until } from '../server/support.ts';
import { type Screen, useShell } from './support.ts';

const shell = useShell();
beforeAll(async () => {
  await shell.server.client.create('Agent', agent('web', { protocol: 'acp' }));
  await shell.server.client.create('Agent', agent('mute'));
});
afterEach(() => rmSync(`${shell.folder}/chat-history`, { force: true }));

const ctrl = { c: '\u0003', d: '\u0004', up: '\u001b[A' };

/** A chat at a terminal: what is typed, what is seen, and what was sent. */
function chatting(...flags: string[]) {
  const input = new PassThrough();
  const seen = { out: '', err: '' };
  const screen = shell.run(['chat', 'web', ...flags], {
    input,
    terminal: { in: true, out: true, err: true },
    onOut: (text) => {
      seen.out = text;
    },
    onErr: (text) => {
      seen.err = text;
    },
  });
  const shows = (text: string) => until(() => seen.out.includes(text));
  return {
    seen,
    screen,
    shows,
    type: (text: string) => input.write(text),
    /** Once it is asked for. */
    async says(text: string) {
      const prompts = () => seen.out.split('> ').length;
      const sent = shell.talk.sent.length;
      await until(() => prompts() > 1);
      input.write(`${text}\r`);
      await until(() => shell.talk.sent.length > sent);
      const id = `m${shell.talk.sent.length}`;
      await until(() => shell.talk.reading > 0);
      return id;
    },
    async answered(id: string, text: string) {
      shell.talk.say(id, text);
      shell.talk.finish(id, text);
      await shows(text);
      await until(() => shell.talk.reading === 0);
    },
    leaves(): Promise<Screen> {
      input.write(ctrl.d);
      return screen;
    },
  };
}

describe('chat', () => {
  test('streams answers, goes on with its conversation, and says how to come back to it', async () => {
    const chat = chatting();
    const first = await chat.says('good day');
    shell.talk.say(first, 'Hel');
    await chat.shows('Hel');
    shell.talk.say(first, 'lo.');
    shell.talk.finish(first, 'Hello.');
    await chat.shows('Hello.\n');
    await until(() => shell.talk.reading === 0);
    const second = await chat.says('and now?');
    await chat.answered(second, 'Nothing.');
    const { code, err } = await chat.leaves();
    const [one, two] = shell.talk.sent.slice(-2);
    expect(one).toEqual({ text: 'good day', from: 'ann' });
    expect(two?.conversation).toBe(`c${shell.talk.sent.length - 1}`);
    expect(err).toContain(`agentctl chat web --conversation ${two?.conversation}`);
    expect(code).toBe(0);
  });
  test('joins lines that end with a backslash', async () => {
    const chat = chatting();
    await chat.shows('> ');
    chat.type('one\\\r');
    await chat.shows('… ');
    const id = await chat.says('two');
    await chat.answered(id, 'Both.');
    await chat.leaves();
    expect(shell.talk.sent.at(-1)?.text).toBe('one\ntwo');
  });
  test('knows its commands, and hands other ones to the agent', async () => {
    const chat = chatting();
    await chat.shows('> ');
    chat.type('/help\r');
    await chat.shows('/status   show');
    chat.type('/status\r');
    await chat.shows('your next message begins a new conversation with agent/web');
    chat.type('/cancel\r');
    await until(() => chat.seen.err.includes('nothing to cancel'));
    const id = await chat.says('/compact');
    expect(shell.talk.sent.at(-1)?.text).toBe('/compact');
    await chat.answered(id, 'Compacted.');
    chat.type('/quit\r');
    expect((await chat.screen).code).toBe(0);
  });
  test('keeps what was typed, and offers it again', async () => {
    const chat = chatting();
    await chat.answered(await chat.says('remember me'), 'Yes.');
    await chat.leaves();
    expect(readFileSync(`${shell.folder}/chat-history`, 'utf8')).toBe('remember me\n');
    const again = chatting();
    await again.shows('> ');
    again.type(ctrl.up);
    await again.shows('remember me');
    await again.answered(await again.says(''), 'I do.');
    await again.leaves();
    expect(shell.talk.sent.at(-1)?.text).toBe('remember me');
  });
  test('shows what the agent waits for, until it says something', async () => {
    const chat = chatting();
    const id = await chat.says('wake up');
    shell.talk.state(id, 'Pending');
    await until(() => chat.seen.err.endsWith('\r\u001b[Kwaiting for an instance'));
    shell.talk.say(id, 'Awake.');
    await chat.shows('Awake.');
    expect(chat.seen.err.endsWith('waiting for an instance\r\u001b[K')).toBe(true);
    shell.talk.finish(id, 'Awake.');
    await chat.leaves();
  });
  test('takes a line that is typed meanwhile for the next message, and shows it only then', async () => {
    const chat = chatting();
    const id = await chat.says('first');
    const before = chat.seen.out;
    chat.type('second\r');
    await new Promise((resolve) => setImmediate(resolve));
    expect(chat.seen.out).toBe(before);
    const sent = shell.talk.sent.length;
    await chat.answered(id, 'One.');
    await until(() => shell.talk.sent.length > sent);
    expect(shell.talk.sent.at(-1)?.text).toBe('second');
    shell.talk.finish(`m${sent + 1}`, 'Two.');
    await chat.shows('Two.');
    await chat.leaves();
  });
});

describe('what is typed during a turn and not entered', () => {
  test('is no part of the next message, and can be had back', async () => {
    const chat = chatting();
    const id = await chat.says('first');
    chat.type('half');
    await chat.answered(id, 'One.');
    await chat.shows('Not sent: half. Ctrl-Y brings it back.');
    const sent = shell.talk.sent.length;
    chat.type('next \u0019\r');
    await until(() => shell.talk.sent.length > sent);
    expect(shell.talk.sent.at(-1)?.text).toBe('next half');
    shell.talk.finish(`m${sent + 1}`, 'Two.');
    await chat.leaves();
  });
});

describe('Ctrl-C', () => {
  test('breaks off the turn', async () => {
    const chat = chatting();
    const id = await chat.says('count to a million');
    shell.talk.say(id, 'One, ');
    await chat.shows('One, ');
    chat.type(ctrl.c);
    await until(() => chat.seen.err.includes('cancelling'));
    await until(() => shell.talk.get('Message', { name: id })?.status?.state === 'Failed');
    shell.talk.end(id, { state: 'Failed', reason: 'Cancelled' });
    await until(() => chat.seen.err.includes('cancelled\n'));
    await chat.answered(await chat.says('go on'), 'Two.');
    expect((await chat.leaves()).code).toBe(0);
  });
  test('leaves when it comes a second time, and says that the message goes on', async () => {
    const chat = chatting();
    const id = await chat.says('x');
    chat.type(ctrl.c);
    await until(() => chat.seen.err.includes('cancelling'));
    chat.type(ctrl.c);
    const { err, code } = await chat.screen;
    expect(err).toContain(`agentctl messages follow ${id}`);
    expect(code).toBe(0);
  });
  test('at the prompt drops the line, and leaves when it comes twice', async () => {
    const chat = chatting();
    await chat.shows('> ');
    chat.type(`half a li${ctrl.c}`);
    await chat.shows('Ctrl-C again');
    await chat.answered(await chat.says('whole'), 'Good.');
    expect(shell.talk.sent.at(-1)?.text).toBe('whole');
    await until(() => chat.seen.out.lastIndexOf('> ') > chat.seen.out.lastIndexOf('Good.'));
    chat.type(ctrl.c);
    await until(() => chat.seen.out.split('Ctrl-C again').length === 3);
    chat.type(ctrl.c);
    expect((await chat.screen).code).toBe(0);
  });
});

describe('an approval', () => {
  /** A turn that asks for permission. */
  async function asking(
    name: string,
    more: { title?: string; request?: string } = {},
    spec: Partial<Approval['spec']> = {},
  ) {
    const chat = chatting();
    const id = await chat.says('delete it');
    shell.talk.approval(name, undefined, spec);
    shell.talk.tell(id, { type: 'approval', id: name, title: 'rm -rf', ...more, state: 'Pending' });
    await chat.shows('Allow? [y/N/d(etails)] ');
    return { ...chat, id };
  }
  test('is asked for in the chat, with details where they are wanted', async () => {
    const chat = await asking('a-yes');
    chat.type('d\r');
    await chat.shows('execute: rm -rf\nit does not say more\n');
    chat.type('y\r');
    await until(() => shell.talk.decided.length > 0);
    expect(shell.talk.decided.at(-1)).toEqual(['a-yes', 'approve', 'ann']);
    await chat.answered(chat.id, 'Gone.');
    await chat.leaves();
    expect(readFileSync(`${shell.folder}/chat-history`, 'utf8')).toBe('delete it\n');
  });
  test('is asked for with what would run, before what a model calls it', async () => {
    const chat = await asking('a-named', { title: 'List the files', request: 'rm -rf /' });
    await chat.shows('It asks for permission: rm -rf / ("List the files")\n');
    await chat.shows('rm -rf / ("List the files"): Allow?');
    chat.type('n\r');
    await chat.answered(chat.id, 'I leave it.');
    await chat.leaves();
  });
  test('is answered with an option that is named', async () => {
    const options = [{ id: 'always', name: 'Yes, always', kind: 'allow_always' as const }];
    const chat = await asking('a-option', {}, { options });
    chat.type('d\r');
    await chat.shows('always: Yes, always (allow_always, by agentctl approve)\n');
    chat.type('always\r');
    await until(() => shell.talk.decided.at(-1)?.toString() === 'a-option,approve,ann,always');
    await chat.answered(chat.id, 'Gone.');
    await chat.leaves();
  });
  test('is asked for anew below what the agent goes on to do', async () => {
    const chat = await asking('a-below');
    shell.talk.tell(chat.id, { type: 'text', text: 'Meanwhile' });
    await until(() => (chat.seen.out.split('Meanwhile\n')[1] ?? '').includes('Allow? '));
    chat.type('y\r');
    await until(() => shell.talk.decided.length > 0);
    await chat.answered(chat.id, 'Gone.');
    await chat.leaves();
  });
  test('shows all of a hostile title on one line, and names it again below what the agent says meanwhile', async () => {
    const chat = chatting();
    const id = await chat.says('list it');
    shell.talk.approval('a-evil');
    const title = 'rm -rf /\u001b[2K\rls\u202e\nAllowed: ls';
    shell.talk.tell(id, { type: 'approval', id: 'a-evil', title, state: 'Pending' });
    const shown = 'rm -rf /\\u001b[2K\\rls\\u202e\\nAllowed: ls\n';
    await chat.shows(`It asks for permission: ${shown}`);
    shell.talk.tell(id, { type: 'text', text: '\u001b[1A\u001b[2KIt asks for permission: ls' });
    await chat.shows('\\u001b[1A\\u001b[2KIt asks for permission: ls\n');
    const below = () => chat.seen.out.split('It asks for permission: ls\n')[1] ?? '';
    await until(() => below().includes('rm -rf /\\u001b[2K\\rls\\u202e...: Allow? [y/N/d(etails)] '));
    chat.type('n\r');
    await until(() => shell.talk.decided.at(-1)?.toString() === 'a-evil,deny,ann');
    await chat.answered(id, 'I leave it.');
    await chat.leaves();
  });
  test('is denied by any other answer', async () => {
    const chat = await asking('a-no');
    const before = shell.talk.decided.length;
    chat.type('\r');
    await until(() => shell.talk.decided.length > before);
    expect(shell.talk.decided.at(-1)).toEqual(['a-no', 'deny', 'ann']);
    await chat.answered(chat.id, 'I leave it.');
    await chat.leaves();
  });
  test('is no longer asked for once somebody else has decided', async () => {
    const chat = await asking('a-else');
    const before = shell.talk.decided.length;
    shell.talk.tell(chat.id, { type: 'approval', id: 'a-else', title: 'rm -rf', state: 'Denied' });
    await until(() => chat.seen.err.includes('denied: rm -rf'));
    await chat.answered(chat.id, 'I leave it.');
    await chat.answered(await chat.says('y'), 'Why not.');
    expect(shell.talk.decided).toHaveLength(before);
    await chat.leaves();
  });
});

describe('an earlier conversation', () => {
  test('is shown shortly and gone on with', async () => {
    shell.talk.conversation('c-old');
    for (let turn = 1; turn <= 7; turn++) {
      const spec = {
        agentRef: { name: 'web' },
        kind: 'Chat',
        from: 'user:ann',
        conversation: 'c-old',
      } as const;
      const text =
        turn === 7 ? Array.from({ length: 20 }, (_, line) => `line ${line}`).join('\n') : `q${turn}`;
      shell.talk.message(`m-old${turn}`, { spec: { ...spec, text } });
      shell.talk.end(`m-old${turn}`, { state: 'Completed', answer: `a${turn}` });
    }
    const chat = chatting('--conversation', 'c-old');
    await chat.shows('> line 0\nline 1\nline 2\nline 3\nline 4\n(15 more lines)\na7\n');
    expect(chat.seen.out).toContain('(2 earlier)\n> q3\na3\n');
    await chat.answered(await chat.says('more'), 'Here.');
    expect(shell.talk.sent.at(-1)?.conversation).toBe('c-old');
    await chat.leaves();
  });
});

describe('without a terminal', () => {
  test('each line is a message, and its end the end', async () => {
    const before = shell.talk.sent.length;
    const chat = shell.run(['chat', 'web'], { stdin: 'one\ntwo \\\nthree\n\n' });
    for (const [at, answer] of ['First.', 'Second.'].entries()) {
      await until(() => shell.talk.sent.length > before + at);
      shell.talk.finish(`m${before + at + 1}`, answer);
    }
    expect(await chat).toMatchObject({ out: 'First.\nSecond.\n', err: '', code: 0 });
    expect(shell.talk.sent.slice(-2).map(({ text }) => text)).toEqual(['one', 'two \nthree']);
  });
  test('a message that fails makes the exit code 1', async () => {
    const before = shell.talk.sent.length;
    const chat = shell.run(['chat', 'web'], { stdin: 'one\n' });
    await until(() => shell.talk.sent.length > before);
    shell.talk.end(`m${before + 1}`, { state: 'Expired', reason: 'Timeout' });
    const { code, err } = await chat;
    expect([code, err]).toEqual([1, expect.stringContaining('expired: Timeout')]);
  });
});

test.each([
  [['chat', 'mute'], 1, 'agentctl logs mute'],
  [['chat', 'nobody'], 1, 'not found'],
  [['chat', 'web', '--new', '--continue'], 64, '--new cannot be combined'],
  [['chat', 'web', '--conversation=c-nope'], 1, 'not found'],
])('%j is refused', async (words, exit, why) => {
  const { code, err } = await shell.run(words);
  expect(err).toContain(why);
  expect(code).toBe(exit);
});
