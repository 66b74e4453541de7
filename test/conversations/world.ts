/** A whole controller with agents that talk, which a test kills at a step of its own or of theirs. */
import { vi } from 'vitest';
import { type Agent, keyOf, type New, type ObjectKey } from '../../src/api/objects.ts';
import type { Resources } from '../../src/client/resources.ts';
import type { Decision, NewMessage } from '../../src/client/streams.ts';
import type { Attachment } from '../../src/drivers/attachment.ts';
import { type Driver, requireFeature } from '../../src/drivers/driver.ts';
import type { Entry, Journal, Spare } from '../../src/messages/journal.ts';
import { isFinal, type Message } from '../../src/messages/message.ts';
import { House, type HouseOptions } from '../controller/house.ts';
import type { Behaviour } from '../fakes/engine.ts';
import type { FakeAgent } from '../fakes/stdio.ts';
import { acpAgent, jsonlWorker, Ledger } from './agents.ts';

const never = new Promise<never>(() => {});
const writes = new Set(['create', 'update', 'patch', 'delete']);
const calls = new Set(['create', 'restart', 'signal', 'kill', 'remove']);

/** One controller process. Once it is dead nothing that it does has an effect, and nothing answers it. */
class Life {
  dead = false;
  readonly #step: () => boolean;

  constructor(step: () => boolean) {
    this.#step = step;
  }

  /** A step before the effect and one after it. */
  async effect<T>(act: () => Promise<T>): Promise<T> {
    this.dead ||= this.#step();
    if (this.dead) return never;
    const answer = await act();
    this.dead ||= this.#step();
    return this.dead ? never : answer;
  }

  /** The named methods of it are effects. */
  around<T extends object>(target: T, names: ReadonlySet<string>): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        if (!names.has(String(name))) return value.bind(object);
        return (...args: unknown[]) =>
          args[0] === 'Event' ? value.apply(object, args) : this.effect(() => value.apply(object, args));
      },
    });
  }
}

/** The end of a message, as it was journalled. */
export type End = Pick<Message, 'state' | 'reason' | 'error' | 'answer' | 'attempts'>;

export class TalkWorld implements AsyncDisposable {
  readonly ledger = new Ledger();
  /** All ends that were journalled of each message. */
  readonly ends = new Map<string, End[]>();
  /** Steps of the controller until it is killed. */
  crashIn = Number.POSITIVE_INFINITY;
  crashes = 0;
  /** What an agent of that name does; the default is by its protocol. */
  readonly programs = new Map<string, FakeAgent>();
  readonly house: House;
  #life: Life;

  static async open(options: HouseOptions = {}): Promise<TalkWorld> {
    const holder: { world?: TalkWorld; life: Life } = {
      life: new Life(() => holder.world?.step() ?? false),
    };
    const house = await House.open({
      ...options,
      journal: (kept) => {
        const { life } = holder;
        return new Proxy(options.journal?.(kept) ?? kept, {
          get: (object, name) => {
            const value: unknown = Reflect.get(object, name, object);
            if (typeof value !== 'function') return value;
            if (name !== 'commit') return value.bind(object);
            return (entries: readonly Entry[], spare?: Spare) =>
              life.effect(async () => {
                await object.commit(entries, spare);
                holder.world?.note(entries);
              });
          },
        }) satisfies Journal;
      },
      // Asked for first of all when a controller is built.
      client: (client: Resources) => {
        holder.life = new Life(() => holder.world?.step() ?? false);
        if (holder.world !== undefined) holder.world.#life = holder.life;
        return holder.life.around(client, writes);
      },
      wrap: (driver, runtime) => {
        const { life } = holder;
        return attaching(life.around(options.wrap?.(driver, runtime) ?? driver, calls), life);
      },
      behave: (spec): Behaviour => {
        const { agent } = spec.identity;
        const { programs, ledger } = holder.world ?? {
          programs: new Map<string, FakeAgent>(),
          ledger: new Ledger(),
        };
        const known = programs.get(agent);
        return { agent: known ?? (agent.startsWith('acp') ? acpAgent(ledger) : jsonlWorker(ledger)) };
      },
    });
    const world = new TalkWorld(house, holder.life);
    holder.world = world;
    return world;
  }

  private constructor(house: House, life: Life) {
    this.house = house;
    this.#life = life;
  }

  /** Whether the controller dies here. */
  step(): boolean {
    this.crashIn -= 1;
    if (this.crashIn > 0) return false;
    this.crashIn = Number.POSITIVE_INFINITY;
    this.crashes += 1;
    return true;
  }

