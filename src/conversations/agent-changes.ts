import { type Agent, keyText } from '../api/objects.ts';
import { beginning, sentence } from '../api/text.ts';
import type { NewEvent } from '../client/recorder.ts';
import { type Envelope, isFinal } from '../messages/message.ts';
import { metrics } from '../platform/metrics.ts';
import type { Prompts } from './agent-prompts.ts';
import type { Links } from './links.ts';
import { keyOf, recordOf } from './open-message.ts';
import type { Peers } from './peers.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';

const idleLook = 1_000;
const endReasons = metrics.messagesEnded.labels.reason;
/** Characters of an error in an Event. */
const mostText = 1_000;

interface AgentChangesDeps {
  ends: TurnEnds;
  peers: Peers;
  approvals: Approvals;
  prompts: Prompts;
  links: Links;
}

/** What changes of Agents and Instances mean for their messages, and the other way around. */
export class AgentChanges {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #ends: TurnEnds;
  readonly #prompts: Prompts;

  constructor(
    context: Context,
    talk: TalkState,
    { approvals, ends, links, peers, prompts }: AgentChangesDeps,
  ) {
    this.#context = context;
    this.#talk = talk;
    this.#ends = ends;
    this.#prompts = prompts;
    talk.signals.on('drained', (key) => this.#drained(key));
    talk.signals.on('ended', (message) => this.#ended(message));
    const { cache } = context;
    const changed = (): void => peers.changed();
    cache.agents.addHandler({
      added: changed,
      updated: (before, now) => {
        if (before.metadata.generation !== now.metadata.generation) {
          peers.changed();
          approvals.specChanged(keyText(now.metadata));
        }
        if (before.status?.phase !== now.status?.phase) this.#giveUp(now);
      },
      deleted: ({ metadata }) => {
        peers.changed();
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
    const { agents } = this.#context.cache;
    const lost = new Set<string>();
    for (const { message, thread } of this.#talk.opens.values()) {
      const uid = thread.record.uid ?? message.uid;
      if (uid !== undefined && this.#context.instance(uid) === undefined) lost.add(uid);
    }
    for (const uid of lost) this.#release(uid);
    const uids = new Set(agents.list().map(({ metadata }) => metadata.uid));
    for (const uid of this.#prompts.agents()) if (!uids.has(uid)) this.#prompts.forget(uid);
    for (const key of [...this.#talk.opens.values()].map(({ message }) => keyOf(message)))
      if (agents.get(key) === undefined) this.#failAll(key);
  }

  /** A run of the Agent has ended and its output was read to the end. */
  #drained(key: string): void {
    const agent = this.#context.agent(key);
    if (agent !== undefined) this.#giveUp(agent);
  }

  /** A message has ended, and this is on disk. */
  #ended(message: Envelope): void {
    const key = keyOf(message);
    const { meters, recorder } = this.#context;
    const { state, reason, deliveredAt, endedAt } = message;
    const word = state === 'Completed' ? state : reason;
    // Reasons that are not in the table, as of a later protocol, are counted together.
    meters.messagesEnded.inc({ reason: endReasons.find((known) => known === word) ?? 'Other' });
    if (deliveredAt !== undefined && endedAt !== undefined)
      meters.messageTurnSeconds.observe({}, Math.max(0, endedAt - deliveredAt) / 1_000); // the clock may have been set back
    const agent = this.#context.agent(key);
    if (agent !== undefined) recorder.recordEvent(agent, eventOf(message));
    if (message.uid === undefined) return;
    const status = this.#context.instance(message.uid)?.status;
    if (agent === undefined || this.#talk.box(key).current(message.uid).size > 0) return;
    // An update or restart that waited for idle can continue, and the idle time of an OnDemand agent starts now.
    if (status?.outdatedSince !== undefined || status?.restartDueSince !== undefined)
      this.#context.enqueue(key);
    else if (this.#context.policy(agent).mode === 'OnDemand')
      this.#context.enqueue(key, this.#context.clock.now() + idleLook);
    else if ((agent.spec.schedule ?? []).length > 0)
      this.#context.enqueue(key, this.#context.clock.now() + idleLook);
  }

  /** An agent that was given up resumes nothing: the senders of its interrupted messages get an error. */
  #giveUp(agent: Agent): void {
    const phase = agent.status?.phase;
    if (phase !== 'Failed' && phase !== 'Completed') return;
    const key = keyText(agent.metadata);
    for (const open of this.#talk.opens.values())
      if (keyOf(open.message) === key && open.message.attempts > 0 && open.message.state === 'Pending')
        this.#ends.finish(open, {
          state: 'Failed',
          reason: 'AgentFailed',
          error: `The turn was interrupted, and the agent is ${phase}: ${agent.status?.message ?? ''}`,
        });
  }

  #release(uid: string): void {
    for (const [key, box] of this.#talk.boxes()) {
      for (const open of [...box.current(uid)])
        this.#ends.interrupt(open, 'its instance is gone', undefined, { unread: true });
      const threads = box.release(uid);
      if (threads.length === 0) continue;
      this.#talk.writer.note(threads.map(recordOf));
      this.#talk.signals.emit('due', key);
      this.#context.enqueue(key);
    }
  }

  #failAll(key: string, uid?: string): void {
    for (const open of [...this.#talk.opens.values()])
      if (keyOf(open.message) === key && !isFinal(open.message.state))
        this.#ends.finish(open, {
          state: 'Failed',
          reason: 'AgentDeleted',
          error: `Agent ${key} was deleted.`,
        });
    const [namespace = '', agent = ''] = key.split('/');
    for (const { id, state } of this.#context.journal.conversations({ namespace, agent })) {
      const thread = state === 'Open' ? this.#talk.thread(id) : undefined;
      if (thread === undefined) continue;
      this.#ends.close(thread, 'AgentDeleted');
      this.#talk.writer.note([recordOf(thread)]);
    }
    this.#talk.dropBox(key, uid);
  }
}

/** Returns the Event about the end of a message. */
function eventOf({ id, state, reason, error, conversation }: Envelope): NewEvent {
  const which = `Message ${id} of conversation ${conversation}`;
  if (state === 'Completed')
    return { type: 'Normal', reason: 'MessageCompleted', message: `${which} was completed.`, each: true };
  const why = error === undefined ? '' : `: ${sentence(error)}`;
  const how = `${state === 'Expired' ? 'expired' : 'failed'} (${reason ?? state})`;
  return {
    type: 'Warning',
    reason: 'MessageFailed',
    message: beginning(`${which} ${how}${why === '' ? '.' : why}`, mostText),
    each: true,
  };
}
