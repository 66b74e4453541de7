import { expect, test } from 'vitest';
import { ApiError, type StatusReason } from '../../src/api/errors.ts';
import type { MessageApi, StreamEntry, UsageSum } from '../../src/client/streams.ts';
import type { ScriptedTalk } from '../fakes/talk.ts';

/** What those of Streams that speak to agents must do, over HTTP as in process. */
export interface Subject {
  talk: MessageApi;
  /** What stands behind it. */
  script: ScriptedTalk;
  close(): Promise<void>;
}

const web = { namespace: 'default', name: 'web' };
const m = { namespace: 'default', name: 'm' };
const forever = new AbortController().signal;

const failure = async (promise: Promise<unknown>, reason: StatusReason): Promise<void> => {
  const error = await promise.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: reason });
};

const drain = async (entries: AsyncIterable<StreamEntry>): Promise<StreamEntry[]> => {
  const out: StreamEntry[] = [];
  for await (const entry of entries) out.push(entry);
  return out;
};

export function talkContract(open: () => Promise<Subject>): void {
  const given = (name: string, body: (subject: Subject) => Promise<void>): void => {
    test(name, async () => {
      const subject = await open();
      try {
        await body(subject);
      } finally {
        await subject.close();
      }
    });
  };

  given('messages are sent in order, with all that is said of them', async ({ talk, script }) => {
    const messages = [
      { text: 'one', conversation: 'c', key: 'k', from: 'ann', timeout: 90_000 },
      { text: 'two: grüße\n"\u0000"', from: 'bob' },
    ];
    const made = await talk.send(web, messages);
    expect(made.map(({ spec }) => spec.text)).toEqual(messages.map(({ text }) => text));
    expect(made[0]).toMatchObject({
      kind: 'Message',
      metadata: { name: 'm1' },
      spec: { from: 'ann', key: 'k' },
    });
    expect(script.sent).toMatchObject(messages);
  });

  given('a key that is known answers the message that has it', async ({ talk }) => {
    const [first] = await talk.send(web, [{ text: 'x', key: 'k' }]);
    const [again] = await talk.send(web, [{ text: 'x', key: 'k' }]);
    expect(again).toEqual(first);
  });

  given('a text of 4 MiB arrives as it is, whatever is in it', async ({ talk, script }) => {
    const text = '\u0001'.repeat(4 * 1024 * 1024);
    await talk.send(web, [{ text }]);
    expect(script.sent[0]?.text === text).toBe(true);
  });

  given('a refusal keeps its reason and its words', async ({ talk, script }) => {
    await failure(talk.send({ ...web, name: 'nobody' }, [{ text: 'x' }]), 'NotFound');
    script.refusal = new ApiError('TooManyRequests', 'web has 1000 messages waiting');
    await expect(talk.send(web, [{ text: 'x' }])).rejects.toMatchObject({
      code: 'TooManyRequests',
      message: 'web has 1000 messages waiting',
    });
  });

  given('a stream tells what was and what comes, up to the end', async ({ talk, script }) => {
    script.message('m');
    script.say('m', 'früh');
    const entries = talk.stream(m, { signal: forever })[Symbol.asyncIterator]();
    expect((await entries.next()).value).toMatchObject({ seq: 1, event: { type: 'text', text: 'früh' } });
    script.state('m', 'Delivered');
    expect((await entries.next()).value).toEqual({ state: 'Delivered' });
    script.tell('m', { type: 'tool', id: 't', status: 'completed', output: 'a\nb\r\nc' });
    expect((await entries.next()).value).toMatchObject({ seq: 2, event: { id: 't', output: 'a\nb\r\nc' } });
    const end = script.finish('m', 'done');
    expect((await entries.next()).value).toEqual({ end });
    expect((await entries.next()).done).toBe(true);
  });

  given('a stream from an event on leaves out what was before', async ({ talk, script }) => {
    script.message('m');
    for (const text of ['a', 'b', 'c']) script.say('m', text);
    script.finish('m', 'abc');
    const told = await drain(talk.stream(m, { after: 2, signal: forever }));
    expect(told).toMatchObject([{ seq: 3 }, { end: { status: { answer: 'abc' } } }]);
  });

  given('a stream that is not followed tells what was, and ends', async ({ talk, script }) => {
    script.message('m');
    const so = (after = 0): Promise<StreamEntry[]> =>
      drain(talk.stream(m, { after, follow: false, signal: forever }));
    expect(await so()).toEqual([]);
    script.say('m', 'a');
    script.say('m', 'b');
    expect(await so()).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect(await so(1)).toMatchObject([{ seq: 2 }]);
    const end = script.finish('m', 'ab');
    expect(await so(2)).toEqual([{ end }]);
    expect(script.reading).toBe(0);
  });

  given('a stream of an unknown message is NotFound', async ({ talk }) => {
    await failure(drain(talk.stream(m, { signal: forever })), 'NotFound');
  });

  given('a stream that fails in the middle tells why', async ({ talk, script }) => {
    script.message('m');
    script.say('m', 'a');
    script.fail('m', new ApiError('ServiceUnavailable', 'the journal is gone'));
    const told: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const entry of talk.stream(m, { signal: forever })) told.push(entry);
    };
    await expect(read()).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: 'the journal is gone',
    });
    expect(told).toHaveLength(1);
  });

  given('a stream ends without an error when its signal aborts', async ({ talk, script }) => {
    script.message('m');
    script.say('m', 'a');
    const controller = new AbortController();
    for await (const _ of talk.stream(m, { signal: controller.signal })) controller.abort();
    await expect.poll(() => script.reading).toBe(0);
  });

  given('a stream is no longer read for who has stopped reading', async ({ talk, script }) => {
    script.message('m');
    script.say('m', 'a');
    for await (const _ of talk.stream(m, { signal: forever })) break;
    await expect.poll(() => script.reading).toBe(0);
  });

  given('a message is retried and cancelled where its state allows it', async ({ talk, script }) => {
    script.message('m', { status: { state: 'Failed' } });
    expect((await talk.change(m, 'retry')).status?.state).toBe('Pending');
    await failure(talk.change(m, 'retry'), 'Conflict');
    expect((await talk.change(m, 'cancel')).status?.reason).toBe('Cancelled');
    await failure(talk.change({ ...m, name: 'nobody' }, 'cancel'), 'NotFound');
  });

  given('an approval is decided once, by somebody', async ({ talk, script }) => {
    script.approval('a');
    script.approval('b');
    const at = (name: string) => ({ namespace: 'default', name });
    expect((await talk.decide(at('a'), 'approve', { by: 'ann' })).status).toEqual({
      state: 'Approved',
      by: 'ann',
    });
    expect((await talk.decide(at('b'), 'deny', { by: 'bob' })).status?.state).toBe('Denied');
    await failure(talk.decide(at('a'), 'deny', { by: 'bob' }), 'Conflict');
    script.approval('c');
    await talk.decide(at('c'), 'approve', { by: 'ann', option: 'always' });
    expect(script.decided).toEqual([
      ['a', 'approve', 'ann'],
      ['b', 'deny', 'bob'],
      ['c', 'approve', 'ann', 'always'],
    ]);
  });

  given('a conversation is closed', async ({ talk, script }) => {
    script.conversation('c');
    expect((await talk.closeConversation({ namespace: 'default', name: 'c' })).status?.state).toBe('Closed');
  });

  given('usage is told by model, since an instant', async ({ talk, script }) => {
    const none = { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };
    const sums: UsageSum[] = [
      { turns: 1, unreported: { inputTokens: 1, outputTokens: 1, totalTokens: 1, cost: 1 } },
      {
        model: 'grüß/large-1',
        turns: 2,
        inputTokens: 5,
        outputTokens: 0,
        totalTokens: 5,
        cost: { USD: 0.000_001, EUR: 2 },
        unreported: none,
      },
    ];
    expect(await talk.usage(web, {})).toEqual([]);
    for (const [index, sum] of sums.entries()) script.used.push({ at: 1_000 + index, sum });
    const own = sums.map((sum) => ({ namespace: 'default', agent: 'web', ...sum }));
    expect(await talk.usage(web, {})).toEqual(own);
    expect(await talk.usage(web, { since: 1_001 })).toEqual(own.slice(1));
    expect(await talk.usageByAgent({ namespace: 'default' })).toEqual(own);
    expect(await talk.usageByAgent({ namespace: 'default', since: 1_001 })).toEqual(own.slice(1));
    expect(await talk.usageByAgent({ namespace: 'other' })).toEqual([]);
    expect(await talk.usageByAgent({})).toEqual(own);
    await failure(talk.usage({ ...web, name: 'nobody' }, {}), 'NotFound');
  });

  given('a query is answered with whatever it is', async ({ talk }) => {
    const question = { action: 'status', params: { deep: [1, null, 'x'] }, timeout: 1_500 };
    expect(await talk.query(web, question)).toEqual({ agent: 'web', question });
    expect(await talk.query(web, { action: 'nothing' })).toBeUndefined();
    await failure(talk.query(web, { action: 'hang' }), 'Timeout');
  });
}
