import type { VirtualKind } from '../api/kinds.ts';
import type { Agent, Instance, Message as MessageObject, ObjectKey, PolicySpec } from '../api/objects.ts';
import { keyText } from '../api/objects.ts';
import type { VirtualKinds } from '../api/virtual.ts';
import type { Fleet } from '../client/fleet.ts';
import type { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { MessageApi } from '../client/streams.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Journal } from '../messages/journal.ts';
import type { Message } from '../messages/message.ts';
import type { Plan } from '../plan/action.ts';
import { heldGate } from '../plan/gates.ts';
import type { Activity, Gate, InboxView, Instant, Observed, TalkView, World } from '../plan/world.ts';
import { type Clock, endsWithin } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import { AgentChanges } from './agent-changes.ts';
import { type Prompt, Prompts } from './agent-prompts.ts';
import { AgentReports } from './agent-reports.ts';
import { Deliveries } from './deliveries.ts';
import { Enforcement } from './enforcement.ts';
import { JournalObjects } from './journal-objects.ts';
import { Links } from './links.ts';
import type { Marks } from './marks.ts';
import { Intake } from './message-intake.ts';
import { MessageService } from './message-service.ts';
import { Turns } from './message-turns.ts';
import { keyOf } from './open-message.ts';
import { Approvals } from './pending-approvals.ts';
import type { Asking, Caches, Tools } from './ports.ts';
import { type AgentSender, type Question, Routes } from './routes.ts';
import { type Rules, rulesOf } from './rules.ts';
import { TalkState } from './talk-state.ts';
import { Timers } from './timers.ts';

const idleLook = 1_000;
const stopBound = 5_000;
const day = 86_400_000;
/** How long ended messages are kept, and how many bytes and messages at most. Usage is kept longer. */
const keep = { age: day, bytes: 1 << 30, messages: 500_000, usage: 90 * day };

export interface ConversationsDeps {
  journal: Journal;
  resources: Pick<Resources, 'get'>;
  cache: Caches;
  recorder: Recorder;
  clock: Clock;
  ids: Ids;
  log: Log;
  meters: Meters;
  version: string;
  driver(runtime: string): Driver | undefined;
  policy(agent: Agent): PolicySpec;
  enqueue(key: string, at?: Instant): void;
  /** Returns the gates of other parts. Absent: there are none. */
  gates?: ((agent: Agent) => readonly Gate[]) | undefined;
  /** Returns the fleet as this instance may use it. */
  fleet(from: Agent, instance: Asking): Fleet;
  tools: Tools;
}

/**
 * All communication with agents: their messages, and the pipes of their runs. The methods are for the controller.
 * `messages` and `objects` are what the API serves.
 */
export class Conversations {
  readonly messages: MessageApi;
  readonly objects: VirtualKinds;
  readonly marks: Marks;
  readonly #deps: ConversationsDeps;
  readonly #talkState: TalkState;
  readonly #objects: JournalObjects;
  readonly #service: MessageService;
  readonly #turns: Turns;
  readonly #routes: Routes;
  readonly #approvals: Approvals;
  readonly #prompts: Prompts;
  readonly #timers: Timers;
  readonly #links: Links;
  readonly #deliveries: Deliveries;
  readonly #changes: AgentChanges;

  constructor(deps: ConversationsDeps) {
    this.#deps = deps;
    const { cache, clock, enqueue, journal, recorder, resources } = deps;
    const agent = (key: string): Agent | undefined => cache.agents.get(key);
    const loaded = journal.load();
    const objects = new JournalObjects(journal, clock, deps.log);
    const instance = (uid: string): Instance | undefined => cache.instances.byIndex('uid', uid)[0];
    const talkState = new TalkState({ ...deps, agent, instance, rules: (of) => this.#rules(of) }, loaded);
    deps.meters.mailboxMessages.read(() =>
      cache.agents
        .list()
        .filter(({ spec }) => spec.protocol !== 'none')
        .map(({ metadata: { namespace = 'default', name } }) => [
          { namespace, agent: name },
          this.waiting({ namespace, name }),
        ]),
    );
    talkState.onChange((kind, id) => objects.changed(kind, id));
    const turns = new Turns({
      talkState,
      agent,
      due: (key) => this.#deliveries.soon(key),
      accountFails: (link, fault) => reports.accountFails(link, fault),
      abandoned: () => this.#timers.wake(clock.now() + idleLook),
      ended: (message) => {
        approvals.withdrawOf(message.id, message.reason);
        routes.ended(message);
        this.#changes.ended(message);
      },
      over: (message, reason) => approvals.withdrawOf(message, reason),
    });
    const deliveries = new Deliveries({
      talkState,
      turns,
      agent,
      isHeld: (of) => heldGate({ gates: this.gates(of), now: clock.now() }) !== undefined,
      begun: (of) => this.#timers.wake(clock.now() + this.#rules(of).inactivityTimeout),
    });
    const intake = new Intake({
      talkState,
      admitted: (key) => this.#admitted(key),
      refused: (open, end) => turns.finish(open, end),
    });
    const prompts = new Prompts(talkState, intake);
    const agents = (): readonly Agent[] => cache.agents.list();
    const routes = new Routes({ talkState, intake, agent, agents }, loaded.unanswered);
    const enforcement = new Enforcement({
      journal,
      spec: (key) => agent(key)?.spec,
      changed: (link) => enqueue(keyOf(link.target)),
    });
    const approvals = new Approvals(
      {
        talkState,
        spec: (key) => agent(key)?.spec,
        record: (link, newEvent) => {
          const about = instance(link.target.uid);
          if (about !== undefined) recorder.recordEvent(about, newEvent);
        },
        enforcement,
      },
      loaded.approvals,
    );
    const drained = (key: string): void => this.#changes.drained(key);
    const parts = { talkState, turns, deliveries, routes, approvals, enforcement };
    const reports = new AgentReports({ ...deps, ...parts, instance });
    this.#links = new Links({ ...deps, ...parts, reports, drained }, loaded.links);
    this.#changes = new AgentChanges({ ...deps, ...parts, prompts, links: this.#links });
    this.#timers = new Timers(talkState, turns, agent);
    this.#timers.wake(clock.now());
    this.#service = new MessageService({
      talkState,
      objects,
      intake,
      turns,
      approvals,
      agent: async (key) => agent(keyText(key)) ?? (await resources.get('Agent', key)),
    });
    this.#talkState = talkState;
    this.#turns = turns;
    this.#deliveries = deliveries;
    this.#prompts = prompts;
    this.#routes = routes;
    this.#approvals = approvals;
    this.#objects = objects;
    this.objects = objects;
    this.messages = this.#service;
    this.marks = talkState.marks;
  }

  /** Call this when the caches are synced. Messages of instances that are gone go to other instances. */
  start(): void {
    this.#turns.restored();
    this.#approvals.restored();
    this.#changes.restored();
  }

  /** Calls the listener at each change of a Message, Conversation or Approval. */
  onChange(listener: (kind: VirtualKind, id: string) => void): void {
    this.#talkState.onChange(listener);
  }

  /** Opens and closes links to match the World. */
  attend(world: World, plan: Plan): void {
    this.#links.attend(world, plan);
  }

  /** Returns the planner's view of the link to an Instance; see Links. */
  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    return this.#links.view(agent, object, observed);
  }

  activity(object: Instance): Activity | undefined {
    const { uid, namespace = 'default' } = object.metadata;
    const link = this.#talkState.links.get(uid);
    const box = this.#talkState.box(`${namespace}/${object.spec.agentName}`);
    const waiting = box.waitingFor(uid);
    if (link === undefined) return waiting === 0 ? undefined : { busy: false, waiting };
    const busy = box.current(uid).size > 0;
    const since = Math.max(link.activeAt, Date.parse(object.status?.readySince ?? '') || 0);
    return busy ? { busy, waiting } : { busy, idleSince: since, waiting };
  }

  inbox(agent: Agent): InboxView {
    const box = this.#talkState.box(keyText(agent.metadata));
    return { waiting: box.forAnyone, ...this.#prompts.view(agent) };
  }

  /** Returns what may hold the starts and messages of an Agent. */
  gates(agent: Agent): readonly Gate[] {
    const quota = this.#links.quotaGate(agent);
    const others = this.#deps.gates?.(agent) ?? [];
    return quota === undefined ? others : [quota, ...others];
  }

  /** Returns how many messages wait for an Agent. */
  waiting({ namespace = 'default', name }: { namespace?: string | undefined; name: string }): number {
    return this.#talkState.waiting(`${namespace}/${name}`);
  }

  /** Sends one of an Agent's own prompts, once for each name and due time. */
  sendPrompt(agent: Agent, prompt: Prompt): Promise<void> {
    return this.#prompts.send(agent, prompt);
  }

  skipPrompt(agent: Agent, schedule: string, dueAt: Instant): Promise<void> {
    return this.#prompts.skip(agent, schedule, dueAt);
  }

  /** Sends a message of an instance to another Agent. Resolves when it is on disk. Throws ApiError. */
  ask(from: Agent, sender: AgentSender, question: Question): Promise<Message> {
    return this.#routes.send(from, sender, question);
  }

  /** Returns a message. Throws ApiError NotFound. With `sender`, messages of others count as not found. */
  message(key: ObjectKey, sender?: AgentSender): MessageObject {
    return this.#objects.message(this.#service.message(key, sender));
  }

  /** Asks a run to end with a message of its protocol. */
  shutdown(uid: string, run: number): void {
    const link = this.#talkState.links.get(uid);
    if (link?.target.run === run) link.connection?.shutdown();
  }

  /** A run has connected to the tools. */
  toolsSeen({ uid, run }: { uid: string; run: number }): void {
    const link = this.#talkState.links.get(uid);
    if (link?.target.run === run) link.facts.toolsSeen();
  }

  /** The Agent is gone: a request just before may have created its mailbox again. */
  forget(key: string): void {
    this.#talkState.dropBox(key, undefined);
  }

  /** Returns what is in memory: the open messages, the links to runs, and the sizes of the rest. */
  census() {
    const { opens, links, drained } = this.#talkState;
    return {
      messages: [...opens.values()].map(({ message, seq, cancellation, thread }) => ({
        ...message,
        seq,
        cancellation,
        current: thread.current?.message.id,
        queued: thread.waiting.length,
      })),
      links: [...links.values()].map(({ target, state }) => ({ ...target, state })),
      mailboxes: [...this.#talkState.boxes()].map(([key]) => key),
      drained: drained.size,
    };
  }

  /** Closes conversations that were idle for too long, and removes what ended long ago. */
  async tidy(): Promise<void> {
    const { journal, cache, clock } = this.#deps;
    const now = clock.now();
    for (const { id, namespace, agent: name, state, activeAt } of journal.conversations()) {
      const agent = cache.agents.get(`${namespace}/${name}`);
      const { idleTTL } = agent === undefined ? { idleTTL: keep.age } : this.#rules(agent);
      const thread =
        state === 'Open' && idleTTL > 0 && activeAt + idleTTL <= now ? this.#talkState.thread(id) : undefined;
      if (thread === undefined || thread.current !== undefined || thread.waiting.length > 0) continue;
      this.#turns.close(thread, 'Idle');
      await this.#talkState.writer.write([{ type: 'Conversation', conversation: thread.record }]);
      this.#talkState.changed('Conversation', id);
    }
    await journal.prune({
      before: now - keep.age,
      bytes: keep.bytes,
      messages: keep.messages,
      usageBefore: now - keep.usage,
      gone: (gone) => this.#objects.gone(gone),
    });
  }

  /** Stops reading. Resolves when the effects of what was read are written. Agents keep running. */
  async stop(): Promise<void> {
    this.#timers.stop();
    await this.#deps.tools.close();
    const links = [...this.#talkState.links.values()];
    const closed = Promise.all(links.map((link) => link.close('the controller ends')));
    const settled = closed.then(() => this.#talkState.writer.settle());
    // What does not fit on a full disk is read again by the next controller.
    await endsWithin(this.#deps.clock, stopBound, settled);
    this.#talkState.writer.stop();
    await settled;
  }

  /** A message was accepted: a free instance gets it now. Otherwise the planner may have to wake one. */
  #admitted(key: string): void {
    const box = this.#talkState.box(key);
    this.#deliveries.dispatch(key);
    this.#timers.wake(this.#deps.clock.now() + idleLook);
    if (box.waiting > 0) this.#deps.enqueue(key);
  }

  #rules(agent: Agent): Rules {
    return rulesOf(agent.spec, this.#deps.policy(agent));
  }
}
