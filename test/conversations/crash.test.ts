/** Agents are killed at every step of their turns, and the controller at every step of its own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamEntry } from '../../src/client/streams.ts';
import { TalkWorld } from './world.ts';

const runs = Number(process.env.TALK_RUNS ?? 40);
const seed = process.env.TALK_SEED === undefined ? undefined : Number(process.env.TALK_SEED);

type Act =
  | { do: 'send'; conversation: number }
  | { do: 'killAgent'; after: number }
  | { do: 'killController'; after: number }
  | { do: 'cancel'; which: number }
  | { do: 'vanish' }
  | { do: 'lose' }
  | { do: 'restart' }
  | { do: 'wait'; turns: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), conversation: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('killAgent' as const), after: fc.integer({ min: 1, max: 25 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('killController' as const),
      after: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'vanish' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'lose' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 60 }) }),
  },
);

interface Sent {
  id: string;
  task: number;
  conversation: number;
  cancelled: boolean;
}

class Story {
  readonly world: TalkWorld;
  readonly sent: Sent[] = [];
  readonly #conversations = new Map<number, string>();
  readonly #name: string;

  constructor(world: TalkWorld, name: string) {
    this.world = world;
    this.#name = name;
  }

  async play(act: Act): Promise<void> {
    const { world } = this;
    const { engine } = world.house;
    switch (act.do) {
      case 'send': {
        const task = this.sent.length + 1;
        const conversation = this.#conversations.get(act.conversation);
        const newMessage = { text: `task ${task}`, key: `k${task}`, conversation };
        const message = await world.send(this.#name, newMessage);
        this.#conversations.set(act.conversation, message.conversation);
        this.sent.push({ id: message.id, task, conversation: act.conversation, cancelled: false });
        return;
      }
      case 'killAgent':
        world.ledger.killIn = act.after;
        return;
      case 'killController':
        world.crashIn = act.after;
        return;
      case 'cancel': {
        const one = this.sent[act.which % Math.max(1, this.sent.length)];
        if (one === undefined) return;
        one.cancelled = true;
        world.talk.cancel({ namespace: 'default', name: one.id }).catch(() => {}); // it has ended already
        return;
      }
      case 'vanish': {
        const [container] = engine.containers.values();
        if (container !== undefined) engine.vanish(container.ref);
        return;
      }
      case 'lose':
        engine.loseStreams();
        return;
      case 'restart':
        engine.restart();
        return;
      case 'wait':
        for (let turn = 0; turn < act.turns; turn += 1) {
          if (world.dead) await world.revive();
          await new Promise((resolve) => setImmediate(resolve));
        }
        world.house.clock.advance(20);
    }
  }

  async check(): Promise<void> {
    const { world, sent } = this;
    const { ledger, ends, talk } = world;
    for (const { id, task, cancelled } of sent) {
      const all = ends.get(id) ?? [];
      expect(all, `ends of task ${task}`).toHaveLength(1);
      const [end] = all;
      const what = { task, ...end };
      if (cancelled && end?.state === 'Failed') {
        expect(what).toMatchObject({ reason: 'Cancelled' });
        expect(ledger.effects.get(task) ?? 0, `effects of task ${task}`).toBeLessThanOrEqual(1);
      } else {
        expect(what).toMatchObject({ state: 'Completed', answer: `a${task} b${task}` });
        expect(ledger.effects.get(task), `effects of task ${task}`).toBe(1);
      }
      const entries: StreamEntry[] = [];
      const stream = talk.stream(
        { namespace: 'default', name: id },
        { signal: new AbortController().signal },
      );
      for await (const entry of stream) entries.push(entry);
      expect(entries.filter((entry) => 'end' in entry)).toHaveLength(1);
      if (end?.state !== 'Completed') continue;
      let text = '';
      for (const entry of entries)
        if ('event' in entry) {
          if (entry.event.type === 'text') text += entry.event.text;
          else if (entry.event.type === 'note' && entry.event.attempt !== undefined) text = '';
        }
      expect(text, `stream of task ${task}`).toBe(end.answer);
    }
    for (const conversation of [0, 1, 2, 3]) {
      const order = sent.filter((one) => one.conversation === conversation).map(({ task }) => task);
      const begun = ledger.begun.filter((task) => order.includes(task));
      expect(begun, `order of conversation ${conversation}`).toEqual(
        order.filter((task) => begun.includes(task)),
      );
    }
    expect(talk.census().messages).toEqual([]);
  }
}

const totals = { rounds: 0, messages: 0, agentKills: 0, crashes: 0 };

for (const [name, replicas, perInstance] of [
  ['jsonl', 1, 1],
  ['jsonl', 2, 2],
  ['acp', 1, 1],
  ['acp', 2, 2],
] as const)
  test(`each message ends once, in order, with each effect once: ${name}, ${replicas} replicas`, {
    timeout: 600_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
        await using world = await TalkWorld.open();
        await world.agent(name, {
          replicas,
          conversations: { perInstance },
          policy: { messages: { maxAttempts: 100 } },
        });
        await world.until(() => world.house.phase(`${name}-0`) === 'Ready');
        const story = new Story(world, name);
        for (const act of acts) await story.play(act);
        await world.until(() => story.sent.every(({ id }) => world.ends.has(id)));
        world.crashIn = Number.POSITIVE_INFINITY;
        world.ledger.killIn = Number.POSITIVE_INFINITY;
        await world.until(() => world.talk.census().messages.length === 0);
        await story.check();
        totals.rounds += 1;
        totals.messages += story.sent.length;
        totals.agentKills += world.ledger.kills;
        totals.crashes += world.crashes;
      }),
      {
        numRuns: runs,
        endOnFailure: true,
        ...(process.env.TALK_PATH === undefined ? {} : { path: process.env.TALK_PATH }),
        ...(seed === undefined ? {} : { seed }),
      },
    );
    if (process.env.TALK_RUNS !== undefined) console.log(name, replicas, totals);
  });
