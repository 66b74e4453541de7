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
import { quotaGate } from './agent-account.ts';
import { AgentChanges } from './agent-changes.ts';
import { type Prompt, Prompts } from './agent-prompts.ts';
import { AgentReports } from './agent-reports.ts';
import { Deliveries } from './deliveries.ts';
import { Enforcement } from './enforcement.ts';
import { HeldThreads } from './held-threads.ts';
import { JournalObjects } from './journal-objects.ts';
import { Marks } from './ledger.ts';
import { Links } from './links.ts';
import { Intake } from './message-intake.ts';
import { MessageService } from './message-service.ts';
import { recordOf } from './open-message.ts';
import { Peers } from './peers.ts';
import { Approvals } from './pending-approvals.ts';
import {
  type AgentSender,
  type Context,
  type Ports,
  type Question,
  rulesOf,
  type StartedRun,
} from './ports.ts';
import { Routes } from './routes.ts';
import { TalkState } from './talk-state.ts';
import { Timers } from './timers.ts';
import { TurnEnds } from './turn-ends.ts';
import { TurnReports } from './turn-reports.ts';

const stopBound = 5_000;
const day = 86_400_000;
/** How long ended messages are kept, and how many bytes and messages at most. Usage is kept longer. */
const keep = { age: day, bytes: 1 << 30, messages: 500_000, usage: 90 * day };

/** Builds the parts. Each uses only parts above it. */
function assemble(ports: Ports) {
  const { cache, clock, journal, log } = ports;
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
  const gates = (agent: Agent): readonly Gate[] => {
    const accounts = cache.instances
      .byIndex('agent', agent.metadata.uid)
      .map(({ metadata: { uid } }) => talk.accountOf(uid));
    const quota = quotaGate(agent, accounts, clock.now());
    const others = ports.gates?.(agent) ?? [];
    return quota === undefined ? others : [quota, ...others];
  };
  const isHeld = (agent: Agent): boolean => heldGate({ gates: gates(agent), now: clock.now() }) !== undefined;
  const held = new HeldThreads(context, talk);
  const ends = new TurnEnds(context, talk, held);
  const turns = new TurnReports(context, talk, ends, held);
  const deliveries = new Deliveries(context, talk, ends, isHeld);
  const intake = new Intake(context, talk, ends, deliveries);
  const marks = new Marks(talk.writer);
  const prompts = new Prompts(talk, marks, intake);
  const peers = new Peers(context, talk);
  const routes = new Routes(context, talk, intake, peers);
  const enforcement = new Enforcement(context);
  const approvals = new Approvals(context, talk, enforcement);
  const messages = new MessageService(context, talk, { ...ports, objects, intake, ends, approvals });
  const tools = ports.tools({
    marks,
    stream: (key, options) => messages.stream(key, options),
    ask: (...asked) => routes.send(...asked),
    message: (key, sender) => objects.message(messages.message(key, sender)),
    seen: ({ uid, run }) => {
      const link = talk.links.get(uid);
      if (link?.target.run === run) link.facts.toolsSeen();
    },
  });
  const shared = { ...ports, tools, held, ends, routes, approvals, enforcement };
  const reports = new AgentReports(context, talk, { ...shared, turns });
  const links = new Links(context, talk, { ...shared, deliveries, reports });
  const changes = new AgentChanges(context, talk, { approvals, ends, links, peers, prompts });
  const timers = new Timers(context, talk, ends);
  return {
    context,
    talk,
    objects,
    gates,
    ends,
    marks,
    prompts,
    routes,
    approvals,
    links,
    changes,
    timers,
    tools,
    messages,
  };
}

/**
 * All communication with agents: their messages, and the pipes of their runs. The methods are for the controller.
 * `messages` and `objects` are what the API serves.
 */
export class Conversations {
  readonly messages: MessageApi;
  readonly objects: VirtualKinds;
  readonly #parts: ReturnType<typeof assemble>;
  #isStarted = false;

  constructor(ports: Ports) {
    this.#parts = assemble(ports);
    this.messages = this.#parts.messages;
    this.objects = this.#parts.objects;
    ports.meters.mailboxMessages.read(() =>
      ports.cache.agents
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
    const { approvals, changes, context, ends, marks, routes, talk } = this.#parts;
    const loaded = context.journal.load();
    for (const [name, at] of loaded.marks) marks.noted({ name, at });
    talk.restore(loaded);
    routes.restore(loaded.unanswered);
    ends.restored();
    approvals.restore(loaded.approvals);
    changes.restored();
    talk.signals.emit('check', context.clock.now());
    this.#isStarted = true;
  }

  /** Calls the listener at each change of a Message, Conversation or Approval. */
  onChange(listener: (kind: VirtualKind, id: string) => void): void {
    this.#parts.talk.onChange(listener);
  }

  /** Opens a link to a run that was started with this spec, unless its output was read to the end. */
  attach(agent: Agent, object: Instance, run: StartedRun, spec: AgentSpec): void {
    this.#parts.links.attach(agent, object, run, spec);
  }

  /** The run has ended: the rest of its output is read within a limit of time, then the link closes. */
  detach(uid: string, startId: string): void {
    this.#parts.links.detach(uid, startId);
  }

  /** Whether the Instance is being stopped. If so, it gets no more messages. */
  setStopping(uid: string, stopping: boolean): void {
    this.#parts.links.setStopping(uid, stopping);
  }

  /** Returns the planner's view of the link to an Instance; see Links. */
  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    return this.#parts.links.view(agent, object, observed);
  }

