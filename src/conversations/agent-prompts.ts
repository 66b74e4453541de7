import { type Agent, keyText } from '../api/objects.ts';
import type { Instant } from '../plan/times.ts';
import type { InboxView } from '../plan/world.ts';
import type { Draft } from './drafts.ts';
import type { Marks } from './ledger.ts';
import type { Intake } from './message-intake.ts';
import { keyOf } from './open-message.ts';
import type { TalkState } from './talk-state.ts';

export interface Prompt {
  /** Absent: spec.prompt. */
  schedule?: string | undefined;
  dueAt: Instant;
  text: string;
  conversation: 'New' | 'Same';
}

/** An Agent's own prompts: spec.prompt and those of its schedule. The journal stores the time with the message. */
export class Prompts {
  readonly #talk: TalkState;
  readonly #marks: Marks;
  readonly #intake: Intake;

  constructor(talk: TalkState, marks: Marks, intake: Intake) {
    this.#talk = talk;
    this.#marks = marks;
    this.#intake = intake;
  }

  /** Returns what was sent, and which of these messages have not ended. */
  view(agent: Agent): Pick<InboxView, 'sent' | 'open'> {
    const { schedule = [] } = agent.spec;
    const sent = new Map<string, Instant>();
    const prefix = `prompt/${agent.metadata.uid}/`;
    for (const { name } of [{ name: '' }, ...schedule]) {
      const at = this.#marks.get(prefix + name);
      if (at !== undefined) sent.set(name, at);
    }
    const open = new Set<string>();
    if (schedule.length > 0)
      for (const { message } of this.#talk.opens.values())
        if (message.from.kind === 'Schedule' && keyOf(message) === keyText(agent.metadata))
          open.add(message.from.name);
    return { sent, open };
  }

  /** Sends a prompt, once for each name and due time. */
  async send(agent: Agent, prompt: Prompt): Promise<void> {
    const { uid } = agent.metadata;
    const { schedule, dueAt, text } = prompt;
    const mark = { name: `prompt/${uid}/${schedule ?? ''}`, at: dueAt };
    const draft: Draft = {
      kind: schedule === undefined ? 'Prompt' : 'Scheduled',
      from:
        schedule === undefined
          ? { kind: 'Controller', name: 'prompt' }
          : { kind: 'Schedule', name: schedule },
      text,
      key: `${mark.name}/${schedule === undefined ? '' : dueAt}`,
      conversation: prompt.conversation === 'Same' ? `c-${uid.slice(0, 8)}-${schedule}` : undefined,
      single: schedule !== undefined && prompt.conversation === 'New',
      mark,
    };
    await this.#intake.send(agent, draft);
    this.#marks.noted(mark);
  }

  /** Returns the uids of the Agents for which it is stored when something was sent. */
  agents(): Set<string> {
    const names = this.#marks.names().map((name) => name.split('/'));
    return new Set(names.flatMap(([kind, uid = '']) => (kind === 'prompt' ? [uid] : [])));
  }

  /** The Agent is gone. */
  forget(uid: string): void {
    this.#marks.drop(`prompt/${uid}/`);
  }

  async skip(agent: Agent, schedule: string, dueAt: Instant): Promise<void> {
    const mark = { name: `prompt/${agent.metadata.uid}/${schedule}`, at: dueAt };
    await this.#marks.set([mark]);
  }
}