  note(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.type !== 'Change' || entry.set.state === undefined || !isFinal(entry.set.state)) continue;
      const message = this.house.journal.message(entry.id);
      const { reason, error, answer, attempts = 0 } = { ...message, ...entry.set };
      const all = this.ends.get(entry.id) ?? [];
      this.ends.set(entry.id, [...all, { state: entry.set.state, reason, error, answer, attempts }]);
    }
  }

  /** The conversations of the controller that lives now, with records of the journal as answers. */
  get talk() {
    const { controller, journal } = this.house;
    const { conversations, cache } = controller;
    const { messages, objects } = conversations;
    const recorded = ({ metadata }: { metadata: { name: string } }): Message => {
      const message = journal.message(metadata.name);
      if (message === undefined) throw new Error(`there is no message ${metadata.name}`);
      return message;
    };
    return {
      objects,
      stream: messages.stream.bind(messages),
      onChange: conversations.onChange.bind(conversations),
      census: () => conversations.census(),
      tidy: () => conversations.tidy(),
      stop: () => conversations.stop(),
      message: (name: ObjectKey) => objects.get('Message', name),
      /** To this Agent, even if the controller knows another one, or none. */
      send(agent: Agent, newMessages: readonly NewMessage[]): Promise<Message[]> {
        const known = vi.spyOn(cache.agents, 'get').mockReturnValueOnce(agent);
        const sent = messages.send(keyOf(agent), newMessages);
        known.mockRestore();
        return sent.then((all) => all.map(recorded));
      },
      cancel: (name: ObjectKey) => messages.change(name, 'cancel'),
      retry: (name: ObjectKey) => messages.change(name, 'retry'),
      query: (agent: Agent, question: Parameters<typeof messages.query>[1]) =>
        messages.query(keyOf(agent), question),
      approvals: {
        async decide(id: string, namespace: string, state: 'Approved' | 'Denied', how: Decision) {
          await messages.decide({ namespace, name: id }, state === 'Approved' ? 'approve' : 'deny', how);
        },
      },
    };
  }

  /** Agents are up again at once after a crash. */
  async agent(name: string, spec: New<Agent>['spec'] = {}): Promise<Agent> {
    const protocol = name.startsWith('acp') ? 'acp' : 'jsonl';
    return this.house.agent(
      name,
      {},
      {
        protocol,
        minReady: '0s',
        ...spec,
        policy: { backoff: { schedule: ['100ms'], jitter: 0 }, ...spec?.policy },
      },
    );
  }

  agentOf(name: string): Agent {
    const agent = this.house.controller.cache.agents.get(`default/${name}`);
    if (agent === undefined) throw new Error(`there is no agent ${name}`);
    return agent;
  }

  /** Kills the controller now, if it is not dead yet. */
  kill(): void {
    this.#life.dead = true;
  }

  get dead(): boolean {
    return this.#life.dead;
  }

  /** Sends it over and over with one key, as a sender does who is told of no acceptance. */
  async send(name: string, newMessage: NewMessage): Promise<Message> {
    for (;;) {
      const sent = this.talk.send(this.agentOf(name), [newMessage]).then(([message]) => message);
      let message: Message | undefined;
      sent.then(
        (found) => {
          message = found;
        },
        () => {},
      );
      for (let turn = 0; turn < 50 && message === undefined && !this.dead; turn += 1)
        await Promise.race([sent, new Promise((resolve) => setImmediate(resolve))]);
      if (message !== undefined) return message;
      await this.revive();
    }
  }

  async revive(): Promise<void> {
    this.kill();
    for (;;) {
      // What was handed to the disk before its death is there before anybody reads it again.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const back = this.house.replace().then(() => true);
      for (let turn = 0; turn < 500 && !this.dead; turn += 1) {
        const up = await Promise.race([
          back,
          new Promise<false>((resolve) => setImmediate(() => resolve(false))),
        ]);
        if (up) return;
      }
      this.kill();
    }
  }

  /** Lets time go by until the condition holds; a controller that is dead comes back. */
  async until(condition: () => boolean, milliseconds = 60_000): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      for (let turn = 0; turn < 20; turn += 1) {
        if (this.dead) await this.revive();
        if (condition()) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.house.clock.advance(50);
    }
    const { messages, links: all } = this.talk.census();
    const open = messages.map(({ id, state, uid, run, written, produced, cancellation, current }) =>
      JSON.stringify({ id, state, uid, run, written, produced, cancellation, current }),
    );
    const links = all.map(({ instance, run, state }) => `${instance} ${run} ${state}`);
    const phases = this.house.controller.cache.instances
      .list()
      .map(({ metadata, status }) => JSON.stringify({ name: metadata.name, ...status }));
    throw new Error(
      `it never came about; instances: ${phases.join(', ')}; calls: ${this.house.engine.calls.join(', ')}; runtimes ${JSON.stringify(this.house.controller.cache.runtimes.list().map((r) => r.status))}; open: ${open.join('\n')}; links: ${links.join(', ')}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let ended = false;
    const ending = this.house[Symbol.asyncDispose]().finally(() => {
      ended = true;
    });
    // What a controller still waits for when it is dead comes to no end but by time.
    for (let turn = 0; !ended; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turn > 100) this.house.clock.advance(100);
    }
    await ending;
  }
}

/** Writes to agents are effects too. */
function attaching(driver: Driver, life: Life): Driver {
  requireFeature(driver, 'stdio');
  const { attach } = driver.stdio;
  return {
    ...driver,
    stdio: {
      attach: async (ref, options): Promise<Attachment> => {
        const attachment = await attach(ref, options);
        return { ...attachment, write: (text) => life.effect(() => attachment.write(text)) };
      },
    },
  };
}
