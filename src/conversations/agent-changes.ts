import { beginning } from '../api/cut.ts';
import { type Agent, keyText, type PolicySpec } from '../api/objects.ts';
import { sentence } from '../api/sentence.ts';
import type { NewEvent, Recorder } from '../client/recorder.ts';
import type { Journal } from '../messages/journal.ts';
import { type Envelope, isFinal } from '../messages/message.ts';
import type { Instant } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Meters } from '../platform/meters.ts';
import type { Prompts } from './agent-prompts.ts';
import type { Deliveries } from './deliveries.ts';
import type { Links } from './links.ts';
import { countEnd } from './message-meters.ts';
import type { Turns } from './message-turns.ts';
import { keyOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Caches } from './ports.ts';
import type { Routes } from './routes.ts';
import type { TalkState } from './talk-state.ts';

const idleLook = 1_000;
/** Characters of an error in an Event. */
const mostTold = 1_000;

export interface AgentChangesDeps {
  talkState: TalkState;
  turns: Turns;
  deliveries: Deliveries;
  routes: Routes;
  approvals: Approvals;
  prompts: Prompts;
  links: Links;
  journal: Journal;
  cache: Caches;
  recorder: Recorder;
  clock: Clock;
  meters: Meters;
  policy(agent: Agent): PolicySpec;
  enqueue(key: string, at?: Instant): void;
}

/** What changes of Agents and Instances mean for their messages, and the other way around. */
export class AgentChanges {
  readonly #deps: AgentChangesDeps;
  readonly #talkState: TalkState;
  readonly #turns: Turns;

  constructor(deps: AgentChangesDeps) {
    this.#deps = deps;
    this.#talkState = deps.talkState;
    this.#turns = deps.turns;
    const { approvals, cache, links, prompts, routes } = deps;
    const peers = (): void => routes.peersChanged();
    cache.agents.addHandler({
      added: peers,
      updated: (before, now) => {
        if (before.metadata.generation !== now.metadata.generation) {
          peers();
          approvals.specChanged(keyText(now.metadata));
        }
        if (before.status?.phase !== now.status?.phase) this.#giveUp(now);
      },
      deleted: ({ metadata }) => {
        peers();
        this.#failAll(keyText(metadata), metadata.uid);
        prompts.forget(metadata.uid);
      },
    });
    cache.instances.addHandler({
      added: () => {},
      updated: () => {},
      deleted: (last) => {
        links.gone(last);
        this.#release(last.metadata.uid);
      },
    });
  }

  /** After a restart of the controller: Agents and Instances may have gone meanwhile. */
  restored(): void {
    const { cache, prompts } = this.#deps;
    const lost = new Set<string>();
    for (const { message, thread } of this.#talkState.opens.values()) {
      const uid = thread.record.uid ?? message.uid;
      if (uid !== undefined && this.#talkState.deps.instance(uid) === undefined) lost.add(uid);
    }
    for (const uid of lost) this.#release(uid);
    const uids = new Set(cache.agents.list().map(({ metadata }) => metadata.uid));
    for (const uid of prompts.agents()) if (!uids.has(uid)) prompts.forget(uid);
    for (const key of [...this.#talkState.opens.values()].map(({ message }) => keyOf(message)))
      if (cache.agents.get(key) === undefined) this.#failAll(key);
  }

  /** A run of the Agent has ended and its output was read to the end. */
  drained(key: string): void {
    const agent = this.#deps.cache.agents.get(key);
    if (agent !== undefined) this.#giveUp(agent);
  }

  /** A message has ended, and this is on disk. */
  ended(message: Envelope): void {
    const key = keyOf(message);
    countEnd(this.#deps.meters, message);
    const agent = this.#deps.cache.agents.get(key);
    if (agent !== undefined) this.#deps.recorder.recordEvent(agent, happeningOf(message));
    if (message.uid === undefined) return;
    const status = this.#talkState.deps.instance(message.uid)?.status;
    if (agent === undefined || this.#talkState.box(key).current(message.uid).size > 0) return;
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
    for (const open of this.#talkState.opens.values())
      if (keyOf(open.message) === key && open.message.attempts > 0 && open.message.state === 'Pending')
        this.#turns.finish(open, {
          state: 'Failed',
          reason: 'AgentFailed',
          error: `The turn was interrupted, and the agent is ${phase}: ${agent.status?.message ?? ''}`,
        });
  }

  #release(uid: string): void {
    for (const [key, box] of this.#talkState.boxes()) {
      for (const open of [...box.current(uid)])
        this.#turns.interrupt(open, 'its instance is gone', undefined, { unread: true });
      const threads = box.release(uid);
      if (threads.length === 0) continue;
      const entries = threads.map(({ record }) => ({ type: 'Conversation' as const, conversation: record }));
      this.#talkState.writer.note(entries);
      this.#deps.deliveries.soon(key);
      this.#deps.enqueue(key);
    }
  }

  #failAll(key: string, uid?: string): void {
    for (const open of [...this.#talkState.opens.values()])
      if (keyOf(open.message) === key && !isFinal(open.message.state))
        this.#turns.finish(open, {
          state: 'Failed',
          reason: 'AgentDeleted',
          error: `Agent ${key} was deleted.`,
        });
    const [namespace = '', agent = ''] = key.split('/');
    for (const { id, state } of this.#deps.journal.conversations({ namespace, agent })) {
      const thread = state === 'Open' ? this.#talkState.thread(id) : undefined;
      if (thread === undefined) continue;
      this.#turns.close(thread, 'AgentDeleted');
      this.#talkState.writer.note([{ type: 'Conversation', conversation: thread.record }]);
    }
    this.#talkState.dropBox(key, uid);
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
