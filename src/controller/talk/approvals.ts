import { createHash } from 'node:crypto';
import { ApiError } from '../../api/errors.ts';
import type { AgentSpec } from '../../api/objects.ts';
import type { Entry } from '../../messages/journal.ts';
import type { Approval } from '../../messages/message.ts';
import type { ControlView } from '../../plan/world.ts';
import type { Permission, TurnEvent } from '../../protocols/talk.ts';
import type { Happening } from '../events.ts';
import { type Desk, keyOf } from './desk.ts';
import type { Link } from './link.ts';
import type { Open } from './open.ts';
import { actionFor, approvalTimeout } from './rules.ts';

const mostInput = 16_384;
const mostText = 1_000;
/** Requests of one Instance that wait for people; further ones are denied. */
const mostWaiting = 100;

export interface ApprovalsParts {
  desk: Desk;
  spec(key: string): AgentSpec | undefined;
  record(link: Link, happening: Happening): void;
  /** The planner should look again: the controls of an instance have changed. */
  controlsChanged(link: Link): void;
}

/** Requests of agents to use a tool: decided by the spec, or put to people. */
export class Approvals {
  readonly #desk: Desk;
  readonly #parts: ApprovalsParts;
  /** Those that wait for a decision, with how to end their timers. */
  readonly #waiting = new Map<string, { approval: Approval; cancel: () => void }>();
  /** Tool calls that were asked about, and what is known of those that were not; by link. */
  readonly #calls = new WeakMap<Link, Map<string, Call>>();
  readonly #controls = new Map<string, ControlView>();
  /** How many wait of each Instance, by its uid. */
  readonly #counts = new Map<string, number>();
  /** Tool calls that the run was given a decision about before this connection to it. */
  readonly #earlier = new WeakMap<Link, ReadonlySet<string>>();

  constructor(parts: ApprovalsParts, loaded: readonly Approval[]) {
    this.#parts = parts;
    this.#desk = parts.desk;
    for (const approval of loaded) this.#wait(approval);
  }

  /** Whether the agent keeps to the permissions, as far as its tool calls have shown. */
  control(uid: string): ControlView | undefined {
    return this.#controls.get(uid);
  }

  forget(uid: string): void {
    this.#controls.delete(uid);
  }

