import { type Agent, keyText } from '../api/objects.ts';
import { beginning, sentence } from '../api/text.ts';
import type { NewEvent } from '../client/recorder.ts';
import { type Envelope, isFinal } from '../messages/message.ts';
import type { Prompts } from './agent-prompts.ts';
import type { Links } from './links.ts';
import { countEnd } from './message-meters.ts';
import type { Turns } from './message-turns.ts';
import { keyOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Context } from './ports.ts';
import type { Routes } from './routes.ts';
import type { TalkState } from './talk-state.ts';

const idleLook = 1_000;
/** Characters of an error in an Event. */
const mostTold = 1_000;

interface AgentChangesDeps {
  turns: Turns;
  routes: Routes;
  approvals: Approvals;
  prompts: Prompts;
  links: Links;
}

/** What changes of Agents and Instances mean for their messages, and the other way around. */
export class AgentChanges {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #turns: Turns;
  readonly #prompts: Prompts;

  constructor(
    context: Context,
    talk: TalkState,
    { approvals, links, prompts, routes, turns }: AgentChangesDeps,
  ) {
    this.#context = context;
    this.#talk = talk;
    this.#turns = turns;
    this.#prompts = prompts;
    talk.signals.on('drained', (key) => this.#drained(key));
    talk.signals.on('ended', (message) => this.#ended(message));
    const { cache } = context;
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
    countEnd(this.#context.meters, message);
    const agent = this.#context.agent(key);
    if (agent !== undefined) this.#context.recorder.recordEvent(agent, happeningOf(message));
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
        this.#turns.finish(open, {
          state: 'Failed',
          reason: 'AgentFailed',
          error: `The turn was interrupted, and the agent is ${phase}: ${agent.status?.message ?? ''}`,
        });
  }

  #release(uid: string): void {
    for (const [key, box] of this.#talk.boxes()) {
      for (const open of [...box.current(uid)])
        this.#turns.interrupt(open, 'its instance is gone', undefined, { unread: true });
      const threads = box.release(uid);
      if (threads.length === 0) continue;
      const entries = threads.map(({ record }) => ({ type: 'Conversation' as const, conversation: record }));
      this.#talk.writer.note(entries);
      this.#talk.signals.emit('due', key);
      this.#context.enqueue(key);
    }
  }

  #failAll(key: string, uid?: string): void {
    for (const open of [...this.#talk.opens.values()])
      if (keyOf(open.message) === key && !isFinal(open.message.state))
        this.#turns.finish(open, {
          state: 'Failed',
          reason: 'AgentDeleted',
          error: `Agent ${key} was deleted.`,
        });
    const [namespace = '', agent = ''] = key.split('/');
    for (const { id, state } of this.#context.journal.conversations({ namespace, agent })) {
      const thread = state === 'Open' ? this.#talk.thread(id) : undefined;
      if (thread === undefined) continue;
      this.#turns.close(thread, 'AgentDeleted');
      this.#talk.writer.note([{ type: 'Conversation', conversation: thread.record }]);
    }
    this.#talk.dropBox(key, uid);
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
