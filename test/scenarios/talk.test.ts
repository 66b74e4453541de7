import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Conversation } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { becomes, ready, statusOf } from './questions.ts';
import { eventually, type Session } from './support.ts';
import { ask, asked, begun, messagesTo, sent, talker, talkStages } from './talking.ts';

for (const stage of await talkStages()) {
  describe(`agents that talk, on ${stage.name}`, () => {
    let session: Session;
    beforeAll(async () => {
      session = await stage.open();
      await begun(
        session,
        stage,
        { name: 'worker', spec: '  conversations: { perInstance: 10 }' },
        { name: 'acp', protocol: 'acp' },
      );
    });
    afterAll(() => session.end());

    test.for(['worker', 'acp'])('%s: --wait prints the answer, --stream as it comes', async (name) => {
      expect(await ask(session, name, 'say good day')).toMatchObject({ code: 0, stdout: 'good day\n' });
      const streamed = session.begin(['send', name, 'say one\nsleep 60000\nsay two', '--stream']);
      await eventually(streamed.output, (output) => output.includes('one'));
      expect(streamed.output()).not.toContain('two');
      await streamed.end();
      const [message] = await messagesTo(session, name).then((all) =>
        all.filter(({ status }) => status?.state === 'Acknowledged' || status?.state === 'Delivered'),
      );
      await session.ok(`messages cancel ${message?.metadata.name}`);
    });

    test('a failed turn is an exit code and a reason', async () => {
      const { code, stderr } = await ask(session, 'worker', 'error the disk is full');
      expect(code).toBe(1);
      expect(stderr).toContain('the disk is full');
    });

    test('conversations stay with their instance, and new ones go to the free one', async () => {
      await session.apply(talker(stage, { name: 'twins', replicas: 2 }));
      await eventually(
        () => session.json<{ status?: { readyReplicas?: number } }>('get agent twins'),
        ({ status }) => status?.readyReplicas === 2,
      );
      const first = await asked(session, 'twins', 'env AGENTCTL_INSTANCE');
      const busy = sent(session, 'twins', 'sleep 1500', '--conversation', first.spec.conversation);
      await busy;
      const second = await asked(session, 'twins', 'env AGENTCTL_INSTANCE');
      expect([first.status?.answer, second.status?.answer].sort()).toEqual(['twins-0', 'twins-1']);
      const again = await Promise.all(
        [first, second].map(({ spec }) =>
          asked(session, 'twins', 'env AGENTCTL_INSTANCE', '--conversation', spec.conversation),
        ),
      );
      expect(again.map(({ status }) => status?.answer)).toEqual([
        first.status?.answer,
        second.status?.answer,
      ]);
      const { items } = await session.json<List<Conversation>>('get conversations');
      const homes = items
        .filter(({ spec }) => spec.agentRef.name === 'twins')
        .map(({ status }) => status?.instance);
      expect(homes.sort()).toEqual(['twins-0', 'twins-1']);
    });

    test('a message wakes one that sleeps, it sleeps again once it is idle, and its conversation goes on', async () => {
      const policy = 'mode: OnDemand, onDemand: { keepalive: 2s }';
      await session.apply(talker(stage, { name: 'sleeper', protocol: 'acp', policy }));
      await eventually(
        () => session.json<{ status?: { phase?: string } }>('get agent sleeper'),
        ({ status }) => status?.phase === 'Asleep',
      );
      const first = await asked(session, 'sleeper', 'say awake');
      expect(first.status).toMatchObject({ state: 'Completed', answer: 'awake', attempts: 1 });
      await becomes(session, 'sleeper', { phase: 'Asleep' });
      const second = await asked(session, 'sleeper', 'blocks', '--conversation', first.spec.conversation);
      expect(second.status).toMatchObject({ state: 'Completed', run: 2, attempts: 1 });
    });

    test('the prompt of a spec is sent once, over restarts of the agent and of the controller', async () => {
      await begun(session, stage, { name: 'prompted', spec: '  prompt: say hello' });
      const [prompt] = await eventually(
        () => messagesTo(session, 'prompted'),
        ([message]) => message?.status?.state === 'Completed',
      );
      expect(prompt).toMatchObject({ spec: { kind: 'Prompt' }, status: { answer: 'hello' } });
      await session.kill(stage, await session.json('get instance prompted-0'));
      await ready(session, 'prompted', 2);
      await session.ok('controller restart');
      expect((await asked(session, 'prompted', 'say still here')).status?.answer).toBe('still here');
      await session.ok('rollout restart prompted');
      await ready(session, 'prompted', 3);
      expect((await statusOf(session, 'prompted'))?.run?.number).toBe(3);
      const kinds = (await messagesTo(session, 'prompted')).map(({ spec }) => spec.kind);
      expect(kinds.filter((kind) => kind === 'Prompt')).toHaveLength(1);
    });

    test('logs show a transcript, --raw the lines of the protocol', async () => {
      await ask(session, 'acp', 'effect paint\nsay a blue door');
      const transcript = await session.ok('logs acp');
      expect(transcript).toContain('a blue door');
      expect(transcript).toContain('effect paint');
      expect(transcript).not.toContain('jsonrpc');
      expect(await session.ok('logs acp --raw')).toContain('"jsonrpc":"2.0"');
    });
  });
}
