import { describe, expect, test } from 'vitest';
import { Calls } from '../../../src/protocols/acp/acp-tool-calls.ts';

const announced = { sessionUpdate: 'tool_call' };
const touch = { ...announced, title: 'touch made', kind: 'execute', rawInput: { command: 'touch made' } };
const calls = (): Calls => new Calls({ fresh: true, offersTools: false });

describe('a request under another id than the call', () => {
  test.each([
    ['with the same input', { title: 'Run it', rawInput: { command: 'touch made' } }],
    ['with more in its input', { rawInput: { command: 'touch made', description: 'makes it' } }],
    ['with the title in its own', { title: 'Execute: `touch made`' }],
    ['with its own title in the other', { title: 'Touch' }],
    ['that says nothing', {}],
    ['with another title, while no other call is open', { title: 'Review it' }],
  ])('is for it, %s', (_, request) => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.ask('interrupt-9', request)).toMatchObject({ toolCallId: 't1' });
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: true, kind: 'execute' });
  });

  test.each([
    ['another input', { title: 'touch made', rawInput: { command: 'rm -rf /' } }],
    ['another kind', { title: 'touch made', kind: 'fetch' }],
  ])('is not for it with %s', (_, request) => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.ask('interrupt-9', request)).toMatchObject({ toolCallId: 'interrupt-9' });
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: false });
  });

  test('is for it when the call is told later', () => {
    const turn = calls();
    turn.ask('interrupt-9', { title: 'touch made', rawInput: { command: 'touch made' } });
    turn.note('t1', touch);
    turn.note('t2', { ...touch, title: 'rm -rf /', rawInput: { command: 'rm -rf /' } });
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: true });
    expect(turn.end('t2', 'completed')).toMatchObject({ asked: false });
  });

  test('counts for one call, and several under one id for one each, in their order', () => {
    const turn = calls();
    for (const [id, command] of [
      ['t1', 'a1'],
      ['t2', 'b2'],
      ['t3', 'c3'],
    ] as const)
      turn.note(id, { ...announced, title: `Execute: ${command}`, kind: 'execute', rawInput: { command } });
    expect(turn.ask('i', { title: 'execute' })).toMatchObject({ toolCallId: 't1', input: { command: 'a1' } });
    expect(turn.ask('i', { title: 'execute' })).toMatchObject({ toolCallId: 't2', input: { command: 'b2' } });
    expect(turn.left().map(({ asked }) => asked)).toEqual([true, true, false]);
  });

  test('that has the name of a tool as its title says what the only open call would do', () => {
    const turn = calls();
    turn.note('t1', { ...touch, title: 'Make a file' });
    expect(turn.ask('i', { title: 'run' })).toMatchObject({ input: { command: 'touch made' } });
  });

  test('says what is known of the call, and that its kind is a guess', () => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.ask('i', { title: 'Touch' })).toEqual({
      toolCallId: 't1',
      title: 'Touch',
      kind: 'execute',
      guessed: true,
      input: { command: 'touch made' },
    });
  });

  test('that shares nothing with the only open call is not told as what that would do', () => {
    const turn = calls();
    turn.note('t1', { ...announced, title: 'notes.txt', kind: 'read', rawInput: { path: 'notes.txt' } });
    expect(turn.ask('i', { title: 'rm -rf /' })).toMatchObject({ kind: 'other', input: undefined });
  });

  test('that an extension asks by a dialog is of the call whose input is in its message', () => {
    const turn = calls();
    const input = { path: '/work/notes.txt', content: 'red' };
    const write = { ...announced, title: 'write', kind: 'edit', rawInput: input };
    turn.note('t1', { ...write, rawInput: { path: '/work/other.txt', content: 'blue' } });
    turn.note('t2', { ...write, locations: [{ path: input.path }] });
    const dialog = { method: 'confirm', title: input.path, message: JSON.stringify(input) };
    expect(turn.ask('pi-ui-1', { title: input.path, kind: 'other', rawInput: dialog })).toEqual({
      toolCallId: 't2',
      title: input.path,
      kind: 'edit',
      guessed: true,
      input,
    });
    expect(turn.end('t2', 'completed')).toMatchObject({ asked: true });
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: false });
  });

  test.each([
    ['confirm', { message: 'It may be overwritten.' }, 'Is that right? It may be overwritten.'],
    ['select', { options: ['Yes', 'No'] }, 'Is that right?'],
  ])('that an extension asks by the dialog %s in words is of the only open call', (method, more, title) => {
    const turn = calls();
    turn.note('t1', { ...announced, title: 'write', kind: 'edit', rawInput: { path: 'a', content: 'b' } });
    const rawInput = { method, title: 'Is that right?', ...more };
    expect(turn.ask('pi-ui-1', { title: 'Is that right?', kind: 'other', rawInput })).toMatchObject({
      toolCallId: 't1',
      title,
      kind: 'other',
      input: undefined,
    });
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: true });
  });

  test('of the kind other is decided by that and by the kind of its call', () => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.ask('i', { title: 'touch made', kind: 'other' })).toMatchObject({
      kind: 'execute',
      guessed: true,
    });
  });

  test('is not for a call that is over', () => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.end('t1', 'completed')).toMatchObject({ asked: false });
    expect(turn.ask('i', { title: 'touch made' })).toMatchObject({ toolCallId: 'i' });
  });
});

