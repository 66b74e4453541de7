import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/protocols/protocol.ts';
import { open } from '../contracts/protocol/world.ts';
import { harness, lastWritten, readyWorld, says, text } from './jsonl-world.ts';

describe('which turn a line is of', () => {
  test('without any id it is of the only turn that goes on', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    says(world, 'event', { event: text('hi') });
    says(world, 'chat_done', { conversationId: null, messageId: null });
    expect(world.host.events('m1')).toEqual([text('hi')]);
    expect(world.host.results('m1')).toEqual([{ state: 'Completed' }]);
  });

  test('without any id it is of none where several go on', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    await world.begin({ message: 'm2' });
    const before = world.host.calls.length;
    says(world, 'event', { event: text('hi') });
    says(world, 'chat_done');
    expect(world.host.calls).toHaveLength(before);
  });

  test('what is said of an unknown conversation is of no turn', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    says(world, 'event', { conversationId: 'elsewhere', event: text('hi') });
    says(world, 'chat_done', { conversationId: 'elsewhere' });
    says(world, 'chat_done', { messageId: 'm0' });
    says(world, 'ack', { messageId: 'm0' });
    says(world, 'error', { messageId: 'm0', error: 'late' });
    says(world, 'route_done', { requestId: 'm0', response: 'late' });
    expect(world.host.calls.map(({ call }) => call)).toEqual(['ready', 'after']);
  });

  test('after a prompt that did not get into the pipe, lines of its conversation are of none', async () => {
    const world = await readyWorld();
    world.breakPipe();
    await world.begin({ message: 'm1', conversation: 'c' }).catch(() => {});
    says(world, 'event', { conversationId: 'c', event: text('hi') });
    expect(world.host.calls.map(({ call }) => call)).toEqual(['ready', 'after']);
  });
});

describe('a cancelled turn', () => {
  test('ends at once where the agent knows no cancel, and is not written to it', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1' });
    world.connection.cancel('m1');
    expect(world.host.results('m1')).toEqual([
      expect.objectContaining({ state: 'Failed', reason: 'Cancelled' }),
    ]);
    expect(world.written).toHaveLength(1);
  });

  test('leaves what the agent still says of it to no later turn, though it names no message', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    world.connection.cancel('m1');
    await world.begin({ message: 'm2', conversation: 'c' });
    says(world, 'event', { conversationId: 'c', event: text('of the first') });
    says(world, 'event', { event: text('of one of them') });
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.results('m2')).toEqual([]);
    says(world, 'event', { conversationId: 'c', event: text('of the second') });
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.events('m2')).toEqual([text('of the second')]);
    expect(world.host.results('m2')).toEqual([{ state: 'Completed' }]);
    expect(world.host.results('m1')).toHaveLength(1);
  });

  test('does not hide the next one from an agent that drops it and names messages', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    world.connection.cancel('m1');
    await world.begin({ message: 'm2', conversation: 'c' });
    says(world, 'event', { messageId: 'm2', event: text('hi') });
    says(world, 'chat_done', { messageId: 'm2', conversationId: 'c' });
    expect(world.host.results('m2')).toEqual([{ state: 'Completed' }]);
    await world.begin({ message: 'm3', conversation: 'c' });
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.results('m3')).toHaveLength(1);
  });

  test('has no part in what the agent goes on to do', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', kind: 'Route', from: 'bob', conversation: 'c' });
    world.connection.cancel('m1');
    says(world, 'bg_event', { source: 'route:bob', conversationId: 'c', event: text('late') });
    says(world, 'usage', { messageId: 'm1', totalTokens: 5 });
    says(world, 'route_request', { requestId: 'r', toId: 'eve', message: 'well?', messageId: 'm1' });
    says(world, 'chat_done', { conversationId: 'c' });
    const after = world.host.calls.slice(2);
    expect(after.map(({ call, message }) => [call, message])).toEqual([
      ['event', undefined],
      ['usage', undefined],
      ['route', undefined],
    ]);
    await world.begin({ message: 'm2', conversation: 'c' });
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.results('m2')).toHaveLength(1);
  });

  test('is forgotten with its conversation', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    world.connection.cancel('m1');
    world.connection.closeSession('c');
    await world.begin({ message: 'm2', conversation: 'd' });
    says(world, 'chat_done');
    expect(world.host.results('m2')).toHaveLength(1);
  });

  test('that is not cancelled outlives the end of its conversation', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', conversation: 'c' });
    world.connection.closeSession('c');
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.results('m1')).toHaveLength(1);
  });

  test('is asked for where the agent knows cancel, once, and ends when it says so', async () => {
    const world = await readyWorld({ cancel: true });
    await world.begin({ message: 'm1', conversation: 'c' });
    world.connection.cancel('m1');
    world.connection.cancel('m1');
    expect(lastWritten(world)).toEqual({ type: 'cancel', messageId: 'm1', conversationId: 'c' });
    expect(world.written).toHaveLength(2);
    expect(world.host.results('m1')).toEqual([]);
    says(world, 'chat_done', { conversationId: 'c' });
    expect(world.host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'cancelled' }]);
  });

  test('knows cancel from the facts of an earlier connection', async () => {
    const first = await readyWorld({ cancel: true });
    const turn = await first.begin({ message: 'm1' });
    const facts = first.host.of('ready')[0] as Facts; // only `ready` adds them
    const world = open(harness(), { facts, turns: [turn] });
    world.connection.cancel('m1');
    expect(lastWritten(world)).toMatchObject({ type: 'cancel', messageId: 'm1' });
  });
});

describe('questions of other agents', () => {
  test('are answered by route_done, with or without the message', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', kind: 'Route' });
    await world.begin({ message: 'm2', kind: 'Route' });
    says(world, 'route_done', { requestId: 'm1', response: 'one' });
    says(world, 'route_done', { requestId: 'other', messageId: 'm2', response: 'two' });
    expect(world.host.results('m1')).toEqual([{ state: 'Completed', answer: 'one' }]);
    expect(world.host.results('m2')).toEqual([{ state: 'Completed', answer: 'two' }]);
  });

  test('are not ended by chat_done, which brings no response', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', kind: 'Route' });
    says(world, 'chat_done');
    expect(world.host.results('m1')).toEqual([]);
  });

  test('have the background events whose source is their asker', async () => {
    const world = await readyWorld();
    await world.begin({ message: 'm1', kind: 'Route', from: 'bob', conversation: 'c1' });
    await world.begin({ message: 'm2', kind: 'Route', from: 'bob', conversation: 'c2' });
    says(world, 'bg_event', { source: 'route:bob', conversationId: 'own', event: text('first') });
    says(world, 'bg_event', { source: 'route:bob', conversationId: 'c2', event: text('second') });
    says(world, 'bg_event', { source: 'route:eve', event: text('nobody') });
    says(world, 'bg_done', { source: 'route:bob', conversationId: 'c2' });
    const route = { type: 'background', source: 'route:bob' };
    expect(world.host.events('m1')).toEqual([{ ...route, conversation: 'own', event: text('first') }]);
    expect(world.host.events('m2')).toEqual([
      { ...route, conversation: 'c2', event: text('second') },
      { ...route, conversation: 'c2', event: null, done: true },
    ]);
    expect(world.host.calls).toContainEqual({
      call: 'event',
      message: undefined,
      value: { type: 'background', source: 'route:eve', event: text('nobody') },
    });
  });
});
