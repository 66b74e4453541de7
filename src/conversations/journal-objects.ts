import { agentLabel } from '../api/annotations.ts';
import type { VirtualKind } from '../api/kinds.ts';
import type {
  Approval as ApprovalObject,
  Conversation as ConversationObject,
  Message as MessageObject,
} from '../api/objects.ts';
import {
  costText,
  following,
  type Position,
  reported,
  type VirtualChange,
  type VirtualKinds,
  type VirtualObject,
} from '../api/requests.ts';
import { formatTimeMs } from '../api/time.ts';
import type { Gone, Journal, MessageFilter } from '../messages/journal.ts';
import type { Approval, Conversation, Message, Sender, Spent } from '../messages/message.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

const apiVersion = 'subresources.agentctl.dev/v1';
const remembered = 20_000;
/** Messages that are read from the journal at once. */
const atOnce = 500;

/** The journal's records as objects of the API. */
export class JournalObjects implements VirtualKinds {
  readonly #journal: Journal;
  readonly #base: number;
  #revision: number;
  readonly #revisions = new Map<string, number>();
  readonly #listeners = new Set<(kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void>();
  readonly #log: Log;

  constructor(journal: Journal, clock: Clock, log: Log) {
    this.#journal = journal;
    this.#log = log;
    // Also grows across restarts, unless there is more than one change per microsecond.
    this.#base = clock.now() * 1_000;
    this.#revision = this.#base;
  }

  revision(): number {
    return this.#revision;
  }

  get(
    kind: VirtualKind,
    { namespace, name }: { namespace?: string | undefined; name: string },
  ): VirtualObject | undefined {
    const found = this.#find(kind, name);
    return found?.metadata.namespace === namespace ? found : undefined;
  }

  list(
    kind: VirtualKind,
    namespace?: string,
    after?: Position,
    fields?: ReadonlyMap<string, string>,
  ): Iterable<VirtualObject> {
    const name = fields?.get('metadata.name');
    if (name !== undefined) {
      const found = this.#find(kind, name);
      const isHere = namespace === undefined || found?.metadata.namespace === namespace;
      return following(found !== undefined && isHere ? [found] : [], after);
    }
    const filter = { namespace, agent: fields?.get('spec.agentRef.name') };
    switch (kind) {
      case 'Message':
        return this.#messages({ ...filter, conversation: fields?.get('spec.conversation') }, after);
      case 'Conversation': {
        const counts = this.#journal.counts();
        const all = this.#journal.conversations(filter).map((one) => this.conversation(one, counts));
        return following(all.reverse(), after);
      }
      case 'Approval': {
        const all = this.#journal.approvals(filter).map((one) => this.approval(one));
        return following(all.reverse(), after);
      }
    }
  }