describe('a call', () => {
  test('that is asked about after it began was asked about', () => {
    const turn = calls();
    turn.note('t1', { ...touch, status: 'in_progress' });
    turn.ask('t1', {});
    expect(turn.end('t1', 'failed')).toMatchObject({ asked: true, end: 'failed' });
  });

  test('is told by the input it had, where a request has an empty one', () => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.ask('t1', { title: 'bash', rawInput: {} })).toMatchObject({
      input: { command: 'touch made' },
    });
  });

  test('is announced by anything that is told of it before it failed', () => {
    const turn = calls();
    turn.note('t1', { sessionUpdate: 'tool_call_update', status: 'failed', kind: 'execute' });
    turn.note('t2', { sessionUpdate: 'tool_call_update', status: 'in_progress', kind: 'execute' });
    turn.note('t3', { ...touch, status: 'failed' });
    expect(['t1', 't2', 't3'].map((id) => turn.end(id, 'failed')?.announced)).toEqual([false, true, true]);
  });

  test('that never ends is left', () => {
    const turn = calls();
    turn.note('t1', touch);
    expect(turn.left()).toMatchObject([{ toolCallId: 't1', asked: false, kind: 'execute' }]);
    turn.end('t1', 'failed');
    expect(turn.left()).toEqual([]);
  });

  test.each([
    [{ command: 'ls' }, 'execute'],
    [{ url: 'https://example.org' }, 'fetch'],
    [{ command: 'view', path: 'a' }, 'other'],
    [undefined, 'other'],
  ])('without a kind and with %j is guessed to be %s', (rawInput, kind) => {
    expect(calls().ask('t', { title: 'x', rawInput })).toMatchObject({ kind, guessed: true });
  });

  test.each([
    ['tool_search', 'search'],
    ['mcp__files__tool_search', 'other'],
  ])('of the kind other and the name %s is of the kind %s', (toolName, kind) => {
    expect(calls().note('t1', { ...announced, title: 'x', kind: 'other', _meta: { toolName } })).toBe(kind);
  });

  test('whose title does not name its tool is told with the name', () => {
    const own = new Calls({ fresh: true, offersTools: true });
    const mcp = (toolName: string, rawInput: object): object => ({
      ...announced,
      ...{ title: JSON.stringify(rawInput), kind: 'other', rawInput, _meta: { toolName } },
    });
    expect(own.ask('t1', { ...mcp('mcp__git__delete', { repository: 'a' }) })).toMatchObject({
      title: 'mcp__git__delete {"repository":"a"}',
      kind: 'other',
    });
    expect(own.note('t2', { ...mcp('mcp__agentctl__list_agents', {}) })).toBe('agentctl');
    expect(own.note('t3', { ...mcp('mcp__agentctl__send_message', { agent: 'a', message: 'b' }) })).toBe(
      'agentctl',
    );
    expect(own.note('t4', { ...mcp('list_agents_of_mine', {}) })).toBe('other');
  });

  test('cannot say that it is one of agentctl’s tools', () => {
    expect(calls().note('t1', { ...touch, kind: 'agentctl' })).toBe('other');
  });

  test('whose change stands in its content alone has that as its input', () => {
    const content = [{ type: 'diff', path: '/a', oldText: 'x', newText: 'y' }];
    expect(calls().ask('t', { title: 'Edit', content })).toMatchObject({
      input: { path: '/a', oldText: 'x', newText: 'y' },
    });
  });

  test('that an earlier connection read is whole only where it is told from its beginning', () => {
    const turn = new Calls({ fresh: false, offersTools: false });
    turn.note('t1', { sessionUpdate: 'tool_call_update', status: 'completed' });
    turn.note('t2', touch);
    expect(turn.end('t1', 'completed')).toMatchObject({ whole: false });
    expect(turn.end('t2', 'completed')).toMatchObject({ whole: true });
  });
});
