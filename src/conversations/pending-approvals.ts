import { createHash } from 'node:crypto';
import { ApiError } from '../api/errors.ts';
import { askedText, cut } from '../api/text.ts';
import type { Entry } from '../messages/journal.ts';
import type { Approval } from '../messages/message.ts';
import { optionFor, type Permission, type PermissionOption, requestText } from '../protocols/turn-events.ts';
import { actionFor, approvalTimeout, type Enforcement } from './enforcement.ts';
import type { Link } from './link.ts';
import { keyOf, type Open } from './open-message.ts';
import type { Context } from './ports.ts';
import type { TalkState } from './talk-state.ts';

const mostInput = 16_384;
const mostText = 1_000;
/** Pending requests of one Instance. More are denied. */
const mostWaiting = 100;

type Decided = Exclude<Approval['state'], 'Pending'>;

/** Requests of agents to use a tool: decided by the spec, or by people. */
export class Approvals {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #enforcement: Enforcement;
  /** Pending approvals, with a function that stops their timer. */
  readonly #waiting = new Map<string, { approval: Approval; cancel: () => void }>();
  /** Number of pending approvals of each Instance, by its uid. */
  readonly #counts = new Map<string, number>();

  constructor(context: Context, talk: TalkState, enforcement: Enforcement) {
    this.#context = context;
    this.#talk = talk;
    this.#enforcement = enforcement;
    talk.signals.on('ended', ({ id, reason }) => this.#withdrawOf(id, reason));
    talk.signals.on('turnOver', (message, reason) => this.#withdrawOf(message, reason));
  }

  asked(link: Link, open: Open | undefined, permission: Permission): void {
    const spec = this.#context.agent(keyOf(link.target))?.spec;
    if (spec === undefined) {
      this.#answer(link, permission.id, 'Cancelled');
      return;
    }
    this.#enforcement.asks(link);
    const { toolKind: kind, guessed } = permission;
    const action = actionFor(spec, { kind, guessed });
    if (action === 'Ask') {
      this.#put(link, open, permission, approvalTimeout(spec));
      return;
    }
    this.#answer(link, permission.id, action);
    const state = action === 'Allow' ? 'Approved' : 'Denied';
    if (open !== undefined) link.push(this.#event(open, this.#about(link, permission), state));
  }

  /** After a restart of the controller: sends decisions that the agent may not have received. */
  reconnected(link: Link): void {
    for (const approval of this.#enforcement.reconnected(link))
      if (
        approval.state !== 'Pending' &&
        approval.told !== true &&
        (approval.message === undefined || this.#talk.opens.has(approval.message))
      )
        this.#sendDecision(link, approval);
  }

  /**
   * Decides a pending approval. `option` replaces the default option. Throws ApiError NotFound, Conflict or BadRequest.
   */
  async decide(
    id: string,
    namespace: string,
    state: 'Approved' | 'Denied',
    { by, option }: { by: string; option?: string | undefined },
  ): Promise<void> {
    const waiting = this.#waiting.get(id);
    const known = waiting?.approval ?? this.#context.journal.approval(id);
    if (known?.namespace !== namespace) throw new ApiError('NotFound', `approvals "${id}" not found`);
    if (waiting === undefined) {
      const now = known.state === 'Pending' ? 'decided' : known.state;
      throw new ApiError(
        'Conflict',
        `Approval ${id} is ${now} already${known.by === undefined ? '' : `, by ${known.by}`}.`,
      );
    }
    await this.#settle(waiting.approval, state, { by, option: chosen(waiting.approval, state, option) });
  }

  /** The spec of an Agent changed: settles the approvals that its permissions now decide without people. */
  specChanged(agent: string): void {
    const spec = this.#context.agent(agent)?.spec;
    if (spec === undefined) return;
    for (const { approval } of [...this.#waiting.values()]) {
      if (keyOf(approval) !== agent) continue;
      const { toolKind: kind, guessed } = approval;
      const action = actionFor(spec, { kind, guessed: guessed === false ? undefined : true });
      if (action === 'Ask') continue;
      const state = action === 'Allow' ? 'Approved' : 'Denied';
      const why = `The Agent's permissions were changed: ${action} for tools of the kind ${kind}.`;
      const option = optionFor(approval.options ?? [], action);
      void this.#settle(approval, state, { by: 'spec.permissions', why, option });
    }
  }

  /** Ends approvals whose answer nobody waits for any more. */
  withdraw(which: (approval: Approval) => boolean, state: 'Cancelled' | 'Expired' = 'Cancelled'): void {
    for (const { approval } of [...this.#waiting.values()])
      if (which(approval)) void this.#settle(approval, state, { isWithdrawn: true });
  }

  /** Ends the approvals of a message that has ended, or whose turn was cancelled or is over. */
  #withdrawOf(message: string, reason: string | undefined): void {
    this.withdraw(
      (approval) => approval.message === message,
      reason === 'Cancelled' ? 'Cancelled' : 'Expired',
    );
  }

  /** After a restart of the controller: the ends of messages and instances may not have reached their approvals. */
  restore(loaded: readonly Approval[]): void {
    const { journal } = this.#context;
    for (const approval of loaded) this.#wait(approval);
    for (const { approval } of [...this.#waiting.values()]) {
      const { message, uid, run } = approval;
      const open = this.#talk.opens.get(message ?? '');
      if (message !== undefined && open === undefined)
        this.#withdrawOf(message, journal.message(message)?.reason);
      else if (open?.cancellation !== undefined) this.#withdrawOf(open.message.id, open.cancellation.reason);
      else {
        const isOver = open !== undefined && (open.message.state === 'Pending' || open.message.run !== run);
        if (isOver || this.#context.instance(uid) === undefined) this.withdraw((one) => one === approval);
      }
    }
    for (const agent of new Set([...this.#waiting.values()].map(({ approval }) => keyOf(approval))))
      this.specChanged(agent);
  }

  #put(link: Link, open: Open | undefined, permission: Permission, timeout: number): void {
    const id = this.#idOf(link, permission);
    if (this.#waiting.has(id) || this.#context.journal.approval(id) !== undefined) return; // read a second time
    const { namespace, agent, instance, uid, run } = link.target;
    if ((this.#counts.get(uid) ?? 0) >= mostWaiting) {
      this.#answer(link, permission.id, 'Deny');
      const about = this.#about(link, permission);
      const title = `${about.title} (${mostWaiting} others wait for a decision already)`;
      if (open !== undefined) link.push(this.#event(open, { ...about, title }, 'Denied'));
      this.#context.record(link.target.uid, {
        type: 'Warning',
        reason: 'TooManyApprovals',
        message: `${mostWaiting} of its requests wait for a decision: further ones are denied until some are decided.`,
      });
      return;
    }
    const now = this.#context.clock.now();
    const approval: Approval = {
      ...this.#about(link, permission),
      namespace,
      agent,
      instance,
      uid,
      run,
      permission: permission.id,
      toolCall: permission.toolCallId,
      message: open?.message.id,
      conversation: open?.message.conversation,
      toolKind: short(permission.toolKind),
      guessed: permission.guessed === true,
      input: bounded(permission.input),
      options: permission.options,
      state: 'Pending',
      createdAt: now,
      expiresAt: now + timeout,
    };
    this.#wait(approval);
    const entries: Entry[] = [{ type: 'Approval', approval }];
    if (open !== undefined) entries.push(...this.#event(open, approval, 'Pending'));
    link.push(entries, () => this.#talk.changed('Approval', id));
    const message = `It asks for permission: ${askedText(approval)}. Decide with agentctl approve ${id} or agentctl deny ${id}.`;
    this.#context.record(link.target.uid, { type: 'Normal', reason: 'ApprovalNeeded', message });
  }

  #wait(approval: Approval): void {
    const { clock } = this.#context;
    const left = Math.min(Math.max(0, approval.expiresAt - clock.now()), 2_147_483_647);
    const cancel = clock.after(left, () => void this.#settle(approval, 'Expired', {}));
    this.#waiting.set(approval.id, { approval, cancel });
    this.#counts.set(approval.uid, (this.#counts.get(approval.uid) ?? 0) + 1);
  }

  /** Journals a decision, then sends it to the agent. `isWithdrawn`: nobody waits for the answer. */
  async #settle(
    approval: Approval,
    state: Decided,
    {
      by,
      why,
      option,
      isWithdrawn = false,
    }: { by?: string; why?: string; option?: PermissionOption | undefined; isWithdrawn?: boolean },
  ): Promise<void> {
    const { id, uid } = approval;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    waiting.cancel();
    this.#waiting.delete(id);
    const left = (this.#counts.get(uid) ?? 1) - 1;
    if (left > 0) this.#counts.set(uid, left);
    else this.#counts.delete(uid);
    const { clock, log } = this.#context;
    const settled: Approval = { ...approval, state, by, why, option: option?.id, decidedAt: clock.now() };
    const entries: Entry[] = [{ type: 'Approval', approval: settled }];
    const open = this.#talk.opens.get(approval.message ?? '');
    if (open !== undefined) entries.push(...this.#event(open, approval, state));
    try {
      await this.#talk.writer.write(entries);
    } catch (error) {
      log.error({ err: error, approval: id }, 'a decision was not journalled');
      return;
    }
    this.#talk.changed('Approval', id);
    const link = this.#talk.links.get(uid);
    if (link?.target.run === approval.run) this.#sendDecision(link, settled, isWithdrawn);
  }

  /** Sends a decision. Records when it is in the agent's pipe, so that it is never sent again. */
  #sendDecision(link: Link, approval: Approval, isWithdrawn = false): void {
    const { state, permission, option } = approval;
    const { connection } = link;
    if (connection === undefined) return; // it is sent once there is a connection
    // The turn was cancelled, so an earlier decision no longer applies.
    const broken = this.#talk.opens.get(approval.message ?? '')?.cancellation !== undefined;
    const decision =
      isWithdrawn || broken || state === 'Cancelled' ? 'Cancelled' : state === 'Approved' ? 'Allow' : 'Deny';
    connection.decide(permission, decision, option).then(
      () => this.#talk.writer.note([{ type: 'Approval', approval: { ...approval, told: true } }]),
      (error: unknown) => this.#unanswered(error),
    );
  }

  #answer(link: Link, permission: string, decision: 'Allow' | 'Deny' | 'Cancelled'): void {
    link.connection?.decide(permission, decision).catch((error: unknown) => this.#unanswered(error));
  }

  /** The run has ended, so nobody waits for the answer. */
  #unanswered(error: unknown): void {
    this.#context.log.debug({ err: error }, 'an answer did not reach the agent');
  }

  #about(link: Link, permission: Permission): Pick<Approval, 'id' | 'title' | 'request'> {
    const request = requestText(permission.input);
    return { id: this.#idOf(link, permission), title: short(permission.title), request };
  }

  #event(
    open: Open,
    { id, title, request }: Pick<Approval, 'id' | 'title' | 'request'>,
    state: Approval['state'],
  ): Entry[] {
    const about = request === undefined ? { title } : { title, request };
    return this.#talk.events.add(open, { type: 'approval', id, ...about, state });
  }

  /** Returns the same id if the request is read again. */
  #idOf({ target }: Link, permission: Permission): string {
    const hash = createHash('sha256').update(`${target.uid}/${target.run}/${permission.id}`).digest('hex');
    return `p-${hash.slice(0, 10)}`;
  }
}

/** Returns the option that answers a decision: the one with this id or name, or else the default. */
function chosen(
  { id, options = [] }: Approval,
  state: 'Approved' | 'Denied',
  named: string | undefined,
): PermissionOption | undefined {
  const fitting = options.filter(({ kind }) => kind.startsWith(state === 'Approved' ? 'allow' : 'reject'));
  if (named === undefined) return optionFor(options, state === 'Approved' ? 'Allow' : 'Deny');
  const found =
    fitting.find((option) => option.id === named) ??
    fitting.find(({ name }) => name.toLowerCase() === named.toLowerCase());
  if (found !== undefined) return found;
  const verb = state === 'Approved' ? 'approve' : 'deny';
  const choice = fitting.map((option) => `${option.id} (${option.name})`).join(', ');
  throw new ApiError(
    'BadRequest',
    `Approval ${id} has no option ${JSON.stringify(named)} to ${verb} with. It has ${choice === '' ? 'none' : choice}.`,
  );
}

const short = (text: string): string => cut(text, mostText);

function bounded(input: unknown): unknown {
  if (input === undefined) return undefined;
  const text = JSON.stringify(input);
  return text.length <= mostInput ? input : cut(text, mostInput);
}
