import type { VirtualKind } from '../api/kinds.ts';
import { type Agent, type AgentSpec, type Instance, keyText } from '../api/objects.ts';
import type { VirtualKinds } from '../api/requests.ts';
import type { MessageApi } from '../client/streams.ts';
import type { Message } from '../messages/message.ts';
import type { Instant } from '../plan/times.ts';
import {
  type Activity,
  type Gate,
  heldGate,
  type InboxView,
  type Observed,
  type TalkView,
} from '../plan/world.ts';
import { endsWithin } from '../platform/clock.ts';
import { accountOf, quotaGate } from './agent-account.ts';
import { AgentChanges } from './agent-changes.ts';
import { type Prompt, Prompts } from './agent-prompts.ts';
import { AgentReports } from './agent-reports.ts';
import { Deliveries } from './deliveries.ts';
import { Enforcement } from './enforcement.ts';
import { JournalObjects } from './journal-objects.ts';
import { Links } from './links.ts';
import { Marks } from './marks.ts';
import { Intake } from './message-intake.ts';
import { MessageService } from './message-service.ts';
import { Turns } from './message-turns.ts';
import { Approvals } from './pending-approvals.ts';
import {
  type AgentSender,
  type Context,
  type Ports,
  type Question,
  rulesOf,
  type StartedRun,
  type Tools,
} from './ports.ts';
import { Routes } from './routes.ts';
import { TalkState } from './talk-state.ts';
import { Timers } from './timers.ts';

const stopBound = 5_000;
const day = 86_400_000;
/** How long ended messages are kept, and how many bytes and messages at most. Usage is kept longer. */
const keep = { age: day, bytes: 1 << 30, messages: 500_000, usage: 90 * day };

/**
 * All communication with agents: their messages, and the pipes of their runs. The methods are for the controller.
 * `messages` and `objects` are what the API serves.
 */
export class Conversations {
  readonly messages: MessageApi;
  readonly objects: VirtualKinds;
  readonly #marks: Marks;
  readonly #ports: Ports;
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #objects: JournalObjects;
  readonly #tools: Tools;
  readonly #turns: Turns;
  readonly #routes: Routes;
  readonly #approvals: Approvals;
  readonly #prompts: Prompts;
  readonly #timers: Timers;
  readonly #links: Links;
  readonly #changes: AgentChanges;
  #isStarted = false;

  /** Each part uses only parts above it. */
  constructor(ports: Ports) {
    const { cache, clock, journal, log, meters } = ports;
    const context: Context = {
      ...ports,
      agent: (key) => cache.agents.get(key),
      instance: (uid) => cache.instances.byIndex('uid', uid)[0],
      rules: (agent) => rulesOf(agent.spec, ports.policy(agent)),
      record: (uid, newEvent) => {
        const about = context.instance(uid);
        if (about !== undefined) ports.recorder.recordEvent(about, newEvent);
      },
    };
    const talk = new TalkState(context);
    const objects = new JournalObjects(journal, clock, log);
    talk.onChange((kind, id) => objects.changed(kind, id));
    const marks = new Marks(talk.writer);
    const turns = new Turns(context, talk);
    const isHeld = (agent: Agent): boolean =>
      heldGate({ gates: this.gates(agent), now: clock.now() }) !== undefined;
    const deliveries = new Deliveries(context, talk, turns, isHeld);
    const intake = new Intake(context, talk, turns, deliveries);
    const prompts = new Prompts(talk, marks, intake);
    const routes = new Routes(context, talk, intake);
    const enforcement = new Enforcement(context);
    const approvals = new Approvals(context, talk, enforcement);
    const parts = { ...ports, turns, deliveries, intake, prompts, routes, enforcement, approvals, objects };
    const service = new MessageService(context, talk, parts);
    const tools = ports.tools({
      marks,
      stream: (key, options) => service.stream(key, options),
      ask: (...asked) => this.ask(...asked),
      message: (key, sender) => objects.message(service.message(key, sender)),
      seen: ({ uid, run }) => {
        const link = talk.links.get(uid);
        if (link?.target.run === run) link.facts.toolsSeen();
      },
    });
    const reports = new AgentReports(context, talk, { ...parts, tools });
    const links = new Links(context, talk, { ...parts, tools, reports });
    this.#changes = new AgentChanges(context, talk, { ...parts, links });
    this.#timers = new Timers(context, talk, turns);
    this.#ports = ports;
    this.#tools = tools;
    this.#marks = marks;
    this.#context = context;
    this.#talk = talk;
    this.#turns = turns;
    this.#links = links;
    this.#prompts = prompts;
    this.#routes = routes;
    this.#approvals = approvals;
    this.#objects = objects;
    this.objects = objects;
    this.messages = service;
    meters.mailboxMessages.read(() =>
      cache.agents
        .list()
        .filter(({ spec }) => spec.protocol !== 'none')
        .map(({ metadata: { namespace = 'default', name } }) => [
          { namespace, agent: name },
          this.waiting({ namespace, name }),
        ]),
    );
  }

