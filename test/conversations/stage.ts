import type { Agent, New } from '../../src/api/objects.ts';
import type { NewMessage } from '../../src/client/streams.ts';
import type { Journal } from '../../src/messages/journal.ts';
import type { Message } from '../../src/messages/message.ts';
import type { HouseOptions } from '../controller/house.ts';
import type { FakeAgent } from '../fakes/stdio.ts';
import { type End, TalkWorld } from './world.ts';

interface Player {
  agent: FakeAgent;
}

export interface Stage extends AsyncDisposable {
  world: TalkWorld;
  send(name: string, text: string, newMessage?: Partial<NewMessage>): Promise<Message>;
  /** Waits for its end; answers it. */
  end(id: string, milliseconds?: number): Promise<End | undefined>;
  message(id: string): Message | undefined;
  /** Lets time pass in steps of a second. */
  pass(milliseconds: number): Promise<void>;
  /** So many runs can be talked to. */
  ready(count: number): Promise<void>;
}

/** A whole controller with agents that the test plays; those whose names begin with acp speak that. All are up. */
export async function stage(
  players: Record<string, Player & { spec?: New<Agent>['spec'] }>,
  options: HouseOptions = {},
): Promise<Stage> {
  const world = await TalkWorld.open(options);
  let runs = 0;
  for (const [name, { agent, spec }] of Object.entries(players)) {
    world.programs.set(name, agent);
    await world.agent(name, spec);
    runs += spec?.replicas ?? 1;
  }
  const message = (id: string): Message | undefined => world.house.journal.message(id);
  const ready = (count: number): Promise<void> =>
    world.until(() => world.talk.census().links.filter(({ state }) => state === 'Ready').length === count);
  await ready(runs);
  return {
    world,
    message,
    ready,
    send: (name, text, newMessage = {}) => world.send(name, { text, ...newMessage }),
    async end(id, milliseconds) {
      await world.until(() => world.ends.has(id), milliseconds);
      return world.ends.get(id)?.at(-1);
    },
    async pass(milliseconds) {
      for (let passed = 0; passed < milliseconds; passed += 1_000) {
        world.house.clock.advance(1_000);
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** Named as the API names them. */
export const key = (name: string) => ({ namespace: 'default', name });

/** The same journal, but for how it is written. */
export const withCommit = (journal: Journal, commit: Journal['commit']): Journal =>
  new Proxy(journal, {
    get: (object, name) => {
      const value: unknown = name === 'commit' ? commit : Reflect.get(object, name, object);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
