import { beginning } from '../api/cut.ts';
import { ApiError } from '../api/errors.ts';
import { type Agent, type Instance, keyText, type ObjectKey, type PolicySpec } from '../api/objects.ts';
import { protocolsThat } from '../api/protocols.ts';
import { sentence } from '../api/sentence.ts';
import type { Fleet } from '../client/fleet.ts';
import type { NewEvent, Recorder } from '../client/recorder.ts';
import type { NewMessage, StreamEntry, StreamOptions } from '../client/streams.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Journal } from '../messages/journal.ts';
import { type AgentUsage, type Envelope, isFinal, type Message, type Sender } from '../messages/message.ts';
import type { Plan } from '../plan/action.ts';
import { heldGate } from '../plan/gates.ts';
import type { Activity, Gate, InboxView, Instant, Observed, TalkView, World } from '../plan/world.ts';
import { type Clock, endsWithin } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Meters } from '../platform/meters.ts';
import { Approvals } from './approvals.ts';
import { Deliveries } from './deliveries.ts';
import { Intake } from './intake.ts';
import { Links } from './links.ts';
import { countEnd } from './message-meters.ts';
import { JournalObjects } from './objects.ts';
import type { Asking, Caches, Tools } from './ports.ts';
import { Prompts } from './prompts.ts';
import { Routes } from './routes.ts';
import { type Rules, rulesOf } from './rules.ts';
import { follow } from './stream.ts';
import { keyOf, TalkState } from './talk-state.ts';
import { Timers } from './timers.ts';
import { Turns } from './turns.ts';

const idleLook = 1_000;
const stopBound = 5_000;
/** Characters of an error in an Event. */
const mostTold = 1_000;
const day = 86_400_000;
/** How long ended messages are kept, and how many bytes and messages at most. Usage is kept longer. */
const keep = { age: day, bytes: 1 << 30, messages: 500_000, usage: 90 * day };

export interface TalkDeps {
  journal: Journal;
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

/** All communication with agents: their messages, and the pipes of their runs. */
export class Talk {
  readonly objects: JournalObjects;
  readonly talkState: TalkState;
  readonly turns: Turns;
  readonly routes: Routes;
  readonly approvals: Approvals;
  readonly intake: Intake;
  readonly prompts: Prompts;
  readonly #deps: TalkDeps;
  readonly #timers: Timers;
  readonly #links: Links;
  readonly #deliveries: Deliveries;