  /**
   * Reads the journal. Call this when the caches are synced and nobody else writes the journal. Messages of instances
   * that are gone go to other instances.
   */
  start(): void {
    const loaded = this.#context.journal.load();
    for (const [name, at] of loaded.marks) this.#marks.noted({ name, at });
    this.#talk.restore(loaded);
    this.#routes.restore(loaded.unanswered);
    this.#turns.restored();
    this.#approvals.restore(loaded.approvals);
    this.#changes.restored();
    this.#talk.signals.emit('check', this.#context.clock.now());
    this.#isStarted = true;
  }

  /** Calls the listener at each change of a Message, Conversation or Approval. */
  onChange(listener: (kind: VirtualKind, id: string) => void): void {
    this.#talk.onChange(listener);
  }

  /** Opens a link to a run that was started with this spec, unless its output was read to the end. */
  attach(agent: Agent, object: Instance, run: StartedRun, spec: AgentSpec): void {
    this.#links.attach(agent, object, run, spec);
  }

  /** The run has ended: the rest of its output is read within a limit of time, then the link closes. */
  detach(uid: string, startId: string): void {
    this.#links.detach(uid, startId);
  }

  /** Whether the Instance is being stopped. If so, it gets no more messages. */
  setStopping(uid: string, stopping: boolean): void {
    this.#links.setStopping(uid, stopping);
  }

  /** Returns the planner's view of the link to an Instance; see Links. */
  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    return this.#links.view(agent, object, observed);
  }

  activity(object: Instance): Activity | undefined {
    const { uid, namespace = 'default' } = object.metadata;
    const link = this.#talk.links.get(uid);
    const box = this.#talk.box(`${namespace}/${object.spec.agentName}`);
    const waiting = box.waitingFor(uid);
    if (link === undefined) return waiting === 0 ? undefined : { busy: false, waiting };
    const busy = box.current(uid).size > 0;
    const since = Math.max(link.activeAt, Date.parse(object.status?.readySince ?? '') || 0);
    return busy ? { busy, waiting } : { busy, idleSince: since, waiting };
  }

  inbox(agent: Agent): InboxView {
    const box = this.#talk.box(keyText(agent.metadata));
    return { waiting: box.forAnyone, ...this.#prompts.view(agent) };
  }

  /** Returns what may hold the starts and messages of an Agent. */
  gates(agent: Agent): readonly Gate[] {
    const { links, records } = this.#talk;
    const accounts = this.#ports.cache.instances
      .byIndex('agent', agent.metadata.uid)
      .map(({ metadata: { uid } }) => links.get(uid)?.facts.account ?? accountOf(records.get(uid)?.facts));
    const quota = quotaGate(agent, accounts, this.#context.clock.now());
    const others = this.#ports.gates?.(agent) ?? [];
    return quota === undefined ? others : [quota, ...others];
  }

  /** Returns how many messages wait for an Agent. */
  waiting({ namespace = 'default', name }: { namespace?: string | undefined; name: string }): number {
    return this.#talk.waiting(`${namespace}/${name}`);
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

  /** Asks a run to end with a message of its protocol. */
  shutdown(uid: string, run: number): void {
    const link = this.#talk.links.get(uid);
    if (link?.target.run === run) link.connection?.shutdown();
  }

  /** The Agent is gone: a request just before may have created its mailbox again. */
  forget(key: string): void {
    this.#talk.dropBox(key, undefined);
  }

  /** Returns what is in memory: the open messages, the links to runs, and the sizes of the rest. */
  census() {
    const { opens, links, drained } = this.#talk;
    return {
      messages: [...opens.values()].map(({ message, seq, cancellation, thread }) => ({
        ...message,
        seq,
        cancellation,
        current: thread.current?.message.id,
        queued: thread.waiting.length,
      })),
      links: [...links.values()].map(({ target, state }) => ({ ...target, state })),
      mailboxes: [...this.#talk.boxes()].map(([key]) => key),
      drained: drained.size,
    };
  }

  /** Closes conversations that were idle for too long, and removes what ended long ago. */
  async tidy(): Promise<void> {
    if (!this.#isStarted) return;
    const { journal, clock } = this.#context;
    const now = clock.now();
    for (const { id, namespace, agent: name, state, activeAt } of journal.conversations()) {
      const agent = this.#context.agent(`${namespace}/${name}`);
      const { idleTTL } = agent === undefined ? { idleTTL: keep.age } : this.#context.rules(agent);
      const thread =
        state === 'Open' && idleTTL > 0 && activeAt + idleTTL <= now ? this.#talk.thread(id) : undefined;
      if (thread === undefined || thread.current !== undefined || thread.waiting.length > 0) continue;
      this.#turns.close(thread, 'Idle');
      await this.#talk.writer.write([{ type: 'Conversation', conversation: thread.record }]);
      this.#talk.changed('Conversation', id);
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
    await this.#tools.close();
    const links = [...this.#talk.links.values()];
    const closed = Promise.all(links.map((link) => link.close('the controller ends')));
    const settled = closed.then(() => this.#talk.writer.settle());
    // What does not fit on a full disk is read again by the next controller.
    await endsWithin(this.#context.clock, stopBound, settled);
    this.#talk.writer.stop();
    await settled;
  }
}
