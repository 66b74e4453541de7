import { ApiError } from '../../src/api/errors.ts';
import type { VirtualKind } from '../../src/api/kinds.ts';
import {
  type Approval,
  type Conversation,
  keyText,
  type Message,
  type ObjectKey,
} from '../../src/api/objects.ts';
import {
  following,
  type Position,
  type VirtualChange,
  type VirtualKinds,
  type VirtualObject,
} from '../../src/api/requests.ts';
import type {
  AgentUsage,
  Decision,
  MessageApi,
  NewMessage,
  StreamEntry,
  StreamOptions,
  UsageSum,
} from '../../src/client/streams.ts';
import type { TurnEvent } from '../../src/protocols/turn-events.ts';

type Listener = (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void;
type Fields = ReadonlyMap<string, string>;
type Rest<T> = Omit<T, 'apiVersion' | 'kind' | 'metadata'>;

const began = Date.parse('2026-01-31T12:00:00Z');

/** The controller's side of the talk, in memory: what happens to a message is what a test says. One agent, `web`. */
export class ScriptedTalk implements MessageApi, VirtualKinds {
  /** Refuses the next sends. */
  refusal: ApiError | undefined;
  readonly sent: NewMessage[] = [];
  readonly decided: unknown[] = [];
  /** What web's turns have used, and when. */
  readonly used: { at: number; sum: UsageSum }[] = [];
  /** How many streams are read at the moment. */
  reading = 0;
  /** How many entries of streams have been taken. */
  taken = 0;
  #revision: number;
  readonly #objects = new Map<string, VirtualObject>();
  readonly #listeners = new Set<Listener>();
  readonly #entries = new Map<string, (StreamEntry | Error)[]>();
  #wake = Promise.withResolvers<void>();

  constructor(revision = began * 1_000) {
    this.#revision = revision;
  }

  // --- what a test says

  /** Anew, or in place of what has that name. A later one is a second younger. */
  message(name: string, rest: Partial<Rest<Message>> = {}, namespace = 'default'): Message {
    const agentRef = { name: 'web' };
    const known = this.list('Message', namespace).find(({ metadata }) => metadata.name === name);
    const spec: Message['spec'] = known?.spec ?? {
      agentRef,
      kind: 'Chat',
      from: 'user:ann',
      conversation: 'c',
      text: 'hi',
    };
    return this.#put('Message', { namespace, name }, { spec, status: { state: 'Pending' }, ...rest });
  }

  conversation(name: string, status: Conversation['status'] = { state: 'Open' }): Conversation {
    return this.#put(
      'Conversation',
      { namespace: 'default', name },
      { spec: { agentRef: { name: 'web' } }, status },
    );
  }

  approval(
    name: string,
    status: Approval['status'] = { state: 'Pending' },
    more: Partial<Approval['spec']> = {},
  ): Approval {
    const spec = {
      ...more,
      agentRef: { name: 'web' },
      instance: 'web-0',
      title: 'rm -rf',
      request: 'rm -rf',
      toolKind: 'execute',
    };
    return this.#put('Approval', { namespace: 'default', name }, { spec, status });
  }

  remove(kind: VirtualKind, name: string, namespace = 'default'): void {
    const last = this.get(kind, { namespace, name });
    if (last === undefined) throw new Error(`there is no ${kind} ${name}`);
    this.#objects.delete(`${kind}/${namespace}/${name}`);
    const metadata = { ...last.metadata, resourceVersion: String(++this.#revision) };
    this.#tell(kind, 'DELETED', { ...last, metadata });
  }

  /** Events are numbered from 1. */
  tell(message: string, event: TurnEvent): void {
    const entries = this.#of(message);
    const seq = entries.filter((entry) => 'seq' in entry).length + 1;
    this.#add(message, { seq, at: began + seq, event });
  }

  say(message: string, text: string): void {
    this.tell(message, { type: 'text', text });
  }

  state(message: string, state: NonNullable<NonNullable<Message['status']>['state']>): void {
    this.message(message, { status: { state } });
    this.#add(message, { state });
  }

  /** The answer is the message's end. */
  finish(message: string, answer: string): Message {
    return this.end(message, { state: 'Completed', answer });
  }

  end(message: string, status: NonNullable<Message['status']>): Message {
    const end = this.message(message, { status });
    this.#add(message, { end });
    return end;
  }

  /** What reads its stream fails. */
  fail(message: string, error: Error): void {
    this.#add(message, error);
  }

  // --- Streams

  async send(agent: ObjectKey, messages: readonly NewMessage[]): Promise<Message[]> {
    if (this.refusal !== undefined) throw this.refusal;
    if (agent.name !== 'web') throw new ApiError('NotFound', `agents.agentctl.dev "${agent.name}" not found`);
    return messages.map((message) => {
      this.sent.push(message);
      const { text, key, from = 'nobody', conversation = `c${this.sent.length}` } = message;
      const known = this.list('Message').find((one) => key !== undefined && one.spec.key === key);
      if (known !== undefined) return known;
      const spec = {
        agentRef: { name: 'web' },
        kind: 'Chat',
        from,
        conversation,
        text,
        ...(key === undefined ? {} : { key }),
      } as const;
      return this.message(`m${this.sent.length}`, { spec }, agent.namespace);
    });
  }

  async *stream(
    { name, namespace }: ObjectKey,
    { after = 0, follow = true, signal }: StreamOptions,
  ): AsyncGenerator<StreamEntry> {
    if (this.get('Message', { namespace, name }) === undefined)
      throw new ApiError('NotFound', `messages "${name}" not found`);
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve());
    this.reading += 1;
    try {
      for (let next = 0; !signal.aborted; ) {
        const entry = this.#of(name)[next];
        if (entry === undefined) {
          if (!follow) return;
          await Promise.race([this.#wake.promise, aborted]);
          continue;
        }
        next += 1;
        if (entry instanceof Error) throw entry;
        this.taken += 1;
        if (!('seq' in entry) || entry.seq > after) yield entry;
        if ('end' in entry) return;
      }
    } finally {
      this.reading -= 1;
    }
  }

  async change({ namespace, name }: ObjectKey, what: 'retry' | 'cancel'): Promise<Message> {
    const message = this.#existing<Message>('Message', { namespace, name });
    const isFinal = message.status?.state === 'Failed' || message.status?.state === 'Completed';
    if (isFinal !== (what === 'retry'))
      throw new ApiError('Conflict', `message ${name} is ${message.status?.state}`);
    const status =
      what === 'retry'
        ? ({ state: 'Pending' } as const)
        : ({ state: 'Failed', reason: 'Cancelled' } as const);
    return this.message(name, { spec: message.spec, status }, namespace);
  }

  async decide(key: ObjectKey, decision: 'approve' | 'deny', { by, option }: Decision): Promise<Approval> {
    const approval = this.#existing<Approval>('Approval', key);
    if (approval.status?.state !== 'Pending')
      throw new ApiError('Conflict', `approval ${key.name} is decided already`);
    this.decided.push([key.name, decision, by, ...(option === undefined ? [] : [option])]);
    return this.approval(key.name, { state: decision === 'approve' ? 'Approved' : 'Denied', by });
  }

  async closeConversation(key: ObjectKey): Promise<Conversation> {
    this.#existing<Conversation>('Conversation', key);
    return this.conversation(key.name, { state: 'Closed', reason: 'Asked' });
  }

  async usage({ name }: ObjectKey, { since }: { since?: number | undefined }): Promise<AgentUsage[]> {
    if (name !== 'web') throw new ApiError('NotFound', `agents.agentctl.dev "${name}" not found`);
    return this.usageByAgent({ since });
  }

  async usageByAgent({
    namespace = 'default',
    since = 0,
  }: {
    namespace?: string | undefined;
    since?: number | undefined;
  }): Promise<AgentUsage[]> {
    if (namespace !== 'default') return [];
    return this.used.filter(({ at }) => at >= since).map(({ sum }) => ({ namespace, agent: 'web', ...sum }));
  }

  async query(agent: ObjectKey, question: Parameters<MessageApi['query']>[1]): Promise<unknown> {
    if (question.action === 'hang') throw new ApiError('Timeout', `${agent.name} has not answered`);
    return question.action === 'nothing' ? undefined : { agent: agent.name, question };
  }

  // --- VirtualKinds

  /** The fields of the last list. */
  askedFor: Fields | undefined;

  get(kind: VirtualKind, { namespace = 'default', name }: ObjectKey): VirtualObject | undefined {
    return this.#objects.get(`${kind}/${namespace}/${name}`);
  }

  list(kind: 'Message', namespace?: string): readonly Message[];
  list(kind: VirtualKind, namespace?: string, after?: Position, fields?: Fields): readonly VirtualObject[];
  list(kind: VirtualKind, namespace?: string, after?: Position, fields?: Fields): readonly VirtualObject[] {
    this.askedFor = fields;
    const all = [...this.#objects.values()].filter(
      (one) => one.kind === kind && (namespace ?? one.metadata.namespace) === one.metadata.namespace,
    );
    return following(all.reverse(), after);
  }

  /** Whether anybody is told of changes. */
  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  revision(): number {
    return this.#revision;
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #existing<T extends VirtualObject>(kind: T['kind'], key: ObjectKey): T {
    const object = this.get(kind, key);
    if (object === undefined) throw new ApiError('NotFound', `${kind} ${keyText(key)} not found`);
    return object as T; // of that kind
  }

  #put<T extends VirtualObject>(kind: T['kind'], key: Required<ObjectKey>, rest: Rest<T>): T {
    const path = `${kind}/${key.namespace}/${key.name}`;
    const known = this.#objects.get(path);
    const metadata = {
      ...key,
      namespace: key.namespace ?? 'default',
      uid: known?.metadata.uid ?? `uid-${path}`,
      creationTimestamp:
        known?.metadata.creationTimestamp ?? new Date(began + this.#objects.size * 1000).toISOString(),
      resourceVersion: String(++this.#revision),
      labels: { 'agentctl.dev/agent': 'web' },
    };
    const object = { apiVersion: 'subresources.agentctl.dev/v1', kind, metadata, ...rest } as unknown as T; // the parts of one
    this.#objects.set(path, object);
    this.#tell(kind, known === undefined ? 'ADDED' : 'MODIFIED', object);
    return object;
  }

  #tell(...change: Parameters<Listener>): void {
    for (const listener of this.#listeners) listener(...change);
  }

  #of(message: string): (StreamEntry | Error)[] {
    const known = this.#entries.get(message);
    if (known !== undefined) return known;
    const made: (StreamEntry | Error)[] = [];
    this.#entries.set(message, made);
    return made;
  }

  #add(message: string, entry: StreamEntry | Error): void {
    this.#of(message).push(entry);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