  constructor(deps: TalkDeps) {
    this.#deps = deps;
    const { cache, clock, journal } = deps;
    const agent = (key: string): Agent | undefined => cache.agents.get(key);
    const loaded = journal.load();
    this.objects = new JournalObjects(journal, clock);
    this.talkState = new TalkState(
      {
        ...deps,
        agent,
        instance: (uid) => cache.instances.byIndex('uid', uid)[0],
        rules: (of) => this.#rules(of),
      },
      loaded,
    );
    deps.meters.mailboxMessages.read(() =>
      cache.agents
        .list()
        .filter(({ spec }) => spec.protocol !== 'none')
        .map(({ metadata: { namespace = 'default', name } }) => [
          { namespace, agent: name },
          this.waiting({ namespace, name }),
        ]),
    );
    this.talkState.onChange((kind, id) => this.objects.changed(kind, id));
    this.turns = new Turns({
      talkState: this.talkState,
      agent,
      due: (key) => this.#deliveries.soon(key),
      accountFails: (link, fault) => this.#links.accountFails(link, fault),
      abandoned: () => this.#timers.wake(clock.now() + idleLook),
      ended: (message) => this.#ended(message),
      over: (message, reason) => this.approvals.withdrawOf(message, reason),
    });
    this.#deliveries = new Deliveries({
      talkState: this.talkState,
      turns: this.turns,
      agent,
      isHeld: (of) => heldGate({ gates: this.gates(of), now: clock.now() }) !== undefined,
      begun: (of) => this.#timers.wake(clock.now() + this.#rules(of).inactivityTimeout),
    });
    this.intake = new Intake({
      talkState: this.talkState,
      admitted: (key) => this.#admitted(key),
      refused: (open, end) => this.turns.finish(open, end),
    });
    this.prompts = new Prompts(this.talkState, this.intake);
    this.routes = new Routes(
      { talkState: this.talkState, intake: this.intake, agent, agents: () => cache.agents.list() },
      loaded.unanswered,
    );
    this.approvals = new Approvals(
      {
        talkState: this.talkState,
        spec: (key) => agent(key)?.spec,
        record: (link, newEvent) => {
          const about = this.talkState.deps.instance(link.target.uid);
          if (about !== undefined) deps.recorder.recordEvent(about, newEvent);
        },
        controlsChanged: (link) => deps.enqueue(keyOf(link.target)),
      },
      loaded.approvals,
    );
    const { talkState, turns, routes, approvals } = this;
    const drained = (key: string): void => {
      const of = agent(key);
      if (of !== undefined) this.#giveUp(of);
    };
    this.#links = new Links(
      { ...deps, talkState, turns, deliveries: this.#deliveries, routes, approvals, drained },
      loaded.links,
    );
    this.#timers = new Timers(this.talkState, this.turns, agent);
    this.#timers.wake(clock.now());
    const peers = (): void => this.routes.peersChanged();
    cache.agents.addHandler({
      added: peers,
      updated: (before, now) => {
        if (before.metadata.generation !== now.metadata.generation) {
          peers();
          this.approvals.specChanged(keyText(now.metadata));
        }
        if (before.status?.phase !== now.status?.phase) this.#giveUp(now);
      },
      deleted: (last) => {
        peers();
        this.#deleted(last);
      },
    });
    cache.instances.addHandler({
      added: () => {},
      updated: () => {},
      deleted: (last) => {
        this.#links.gone(last);
        this.#release(last.metadata.uid);
      },
    });
  }

  /** Call this when the caches are synced. Messages of instances that are gone go to other instances. */
  start(): void {
    this.turns.restored();
    this.approvals.restored();
    const lost = new Set<string>();
    for (const { message, thread } of this.talkState.opens.values()) {
      const uid = thread.record.uid ?? message.uid;
      if (uid !== undefined && this.talkState.deps.instance(uid) === undefined) lost.add(uid);
    }
    for (const uid of lost) this.#release(uid);
    const uids = new Set(this.#deps.cache.agents.list().map(({ metadata }) => metadata.uid));
    for (const uid of this.prompts.agents()) if (!uids.has(uid)) this.prompts.forget(uid);
    for (const key of [...this.talkState.opens.values()].map(({ message }) => keyOf(message)))
      if (this.#deps.cache.agents.get(key) === undefined) this.#failAll(key);
  }

  attend(world: World, plan: Plan): void {
    this.#links.attend(world, plan);
  }

  view(agent: Agent, object: Instance, observed: readonly Observed[] | 'Unknown'): TalkView | undefined {
    return this.#links.view(agent, object, observed);
  }

  activity(object: Instance): Activity | undefined {
    const { uid, namespace = 'default' } = object.metadata;
    const link = this.talkState.links.get(uid);
    const box = this.talkState.box(`${namespace}/${object.spec.agentName}`);
    const waiting = box.waitingFor(uid);
    if (link === undefined) return waiting === 0 ? undefined : { busy: false, waiting };
    const busy = box.current(uid).size > 0;
    const since = Math.max(link.activeAt, Date.parse(object.status?.readySince ?? '') || 0);
    return busy ? { busy, waiting } : { busy, idleSince: since, waiting };
  }

  inbox(agent: Agent): InboxView {
    const box = this.talkState.box(keyText(agent.metadata));
    return { waiting: box.forAnyone, ...this.prompts.view(agent) };
  }

  /** Returns what may hold the starts and messages of an Agent. */
  gates(agent: Agent): readonly Gate[] {
    const quota = this.#links.quotaGate(agent);
    const others = this.#deps.gates?.(agent) ?? [];
    return quota === undefined ? others : [quota, ...others];
  }

  /** Returns how many messages wait for an Agent. */
  waiting({ namespace = 'default', name }: { namespace?: string | undefined; name: string }): number {
    return this.talkState.waiting(`${namespace}/${name}`);
  }

  async send(agent: Agent, newMessages: readonly NewMessage[]): Promise<Message[]> {
    return this.intake.sendAll(
      agent,
      newMessages.map(({ from = 'user', ...newMessage }) => ({
        ...newMessage,
        kind: 'Chat',
        from: { kind: 'User', name: from },
      })),
    );
  }

  stream(key: ObjectKey, options: StreamOptions): AsyncIterable<StreamEntry> {
    return follow(this.talkState, this.objects, this.message(key), options);
  }

  usage(filter: {
    namespace?: string | undefined;
    agent?: string;
    since?: number | undefined;
  }): AgentUsage[] {
    return this.#deps.journal.usageByModel(filter);
  }

  async cancel(key: ObjectKey): Promise<Message> {
    const message = this.message(key);
    const open = this.talkState.opens.get(message.id);
    if (open === undefined)
      throw new ApiError('Conflict', `Message ${message.id} is already ${message.state}.`);
    this.turns.cancel(open, { reason: 'Cancelled', message: 'It was cancelled.' });
    await this.talkState.writer.settle();
    return this.message(key);
  }

  async retry(key: ObjectKey): Promise<Message> {
    const message = this.message(key);
    if (message.state !== 'Failed' && message.state !== 'Expired')
      throw new ApiError(
        'Conflict',
        `Message ${message.id} is ${message.state}: only a message that failed or expired can be sent again.`,
      );
    const agent = this.#deps.cache.agents.get(keyOf(message));
    if (agent === undefined)
      throw new ApiError('Conflict', `Agent ${message.agent} of message ${message.id} is gone.`);
    await this.intake.retry(message, this.#rules(agent).timeout);
    return this.message(key);
  }

  /** Returns a message. Throws ApiError NotFound. With `sender`, messages of others count as not found. */
  message({ namespace, name }: ObjectKey, sender?: Sender): Message {
    const message = this.#deps.journal.message(name);
    const isTheirs = sender === undefined || this.talkState.isSameAgent(message?.from, sender);
    if (message?.namespace !== namespace || message === undefined || !isTheirs)
      throw new ApiError('NotFound', `messages "${name}" not found`);
    return message;
  }

  async closeConversation({ namespace, name }: ObjectKey): Promise<void> {
    const thread = this.talkState.thread(name);
    if (thread?.record.namespace !== namespace || thread === undefined)
      throw new ApiError('NotFound', `conversations "${name}" not found`);
    for (const open of [...thread.waiting, ...(thread.current === undefined ? [] : [thread.current])])
      this.turns.cancel(open, { reason: 'Cancelled', message: 'Its conversation was closed.' });
    if (thread.record.state === 'Open') this.turns.close(thread, 'ByRequest');
    await this.talkState.writer.write([{ type: 'Conversation', conversation: thread.record }]);
    this.talkState.changed('Conversation', name);
  }

  async query(
    agent: Agent,
    question: { action: string; params?: unknown; timeout?: number | undefined },
  ): Promise<unknown> {
    if (agent.spec.protocol === 'none')
      throw new ApiError(
        'BadRequest',
        `Agent ${keyText(agent.metadata)} has no protocol, so it cannot answer queries. Set spec.protocol to ${protocolsThat('queries')}.`,
      );
    for (const link of this.talkState.links.values())
      if (
        link.state === 'Ready' &&
        !link.stopping &&
        keyOf(link.target) === keyText(agent.metadata) &&
        link.connection !== undefined
      )
        return link.connection.query(question.action, question.params, {
          timeout: question.timeout ?? 30_000,
        });
    throw new ApiError('ServiceUnavailable', `No instance of Agent ${keyText(agent.metadata)} is Ready.`);
  }

  /** Asks a run to end with a message of its protocol. */
  shutdown(uid: string, run: number): void {
    const link = this.talkState.links.get(uid);
    if (link?.target.run === run) link.connection?.shutdown();
  }

  /** A run has connected to the tools. */
  toolsSeen({ uid, run }: { uid: string; run: number }): void {
    const link = this.talkState.links.get(uid);
    if (link?.target.run === run) link.toolsSeen();
  }

  /** Closes conversations that were idle for too long, and removes what ended long ago. */
  async tidy(): Promise<void> {
    const { journal, cache, clock } = this.#deps;
    const now = clock.now();
    for (const { id, namespace, agent: name, state, activeAt } of journal.conversations()) {
      const agent = cache.agents.get(`${namespace}/${name}`);
      const { idleTTL } = agent === undefined ? { idleTTL: keep.age } : this.#rules(agent);
      const thread =
        state === 'Open' && idleTTL > 0 && activeAt + idleTTL <= now ? this.talkState.thread(id) : undefined;
      if (thread === undefined || thread.current !== undefined || thread.waiting.length > 0) continue;
      this.turns.close(thread, 'Idle');
      await this.talkState.writer.write([{ type: 'Conversation', conversation: thread.record }]);
      this.talkState.changed('Conversation', id);
    }
    await journal.prune({
      before: now - keep.age,
      bytes: keep.bytes,
      messages: keep.messages,
      usageBefore: now - keep.usage,
      gone: (gone) => this.objects.gone(gone),
    });
  }

  /** Stops reading. Resolves when the effects of what was read are written. Agents keep running. */
  async stop(): Promise<void> {
    this.#timers.stop();
    await this.#deps.tools.close();
    const links = [...this.talkState.links.values()];
    const closed = Promise.all(links.map((link) => link.close('the controller ends')));
    const settled = closed.then(() => this.talkState.writer.settle());
    // What does not fit on a full disk is read again by the next controller.
    await endsWithin(this.#deps.clock, stopBound, settled);
    this.talkState.writer.stop();
    await settled;
  }

  /** A message was accepted: a free instance gets it now. Otherwise the planner may have to wake one. */
  #admitted(key: string): void {
    const box = this.talkState.box(key);
    this.#deliveries.dispatch(key);
    this.#timers.wake(this.#deps.clock.now() + idleLook);
    if (box.waiting > 0) this.#deps.enqueue(key);
  }

  #ended(message: Envelope): void {
    const key = keyOf(message);
    countEnd(this.#deps.meters, message);
    this.approvals.withdrawOf(message.id, message.reason);
    this.routes.ended(message);
    const agent = this.#deps.cache.agents.get(key);
    if (agent !== undefined) this.#deps.recorder.recordEvent(agent, happeningOf(message));
    if (message.uid === undefined) return;
    const status = this.talkState.deps.instance(message.uid)?.status;
    if (agent === undefined || this.talkState.box(key).current(message.uid).size > 0) return;
    // An update or restart that waited for idle can continue, and the idle time of an OnDemand agent starts now.
    if (status?.outdatedSince !== undefined || status?.restartDueSince !== undefined) this.#deps.enqueue(key);
    else if (this.#deps.policy(agent).mode === 'OnDemand')
      this.#deps.enqueue(key, this.#deps.clock.now() + idleLook);
    else if ((agent.spec.schedule ?? []).length > 0)
      this.#deps.enqueue(key, this.#deps.clock.now() + idleLook);
  }

  /** An agent that was given up resumes nothing: the senders of its interrupted messages get an error. */
  #giveUp(agent: Agent): void {
    const phase = agent.status?.phase;
    if (phase !== 'Failed' && phase !== 'Completed') return;
    const key = keyText(agent.metadata);
    for (const open of this.talkState.opens.values())
      if (keyOf(open.message) === key && open.message.attempts > 0 && open.message.state === 'Pending')
        this.turns.finish(open, {
          state: 'Failed',
          reason: 'AgentFailed',
          error: `The turn was interrupted, and the agent is ${phase}: ${agent.status?.message ?? ''}`,
        });
  }

  #release(uid: string): void {
    for (const [key, box] of this.talkState.boxes()) {
      for (const open of [...box.current(uid)])
        this.turns.interrupt(open, 'its instance is gone', undefined, { unread: true });
      const threads = box.release(uid);
      if (threads.length === 0) continue;
      const entries = threads.map(({ record }) => ({ type: 'Conversation' as const, conversation: record }));
      this.talkState.writer.note(entries);
      this.#deliveries.soon(key);
      this.#deps.enqueue(key);
    }
  }

  /** The Agent is gone: a request just before may have created its mailbox again. */
  forget(key: string): void {
    this.talkState.dropBox(key, undefined);
  }

  #deleted(agent: Agent): void {
    this.#failAll(keyText(agent.metadata), agent.metadata.uid);
    this.prompts.forget(agent.metadata.uid);
  }

  #failAll(key: string, uid?: string): void {
    for (const open of [...this.talkState.opens.values()])
      if (keyOf(open.message) === key && !isFinal(open.message.state))
        this.turns.finish(open, {
          state: 'Failed',
          reason: 'AgentDeleted',
          error: `Agent ${key} was deleted.`,
        });
    const [namespace = '', agent = ''] = key.split('/');
    for (const { id, state } of this.#deps.journal.conversations({ namespace, agent })) {
      const thread = state === 'Open' ? this.talkState.thread(id) : undefined;
      if (thread === undefined) continue;
      this.turns.close(thread, 'AgentDeleted');
      this.talkState.writer.note([{ type: 'Conversation', conversation: thread.record }]);
    }
    this.talkState.dropBox(key, uid);
  }

  #rules(agent: Agent): Rules {
    return rulesOf(agent.spec, this.#deps.policy(agent));
  }
}

/** Returns the Event about the end of a message. */
function happeningOf({ id, state, reason, error, conversation }: Envelope): NewEvent {
  const which = `Message ${id} of conversation ${conversation}`;
  if (state === 'Completed')
    return { type: 'Normal', reason: 'MessageCompleted', message: `${which} was completed.`, each: true };
  const why = error === undefined ? '' : `: ${sentence(error)}`;
  const how = `${state === 'Expired' ? 'expired' : 'failed'} (${reason ?? state})`;
  return {
    type: 'Warning',
    reason: 'MessageFailed',
    message: beginning(`${which} ${how}${why === '' ? '.' : why}`, mostTold),
    each: true,
  };
}