  *#messages(filter: MessageFilter, after?: Position): Generator<VirtualObject> {
    let before = after === undefined ? undefined : { id: after.uid, createdAt: after.createdAt };
    for (;;) {
      const some = this.#journal.messages({ ...filter, before, limit: atOnce });
      for (const message of some) yield this.message(message);
      before = some.at(-1);
      if (some.length < atOnce) return;
    }
  }

  onChange(listener: (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The journal has a new version of this record. */
  changed(kind: VirtualKind, id: string): void {
    this.#revision += 1;
    const key = `${kind}/${id}`;
    const type = this.#revisions.has(key) ? 'MODIFIED' : 'ADDED';
    this.#revisions.delete(key);
    this.#revisions.set(key, this.#revision);
    if (this.#revisions.size > remembered) this.#forget();
    if (this.#listeners.size === 0) return;
    const object = this.#find(kind, id);
    if (object !== undefined) this.#emit(kind, type, object);
  }

  /** The record was removed from the journal. */
  gone(gone: Gone): void {
    this.#revision += 1;
    const key = `${gone.kind}/${gone.record.id}`;
    this.#revisions.set(key, this.#revision);
    if (this.#listeners.size > 0) this.#emit(gone.kind, 'DELETED', this.#object(gone));
    this.#revisions.delete(key);
  }

  /** A listener that throws keeps no change from the others. */
  #emit(kind: VirtualKind, type: VirtualChange, object: VirtualObject): void {
    for (const listener of this.#listeners)
      try {
        listener(kind, type, object);
      } catch (error) {
        this.#log.error({ err: error, kind, name: object.metadata.name }, 'a listener of a change failed');
      }
  }

  message(message: Message): MessageObject {
    const { spent } = message;
    return {
      apiVersion,
      kind: 'Message',
      metadata: this.#metadata('Message', message),
      spec: {
        agentRef: { name: message.agent },
        kind: message.kind,
        from: senderText(message.from),
        conversation: message.conversation,
        text: message.text,
        hops: message.hops,
        expiresAt: formatTimeMs(message.expiresAt),
        ...defined({ key: message.key?.split('/').slice(2).join('/'), parent: message.parent }),
      },
      status: {
        state: message.state,
        attempts: message.attempts,
        tokens: tokensText(spent),
        cost: reported(costText(spent?.cost), spent?.unreported?.cost),
        ...defined({
          reason: message.reason,
          message: message.error,
          instance: message.instance,
          run: message.run,
          answer: message.answer,
          stopReason: message.stopReason,
          deliveredAt: optionalTime(message.deliveredAt),
          endedAt: optionalTime(message.endedAt),
        }),
      },
    };
  }

  conversation(
    conversation: Conversation,
    counts = this.#journal.counts(conversation.id),
  ): ConversationObject {
    const { id, agent, spent } = conversation;
    return {
      apiVersion,
      kind: 'Conversation',
      metadata: this.#metadata('Conversation', conversation),
      spec: { agentRef: { name: agent } },
      status: {
        state: conversation.state,
        messages: counts.get(id) ?? 0,
        tokens: tokensText(spent),
        cost: reported(costText(spent.cost), spent.unreported?.cost),
        activeAt: formatTimeMs(conversation.activeAt),
        ...defined({
          reason: conversation.reason,
          instance: conversation.instance,
          session: conversation.session,
        }),
      },
    };
  }

  approval(approval: Approval): ApprovalObject {
    const { input } = approval;
    return {
      apiVersion,
      kind: 'Approval',
      metadata: this.#metadata('Approval', approval),
      spec: {
        agentRef: { name: approval.agent },
        instance: approval.instance,
        title: approval.title,
        request: approval.request ?? approval.title,
        toolKind: approval.toolKind,
        expiresAt: formatTimeMs(approval.expiresAt),
        ...defined({
          message: approval.message,
          conversation: approval.conversation,
          input: input === undefined ? undefined : JSON.stringify(input),
          options: approval.options?.map((option) => ({ ...option })),
        }),
      },
      status: {
        state: approval.state,
        ...defined({
          by: approval.by,
          message: approval.why,
          option: approval.option,
          decidedAt: optionalTime(approval.decidedAt),
        }),
      },
    };
  }

  #find(kind: VirtualKind, id: string): VirtualObject | undefined {
    const found = this.#record(kind, id);
    return found === undefined ? undefined : this.#object(found);
  }

  #record(kind: VirtualKind, id: string): Gone | undefined {
    const of = <K, R>(of: K, record: R | undefined) => record && { kind: of, record };
    switch (kind) {
      case 'Message':
        return of(kind, this.#journal.message(id));
      case 'Conversation':
        return of(kind, this.#journal.conversation(id));
      case 'Approval':
        return of(kind, this.#journal.approval(id));
    }
  }

  #object(gone: Gone): VirtualObject {
    switch (gone.kind) {
      case 'Message':
        return this.message(gone.record);
      case 'Conversation':
        return this.conversation(gone.record);
      case 'Approval':
        return this.approval(gone.record);
    }
  }

  #metadata(kind: VirtualKind, record: { id: string; namespace: string; agent: string; createdAt: number }) {
    return {
      name: record.id,
      namespace: record.namespace,
      uid: record.id,
      creationTimestamp: formatTimeMs(record.createdAt),
      resourceVersion: String(this.#revisions.get(`${kind}/${record.id}`) ?? this.#base),
      labels: { [agentLabel]: record.agent },
    };
  }

  #forget(): void {
    for (const key of this.#revisions.keys()) {
      if (this.#revisions.size <= remembered / 2) return;
      this.#revisions.delete(key);
    }
  }
}

function senderText(from: Sender): string {
  return from.kind === 'Agent'
    ? `agent:${from.namespace}/${from.name}`
    : `${from.kind.toLowerCase()}:${from.name}`;
}

/** An unreported number is unknown, not zero. */
function tokensText({ inputTokens, outputTokens, totalTokens, unreported }: Spent = {}): string {
  const known = [totalTokens, inputTokens, outputTokens].some((count) => count !== undefined);
  const tokens = totalTokens ?? (inputTokens ?? 0) + (outputTokens ?? 0);
  return reported(known ? tokens : undefined, unreported?.totalTokens);
}

const optionalTime = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : formatTimeMs(at);

/** Returns the fields that are not undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  }; // only undefined fields are left out
}