  asked(link: Link, open: Open | undefined, permission: Permission) {
    const spec = this.#parts.spec(keyOf(link.target));
    if (spec === undefined) return link.connection?.decide(permission.id, 'Cancelled');
    this.#call(link, permission.toolCallId, permission).asked = true;
    this.#asks(link);
    const action = actionFor(spec, permission.toolKind);
    if (action !== 'Ask') {
      link.connection?.decide(permission.id, action);
      const state = action === 'Allow' ? 'Approved' : 'Denied';
      const { id, title } = { id: this.#idOf(link, permission), title: permission.title };
      if (open !== undefined) link.push(this.#desk.event(open, { type: 'approval', id, title, state }));
      return;
    }
    this.#put(link, open, permission, approvalTimeout(spec));
  }

  /** After a restart of the controller, what was decided may not have been told. */
  reconnected(link: Link): void {
    const { uid, run, namespace, agent } = link.target;
    for (const approval of this.#desk.parts.journal.approvals({ namespace, agent }))
      if (
        approval.uid === uid &&
        approval.run === run &&
        approval.state !== 'Pending' &&
        approval.decidedAt !== undefined
      )
        link.connection?.decide(approval.permission, approval.state === 'Approved' ? 'Allow' : 'Deny');
  }

  /** A tool was used: what the spec would have people, or itself, deny must have been asked about. */
  used(link: Link, event: Extract<TurnEvent, { type: 'tool' }>): boolean {
    const spec = this.#parts.spec(keyOf(link.target));
    if (spec?.permissions === undefined || !link.protocol.asksPermission) return true;
    const call = this.#call(link, event.id, { toolKind: event.kind, title: event.title });
    if (event.status !== 'completed' || call.asked || actionFor(spec, call.kind) === 'Allow') return true;
    if (this.#askedBefore(link, event.id)) {
      this.#asks(link);
      return true;
    }
    if (call.unseen) return true; // not enough is known of it to judge
    this.#control(link, {
      status: 'False',
      reason: 'ToolUsedWithoutAsking',
      message: `It used a tool of the kind ${call.kind} without asking (${call.title}), though the spec says ${actionFor(spec, call.kind)}.`,
    });
    return false;
  }

  /** Throws ApiError NotFound, Conflict. */
  async decide(id: string, namespace: string, state: 'Approved' | 'Denied', by: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    const known = waiting?.approval ?? this.#desk.parts.journal.approval(id);
    if (known?.namespace !== namespace)
      throw new ApiError('NotFound', `approvals.subresources.agentctl.dev "${id}" not found`);
    if (waiting === undefined)
      throw new ApiError(
        'Conflict',
        `Approval ${id} is ${known.state} already${known.by === undefined ? '' : `, by ${known.by}`}.`,
      );
    await this.#settle(waiting.approval, state, by);
  }

  /** The turn, or the run, has ended: nobody waits for the answer. */
  cancel(which: (approval: Approval) => boolean): void {
    for (const { approval } of this.#waiting.values())
      if (which(approval)) void this.#settle(approval, 'Cancelled', undefined);
  }

  #put(link: Link, open: Open | undefined, permission: Permission, timeout: number): void {
    const id = this.#idOf(link, permission);
    if (this.#waiting.has(id) || this.#desk.parts.journal.approval(id) !== undefined) return; // read once more
    const { namespace, agent, instance, uid, run } = link.target;
    if ((this.#counts.get(uid) ?? 0) >= mostWaiting) {
      link.connection?.decide(permission.id, 'Deny');
      const title = `${cut(permission.title)} (${mostWaiting} others wait for a decision already)`;
      if (open !== undefined)
        link.push(this.#desk.event(open, { type: 'approval', id, title, state: 'Denied' }));
      this.#parts.record(link, {
        type: 'Warning',
        reason: 'TooManyApprovals',
        message: `${mostWaiting} of its requests wait for a decision: further ones are denied until some are decided.`,
      });
      return;
    }
    const now = this.#desk.parts.clock.now();
    const approval: Approval = {
      id,
      namespace,
      agent,
      instance,
      uid,
      run,
      permission: permission.id,
      toolCall: permission.toolCallId,
      message: open?.message.id,
      conversation: open?.message.conversation,
      title: cut(permission.title),
      toolKind: cut(permission.toolKind),
      input: bounded(permission.input),
      state: 'Pending',
      createdAt: now,
      expiresAt: now + timeout,
    };
    this.#wait(approval);
    const entries: Entry[] = [{ type: 'Approval', approval }];
    if (open !== undefined)
      entries.push(
        ...this.#desk.event(open, { type: 'approval', id, title: approval.title, state: 'Pending' }),
      );
    link.push(entries, () => this.#desk.changed('Approval', id));
    const message = `It asks for leave: ${approval.title}. Decide with agentctl approve ${id} or agentctl deny ${id}.`;
    this.#parts.record(link, { type: 'Normal', reason: 'ApprovalNeeded', message });
  }

  #wait(approval: Approval): void {
    const { clock } = this.#desk.parts;
    const left = Math.min(Math.max(0, approval.expiresAt - clock.now()), 2_147_483_647);
    const cancel = clock.after(left, () => void this.#settle(approval, 'Expired', undefined));
    this.#waiting.set(approval.id, { approval, cancel });
    this.#counts.set(approval.uid, (this.#counts.get(approval.uid) ?? 0) + 1);
  }

  /** Written down first, then told to the agent. */
  async #settle(
    approval: Approval,
    state: 'Approved' | 'Denied' | 'Expired' | 'Cancelled',
    by: string | undefined,
  ) {
    const { id, uid, title } = approval;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    waiting.cancel();
    this.#waiting.delete(id);
    const left = (this.#counts.get(uid) ?? 1) - 1;
    if (left > 0) this.#counts.set(uid, left);
    else this.#counts.delete(uid);
    const { clock, log } = this.#desk.parts;
    const settled: Approval = { ...approval, state, by, decidedAt: clock.now() };
    const entries: Entry[] = [{ type: 'Approval', approval: settled }];
    const open = this.#desk.opens.get(approval.message ?? '');
    if (open !== undefined) entries.push(...this.#desk.event(open, { type: 'approval', id, title, state }));
    try {
      await this.#desk.writer.write(entries);
    } catch (error) {
      log.error({ err: error, approval: id }, 'a decision was not journalled');
      return;
    }
    this.#desk.changed('Approval', id);
    const link = this.#desk.links.get(uid);
    if (link?.target.run !== approval.run) return;
    link.connection?.decide(
      approval.permission,
      state === 'Approved' ? 'Allow' : state === 'Cancelled' ? 'Cancelled' : 'Deny',
    );
  }

  /** The same when the request is read again. */
  #idOf({ target }: Link, permission: Permission): string {
    const hash = createHash('sha256').update(`${target.uid}/${target.run}/${permission.id}`).digest('hex');
    return `p-${hash.slice(0, 10)}`;
  }

  #call(link: Link, id: string, seen: { toolKind?: string | undefined; title?: string | undefined }): Call {
    const calls = this.#calls.get(link) ?? new Map<string, Call>();
    this.#calls.set(link, calls);
    const unseen = link.resumed && seen.toolKind === undefined;
    const call = calls.get(id) ?? { asked: false, unseen, kind: 'other', title: cut(id) };
    if (seen.toolKind !== undefined) call.kind = cut(seen.toolKind);
    if (seen.title !== undefined) call.title = cut(seen.title);
    calls.set(id, call);
    if (calls.size > 1_000) for (const oldest of calls.keys()) if (calls.size > 500) calls.delete(oldest);
    return call;
  }

  /** Leave that was given before the controller was restarted. */
  #askedBefore(link: Link, toolCall: string): boolean {
    if (!link.resumed) return false;
    const { namespace, agent, uid, run } = link.target;
    const earlier =
      this.#earlier.get(link) ??
      new Set(
        this.#desk.parts.journal
          .approvals({ namespace, agent })
          .flatMap((one) =>
            one.uid === uid && one.run === run && one.toolCall !== undefined ? [one.toolCall] : [],
          ),
      );
    this.#earlier.set(link, earlier);
    return earlier.has(toolCall);
  }

  #asks(link: Link): void {
    if (this.#controls.get(link.target.uid)?.status === 'False') return;
    this.#control(link, { status: 'True', reason: 'Asks', message: 'The agent asks before it uses a tool.' });
  }

  #control(link: Link, control: ControlView): void {
    const { uid } = link.target;
    if (this.#controls.get(uid)?.status === control.status) return;
    this.#controls.set(uid, control);
    this.#parts.controlsChanged(link);
  }
}

/** What is known of a tool call. */
interface Call {
  asked: boolean;
  /** It began before the controller was restarted. */
  unseen: boolean;
  kind: string;
  title: string;
}

const cut = (text: string): string => (text.length <= mostText ? text : `${text.slice(0, mostText)}...`);

function bounded(input: unknown): unknown {
  if (input === undefined) return undefined;
  const text = JSON.stringify(input);
  return text.length <= mostInput ? input : `${text.slice(0, mostInput)}...`;
}
