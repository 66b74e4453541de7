import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Agent, Approval, Message } from '../../../src/api/objects.ts';
import type { List } from '../../../src/client/resources.ts';
import type { Asked } from '../../models/server.ts';
import { becomes } from '../questions.ts';
import { eventually, type Session } from '../support.ts';
import { asked, entriesIn, folderOf, instance, messageOf, sent } from '../talking.ts';
import { type Published, systemPrompt } from './agents.ts';
import type { Models } from './models.ts';

/** What is tried with every published agent, in this order. Each is a story of its own, told in docs/coding-agents.md. */

export interface World {
  session: Session;
  agent: Published;
  name: string;
  models: Models;
}

export type Check = (typeof checks)[number]['name'];

/** How long an agent may take to answer what needs no time: much else may be at work on the machine. */
const soon = 60_000;

const numbers = (count: number): string => Array.from({ length: count }, (_, at) => `${at + 1} `).join('');

export const checks = [
  {
    name: 'ready',
    what: 'it starts, creates a session and is Ready',
    play: async ({ session, name }: World) => {
      const { status } = await session.json<Agent>(`get agent ${name}`);
      expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    },
  },
  {
    name: 'prompt',
    what: 'it answers a message',
    play: async (world: World) => {
      expect(await said(world, 'say: I am here')).toMatchObject({ state: 'Completed', answer: 'I am here' });
    },
  },
  {
    name: 'model',
    what: 'the provider is asked for the model of `spec.model`, and ModelApplied is True',
    play: async (world: World) => {
      await said(world, 'say: by which model');
      expect((await request(world, 'by which model')).model).toBe(world.agent.asks ?? 'two');
      expect(await conditionOf(world, 'ModelApplied')).toBe('True');
    },
  },
  {
    name: 'system prompt',
    what: '`spec.systemPrompt` reaches the model once, and SystemPromptApplied is True',
    play: async (world: World) => {
      await said(world, 'say: as a painter');
      const { system, said: all } = await request(world, 'as a painter');
      const lines = [system, ...all].join('\n').split('\n');
      expect(lines.filter((line) => line.trim() === systemPrompt)).toHaveLength(1);
      expect(await conditionOf(world, 'SystemPromptApplied')).toBe('True');
    },
  },
  {
    name: 'stream',
    what: 'its answer is streamed while the model writes it',
    play: async (world: World) => {
      const { end, spoken } = await counting(world, 'count: 20 100', 3);
      expect(await end()).toMatchObject({ state: 'Completed', answer: numbers(20) });
      const [first, last] = [spoken().at(0), spoken().at(-1)];
      expect((last?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1_000);
    },
  },
  {
    name: 'usage',
    what: 'the tokens of each turn are those that the provider reports',
    play: async (world: World) => {
      const first = await asked(world.session, world.name, 'count: 20 1');
      const tokens = async (text: string) => {
        const { input, output } = (await request(world, text)).used;
        return `${input + output}`;
      };
      expect(first.status).toMatchObject({ state: 'Completed', tokens: await tokens('count: 20 1') });
      const second = await asked(world.session, world.name, 'count: 5 1', '--continue');
      expect(second.status).toMatchObject({ state: 'Completed', tokens: await tokens('count: 5 1') });
    },
  },
  {
    name: 'approve',
    what: 'it asks before it runs a command and before it writes a file, and does both once they are approved',
    play: async (world: World) => {
      const folder = await folderOf(world.session, stage, `${world.name}-0`);
      const [ran, wrote] = [join(folder, 'ran'), join(folder, 'wrote')];
      for (const [text, file] of [
        [`run: touch ${ran}`, ran],
        [`write: ${wrote} red`, wrote],
      ] as const) {
        rmSync(file, { force: true });
        const message = await sent(world.session, world.name, text);
        await decide(world, message, 'approve', () =>
          expect(existsSync(file), 'done before it is approved').toBe(false),
        );
        expect((await ended(world, message)).status).toMatchObject({ state: 'Completed' });
        expect(existsSync(file), 'done once it is approved').toBe(true);
      }
      expect(readFileSync(wrote, 'utf8').trim()).toBe('red');
      expect(await conditionOf(world, 'PermissionsEnforced')).toBe('True');
    },
  },
  {
    name: 'deny',
    what: 'it does not do what is denied, tells the model or ends its turn, and answers the next message',
    play: async (world: World) => {
      const file = join(await folderOf(world.session, stage, `${world.name}-0`), 'denied');
      const message = await sent(world.session, world.name, `run: touch ${file}`);
      await decide(world, message, 'deny');
      const { approvals, status } = await lookAt(world, message);
      expect(approvals, 'it asks again').toEqual([]);
      expect(existsSync(file)).toBe(false);
      expect(status?.reason).not.toBe('PermissionsNotEnforced');
      expect(status?.attempts).toBe(1);
      expect(await said(world, 'say: and on')).toMatchObject({ state: 'Completed', answer: 'and on' });
      expect(await conditionOf(world, 'PermissionsEnforced')).toBe('True');
    },
  },
  {
    name: 'cancel',
    what: 'a cancelled turn ends soon, and no part of it is in the next answer',
    play: async (world: World) => {
      const { end, message } = await counting(world, 'count: 300 100', 1);
      await world.session.ok(`messages cancel ${message}`);
      expect(await end(20_000)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
      const next = await asked(world.session, world.name, 'say: what now', '--continue');
      expect(next.status).toMatchObject({ state: 'Completed', answer: 'what now', attempts: 1 });
    },
  },
  {
    name: 'agent to agent',
    what: 'it finds the fleet tools, lists the agents and asks another one, without an approval',
    play: async (world: World) => {
      expect((await unasked(world, 'call: list_agents {}'))?.answer).toContain('peer');
      const question = JSON.stringify({ agent: 'peer', message: 'say blue' });
      expect(await unasked(world, `call: send_message ${question}`)).toMatchObject({
        state: 'Completed',
        answer: expect.stringContaining('blue'),
      });
    },
  },
  {
    name: 'killed agent',
    what: 'after SIGKILL during a turn it is restarted, and finishes the turn in the same session',
    play: async (world: World) => {
      await settle(world, 'say: to begin with');
      const { end } = await counting(world, 'count: 100 100', 3, '--continue');
      await world.session.kill(stage, await instance(world.session, `${world.name}-0`));
      const taken = await end();
      expect(taken).toMatchObject({ state: 'Completed', attempts: 2 });
      expect(taken?.answer).toContain(`Taken up again: ${numbers(100)}`);
      const { said: all } = await request(world, 'Your turn on the message below was interrupted');
      expect(all.join('\n').split('count: 100 100'), 'told twice in one session').toHaveLength(3);
    },
  },
  {
    name: 'killed controller',
    what: 'it keeps working while the controller is down, and its answer is delivered once',
    play: async (world: World) => {
      const { end, spoken } = await counting(world, 'count: 40 100', 3);
      process.kill(await world.session.controllerPid(), 'SIGKILL');
      await world.session.ok('controller start');
      expect(await end()).toMatchObject({ state: 'Completed', attempts: 1, answer: numbers(40) });
      const texts = spoken().map(({ text }) => text);
      expect(texts.join('')).toBe(numbers(40));
      const turns = (await asks(world)).filter(({ said: all }) => all.at(-1)?.includes('count: 40 100'));
      expect(turns).toHaveLength(1);
    },
  },
  {
    name: 'continue',
    what: 'after a restart a conversation continues, and the model sees the earlier messages',
    play: async (world: World) => {
      await settle(world, 'say: the word is amber');
      const { status } = await instance(world.session, `${world.name}-0`);
      const run = (status?.run?.number ?? 0) + 1;
      await world.session.ok(`rollout restart ${world.name}`);
      await becomes(world.session, world.name, { phase: 'Ready', run });
      const { status: next } = await asked(world.session, world.name, 'say: go on', '--continue');
      expect(next).toMatchObject({ state: 'Completed', answer: 'go on' });
      const { said: all } = await request(world, 'say: go on');
      expect(all.join('\n').split('the word is amber')).toHaveLength(2);
    },
  },
] as const satisfies readonly { name: string; what: string; play(world: World): Promise<void> }[];

/** Processes of this machine. */
const stage = {};

/** Says something in a new conversation, and answers how the message ended. */
const said = async ({ session, name }: World, text: string): Promise<Message['status']> =>
  (await asked(session, name, text, '--timeout=60s')).status;

const ended = (world: World, message: string): Promise<Message> =>
  eventually(
    () => messageOf(world.session, message),
    ({ status }) => status?.endedAt !== undefined,
    soon,
  );

/** Requests for turns: those for titles and the like have no tools, or want an answer of a certain shape. */
const asks = async ({ models }: World): Promise<Asked[]> =>
  (await models.asked()).filter(({ tools, shape }) => tools.length > 0 && shape === undefined);

async function request(world: World, text: string): Promise<Asked> {
  const found = (await asks(world)).findLast(({ said: all }) => all.at(-1)?.includes(text));
  if (found === undefined) throw new Error(`no model was asked ${JSON.stringify(text)}`);
  return found;
}

async function conditionOf({ session, name }: World, wanted: string): Promise<string | undefined> {
  const { status } = await session.json<Agent>(`get agent ${name}`);
  return status?.conditions?.find(({ type }) => type === wanted)?.status;
}

/** Waits until it asks or the message ends; answers both. */
const lookAt = (world: World, message: string) =>
  eventually(
    async () => ({
      approvals: (
        await world.session.json<List<Approval>>('get approvals --field-selector=status.state=Pending')
      ).items,
      status: (await messageOf(world.session, message)).status,
    }),
    ({ approvals, status }) => approvals.length > 0 || status?.endedAt !== undefined,
    soon,
  );

/** Waits until it asks, and decides; fails where the message ends without. */
async function decide(
  world: World,
  message: string,
  verb: 'approve' | 'deny',
  before = (): void => undefined,
): Promise<void> {
  const { approvals, status } = await lookAt(world, message);
  const [approval] = approvals;
  if (approval === undefined) throw new Error(`it did not ask: ${JSON.stringify(status)}`);
  before();
  await world.session.ok(`${verb} ${approval.metadata.name}`);
}

/** As `said`; fails where people are asked. */
async function unasked(world: World, text: string): Promise<Message['status']> {
  const message = await sent(world.session, world.name, text);
  const { approvals, status } = await lookAt(world, message);
  if (approvals.length > 0) throw new Error(`people are asked: ${JSON.stringify(approvals[0]?.spec)}`);
  return status;
}

/** Begins a conversation that the agent will find again, though it is killed. */
async function settle(world: World, text: string): Promise<void> {
  expect(await said(world, text)).toMatchObject({ state: 'Completed' });
  const minute = (): number => new Date().getMinutes();
  const now = minute();
  if (world.agent.sessionsByMinute === true) await eventually(minute, (found) => found !== now);
}

/** Says something, and hands out what was streamed once so many pieces of text have come. */
async function counting(world: World, text: string, pieces: number, ...flags: string[]) {
  const message = await sent(world.session, world.name, text, ...flags);
  const streamed = world.session.begin(['messages', 'follow', message, '-o', 'json']);
  const entries = () => entriesIn(streamed.output());
  const spoken = () =>
    entries().flatMap((entry) =>
      'event' in entry && entry.event.type === 'text' ? [{ at: entry.at, text: entry.event.text }] : [],
    );
  const last = () => entries().find((entry) => 'end' in entry);
  await eventually(spoken, (texts) => texts.length >= pieces || last() !== undefined, soon);
  const end = async (within = 90_000) => {
    await eventually(last, (found) => found !== undefined, within);
    await streamed.end();
    const found = last();
    return found !== undefined && 'end' in found ? found.end.status : undefined;
  };
  return { message, spoken, end };
}
