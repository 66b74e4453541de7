import { silentLog } from '../../../src/platform/log.ts';
import type { Connection, ConnectOptions, Host, Protocol, Turn } from '../../../src/protocols/protocol.ts';
import type { TurnEvent, TurnResult, Usage } from '../../../src/protocols/turn-events.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { until } from '../../until.ts';

/**
 * A well-behaved agent at the other end of a protocol. It answers by lines and never sends them itself, so that a test
 * can see what follows from each one, or hand them to a later connection.
 */
export interface FakeAgent {
  /** What it says by itself when it starts. */
  greeting(): string[];
  /** Takes a line that was written to it. Returns what every agent answers at once: handshake, sessions. */
  takes(line: string): string[];
  /** The texts that it was asked, in order. */
  readonly asked: readonly string[];
  /** The messages that it was asked to break off, or their sessions where the protocol names only these. */
  readonly cancelled: readonly string[];

  text(turn: Turn, text: string): string;
  thought(turn: Turn, text: string): string;
  tool(
    turn: Turn,
    tool: {
      id: string;
      title: string;
      kind: string;
      status: 'pending' | 'in_progress' | 'completed' | 'failed';
    },
  ): string;
  usage(turn: Turn, tokens: number): string;
  /** The turn is over, and all went well. */
  ends(turn: Turn): string;
  /** The turn is over with an error. */
  fails(turn: Turn, why: string): string;
}

/** What the suite must know of a protocol to try it. */
export interface Harness {
  protocol: Protocol;
  agent(): FakeAgent;
  /** Lines that mean nothing in it, beyond those that are no JSON objects. */
  garbage: readonly string[];
}

/** A Host that remembers what it was told, in order. */
export class Told implements Host {
  readonly calls: { call: keyof Host; message?: string | undefined; value: unknown }[] = [];

  readonly ready: Host['ready'] = (facts) => this.#add('ready', undefined, facts);
  readonly unready: Host['unready'] = (reason, message) =>
    this.#add('unready', undefined, { reason, message });
  readonly event: Host['event'] = (message, event) => this.#add('event', message, event);
  readonly after: Host['after'] = ({ message }, event) => this.#add('after', message, event);
  readonly released: Host['released'] = (message) => this.#add('released', message, undefined);
  readonly acknowledged: Host['acknowledged'] = (message) => this.#add('acknowledged', message, undefined);
  readonly ended: Host['ended'] = (message, result) => this.#add('ended', message, result);
  readonly permission: Host['permission'] = (message, permission) =>
    this.#add('permission', message, permission);
  readonly used: Host['used'] = (message, use) => this.#add('used', message, use);
  readonly route: Host['route'] = (request) => this.#add('route', request.message, request);
  readonly manage: Host['manage'] = (request) => this.#add('manage', undefined, request);
  readonly usage: Host['usage'] = (message, usage) => this.#add('usage', message, usage);
  readonly quota: Host['quota'] = (report) => this.#add('quota', undefined, report);
  readonly garbage: Host['garbage'] = (line, why) => this.#add('garbage', undefined, { line, why });

  #add(call: keyof Host, message: string | undefined, value: unknown): void {
    this.calls.push({ call, message, value });
  }

  /** The values of one sort of call, in order. */
  of(call: keyof Host, message?: string): unknown[] {
    return this.calls
      .filter((one) => one.call === call && (message === undefined || one.message === message))
      .map(({ value }) => value);
  }

  events(message: string): TurnEvent[] {
    return this.of('event', message) as TurnEvent[]; // only `event` adds them
  }

  results(message: string): TurnResult[] {
    return this.of('ended', message) as TurnResult[]; // only `ended` adds them
  }

  usages(message: string): Usage[] {
    return this.of('usage', message) as Usage[]; // only `usage` adds them
  }
}

export interface World {
  connection: Connection;
  agent: FakeAgent;
  host: Told;
  clock: ManualClock;
  /** All lines that were written. */
  written: string[];
  /** From now on each write is refused, as by a run that has ended. */
  breakPipe(): void;
  /** A turn with a session, written to the agent. */
  begin(fields: Partial<Turn> & { message: string }): Promise<Turn>;
}

/** A connection to an agent; with `agent` a further connection to the same run. Nothing has been received yet. */
export function open(harness: Harness, options: Partial<ConnectOptions> & { agent?: FakeAgent } = {}): World {
  const { agent = harness.agent(), ...rest } = options;
  const host = new Told();
  const clock = new ManualClock('2026-03-01T00:00:00Z');
  const written: string[] = [];
  let broken = false;
  const write = async (line: string): Promise<void> => {
    if (broken) throw new Error('the pipe is broken');
    written.push(line);
    const answers = agent.takes(line);
    setImmediate(() => {
      for (const answer of answers) connection.receive(answer);
    });
  };
  const connection = harness.protocol.connect({ write, answer: write }, host, {
    clock,
    log: silentLog,
    version: '1.2.3',
    epoch: '1',
    turns: [],
    probeDir: '/work',
    ...rest,
  });
  return {
    connection,
    agent,
    host,
    clock,
    written,
    breakPipe: () => {
      broken = true;
    },
    begin: async (fields) => {
      const conversation = fields.conversation ?? `conversation-of-${fields.message}`;
      const { session } = await connection.session({ id: conversation, live: false, workingDir: '/work' });
      const turn: Turn = {
        attempt: 1,
        kind: 'Chat',
        from: 'ann',
        text: `text of ${fields.message}`,
        ...fields,
        conversation,
        session,
      };
      await connection.prompt(turn);
      return turn;
    },
  };
}

/** The same, after the handshake. */
export async function openReady(harness: Harness, options: Partial<ConnectOptions> = {}): Promise<World> {
  const world = open(harness, options);
  for (const line of world.agent.greeting()) world.connection.receive(line);
  await until(() => world.host.of('ready').length > 0);
  return world;
}

export { until };
