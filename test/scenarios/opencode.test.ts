import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, Approval } from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { makeImage, opencode, startModelsFor } from './opencode.ts';
import type { Models } from './published/models.ts';
import { ready } from './questions.ts';
import { dockerStages, stages } from './runtimes.ts';
import { eventually, type Session } from './support.ts';
import { asked, begun, entriesIn, instance, messageOf, sent } from './talking.ts';

const numbers = (count: number): string => Array.from({ length: count }, (_, at) => `${at + 1} `).join('');

/** On processes: published.test.ts. */
for (const stage of await dockerStages()) {
  describe(`OpenCode on ${stage.name}`, () => {
    let session: Session;
    let models: Models;
    beforeAll(async () => {
      session = await stage.open();
      await makeImage(stage);
      models = await startModelsFor(stage);
      await session.apply(opencode(models));
      await ready(session, 'opencode', 1, 60_000);
    }, 420_000); // the first time it is fetched, and an image is made of it
    afterAll(async () => {
      await session.run(['delete', 'agents', '--all', '--purge', '--timeout=90s']);
      await session.end();
      models.end();
    });

    /** Says something, and hands out what was streamed once it has come to so many numbers. */
    const counting = async (text: string) => {
      const streamed = session.begin(['send', 'opencode', text, '--stream', '-o', 'json']);
      const entries = () => entriesIn(streamed.output());
      const spoken = () =>
        entries().flatMap((entry) =>
          'event' in entry && entry.event.type === 'text' ? [{ at: entry.at, text: entry.event.text }] : [],
        );
      await eventually(spoken, (texts) => texts.length >= 3);
      const end = async () => {
        const all = await eventually(entries, (found) => found.some((entry) => 'end' in entry), 60_000);
        await streamed.end();
        const last = all.find((entry) => 'end' in entry);
        return last !== undefined && 'end' in last ? last.end.status : undefined;
      };
      return { spoken, end };
    };
    const decided = async (verb: 'approve' | 'deny'): Promise<Approval | undefined> => {
      const pending = async () =>
        (await session.json<List<Approval>>('get approvals --field-selector=status.state=Pending')).items;
      const [approval] = await eventually(pending, (all) => all.length === 1);
      await session.ok(`${verb} ${approval?.metadata.name}`);
      return approval;
    };
    const ended = (name: string) =>
      eventually(
        () => messageOf(session, name),
        ({ status }) => status?.endedAt !== undefined,
      );

    test('is given the model, the system prompt and the tools of the fleet', async () => {
      for (const type of ['ModelApplied', 'SystemPromptApplied', 'FleetAccessible'])
        await eventually(
          () => session.json<Agent>('get agent opencode'),
          ({ status }) => status?.conditions?.find((one) => one.type === type)?.status === 'True',
        );
      expect((await asked(session, 'opencode', 'say: I am here')).status?.answer).toBe('I am here');
      const request = (await models.asked()).find(({ tools }) => tools.length > 0);
      expect(request?.model).toBe('two');
      expect(request?.said.join('\n')).toContain('You are the painter.');
      expect(request?.tools).toContain('agentctl_list_agents');
    });

    test('streams its answer, and tells what the provider says that it used, or ?', async () => {
      const { spoken, end } = await counting('count: 20 100');
      const taken = await end();
      const { used } = (await models.asked()).findLast(({ tools }) => tools.length > 0) ?? {};
      expect(taken).toMatchObject({
        state: 'Completed',
        answer: numbers(20),
        tokens: `${(used?.input ?? 0) + (used?.output ?? 0)}`,
        cost: '?',
      });
      const [first, last] = [spoken().at(0), spoken().at(-1)];
      expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_000);
      const silent = await asked(session, 'opencode', 'say: so much [no usage]');
      expect(silent.status).toMatchObject({ state: 'Completed', tokens: '?', cost: '?' });
    });

    test('does what is approved, does not what is denied, and goes on', async () => {
      const made = await sent(session, 'opencode', 'write: paint red');
      expect((await decided('approve'))?.spec.toolKind).toBe('edit');
      expect((await ended(made)).status?.state).toBe('Completed');
      const denied = await sent(session, 'opencode', 'run: rm paint');
      expect((await decided('deny'))?.spec.toolKind).toBe('execute');
      expect((await ended(denied)).status).toMatchObject({
        state: 'Completed',
        answer: expect.stringMatching(/^The tool said: .*rejected/),
      });
      const left = await sent(session, 'opencode', 'run: cat paint');
      await decided('approve');
      expect((await ended(left)).status?.answer).toBe('The tool said: red');
      const { status } = await session.json<Agent>('get agent opencode');
      expect(status?.conditions?.find(({ type }) => type === 'PermissionsEnforced')?.status).toBe('True');
    });

    test('finds other agents, and asks one', async () => {
      const [own] = await stages();
      if (own === undefined) throw new Error('there are always processes');
      await begun(session, own, { name: 'peer' });
      const list = await asked(session, 'opencode', 'call: list_agents {}');
      expect(list.status?.answer).toContain('"peer"');
      const question = JSON.stringify({ agent: 'peer', message: 'say blue' });
      const answer = await asked(session, 'opencode', `call: send_message ${question}`);
      expect(answer.status?.answer).toContain('blue');
    });

    test('is told of a turn that a crash cut short, in the same session, and finishes it', async () => {
      const { end } = await counting('count: 100 100');
      await session.kill(stage, await instance(session, 'opencode-0'));
      const taken = await end();
      expect(taken).toMatchObject({ state: 'Completed', attempts: 2, run: 2 });
      expect(taken?.answer).toContain(`Taken up again: ${numbers(100)}`);
      const { said = [] } = (await models.asked()).findLast(({ tools }) => tools.length > 0) ?? {};
      expect(said).toHaveLength(2);
      expect(said[1]).toContain('Your turn on the message below was interrupted');
    });

    test('goes on while the controller is gone, and its answer is delivered once', async () => {
      const { end, spoken } = await counting('count: 50 100');
      process.kill(await session.controllerPid(), 'SIGKILL');
      const turns = async () => (await models.asked()).filter(({ tools }) => tools.length > 0).length;
      const before = await turns();
      await session.ok('controller start');
      const whole = numbers(50);
      expect(await end()).toMatchObject({ state: 'Completed', attempts: 1, run: 2, answer: whole });
      expect(
        spoken()
          .map(({ text }) => text)
          .join(''),
      ).toBe(whole);
      expect(await turns()).toBe(before);
    });
  });
}