  activity(object: Instance): Activity | undefined {
    const { uid, namespace = 'default' } = object.metadata;
    const link = this.#parts.talk.links.get(uid);
    const box = this.#parts.talk.box(`${namespace}/${object.spec.agentName}`);
    const waiting = box.waitingFor(uid);
    if (link === undefined) return waiting === 0 ? undefined : { busy: false, waiting };
    const busy = box.current(uid).size > 0;
    const since = Math.max(link.activeAt, Date.parse(object.status?.readySince ?? '') || 0);
    return busy ? { busy, waiting } : { busy, idleSince: since, waiting };
  }

  inbox(agent: Agent): InboxView {
    const box = this.#parts.talk.box(keyText(agent.metadata));
    return { waiting: box.forAnyone, ...this.#parts.prompts.view(agent) };
  }

  /** Returns what may hold the starts and messages of an Agent. */
  gates(agent: Agent): readonly Gate[] {
    return this.#parts.gates(agent);
  }

  /** Returns how many messages wait for an Agent. */
  waiting({ namespace = 'default', name }: { namespace?: string | undefined; name: string }): number {
    return this.#parts.talk.waiting(`${namespace}/${name}`);
  }

  /** Sends one of an Agent's own prompts, once for each name and due time. */
  sendPrompt(agent: Agent, prompt: Prompt): Promise<void> {
    return this.#parts.prompts.send(agent, prompt);
  }

  skipPrompt(agent: Agent, schedule: string, dueAt: Instant): Promise<void> {
    return this.#parts.prompts.skip(agent, schedule, dueAt);
  }

  /** Sends a message of an instance to another Agent. Resolves when it is on disk. Throws ApiError. */
  ask(from: Agent, sender: AgentSender, question: Question): Promise<Message> {
    return this.#parts.routes.send(from, sender, question);
  }

  /** Asks a run to end with a message of its protocol. */
  shutdown(uid: string, run: number): void {
    const link = this.#parts.talk.links.get(uid);
    if (link?.target.run === run) link.connection?.shutdown();
  }

  /** The Agent is gone: a request just before may have created its mailbox again. */
  forget(key: string): void {
    this.#parts.talk.dropBox(key, undefined);
  }

  /** Returns what is in memory: the open messages, the links to runs, and the sizes of the rest. */
  census() {
    const { opens, links, drained } = this.#parts.talk;
    return {
      messages: [...opens.values()].map(({ message, seq, cancellation, thread }) => ({
        ...message,
        seq,
        cancellation,
        current: thread.current?.message.id,
        queued: thread.waiting.length,
      })),
      links: [...links.values()].map(({ target, state }) => ({ ...target, state })),
      mailboxes: [...this.#parts.talk.boxes()].map(([key]) => key),
      drained: drained.size,
    };
  }

  /** Closes conversations that were idle for too long, and removes what ended long ago. */
  async tidy(): Promise<void> {
    if (!this.#isStarted) return;
    const { journal, clock } = this.#parts.context;
    const now = clock.now();
    for (const { id, namespace, agent: name, state, activeAt } of journal.conversations()) {
      const agent = this.#parts.context.agent(`${namespace}/${name}`);
      const { idleTTL } = agent === undefined ? { idleTTL: keep.age } : this.#parts.context.rules(agent);
      const thread =
        state === 'Open' && idleTTL > 0 && activeAt + idleTTL <= now
          ? this.#parts.talk.thread(id)
          : undefined;
      if (thread === undefined || thread.current !== undefined || thread.waiting.length > 0) continue;
      this.#parts.ends.close(thread, 'Idle');
      await this.#parts.talk.writer.write([recordOf(thread)]);
      this.#parts.talk.changed('Conversation', id);
    }
    await journal.prune({
      before: now - keep.age,
      bytes: keep.bytes,
      messages: keep.messages,
      usageBefore: now - keep.usage,
      gone: (gone) => this.#parts.objects.gone(gone),
    });
  }

  /** Stops reading. Resolves when the effects of what was read are written. Agents keep running. */
  async stop(): Promise<void> {
    this.#parts.timers.stop();
    await this.#parts.tools.close();
    const links = [...this.#parts.talk.links.values()];
    const closed = Promise.all(links.map((link) => link.close('the controller ends')));
    const settled = closed.then(() => this.#parts.talk.writer.settle());
    // What does not fit on a full disk is read again by the next controller.
    await endsWithin(this.#parts.context.clock, stopBound, settled);
    this.#parts.talk.writer.stop();
    await settled;
  }
}
