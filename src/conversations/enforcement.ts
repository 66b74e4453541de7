import type { AgentSpec } from '../api/objects.ts';
import { askedText, cut } from '../api/text.ts';
import { parseDuration } from '../api/time.ts';
import type { Approval } from '../messages/message.ts';
import type { ControlView } from '../plan/world.ts';
import { requestText, type ToolUse } from '../protocols/turn-events.ts';
import type { Link } from './link.ts';
import { keyOf, type Open } from './open-message.ts';
import type { Context } from './ports.ts';

const mostText = 1_000;

/** Whether agents ask for permission before they use a tool, as far as their tool calls show. */
export class Enforcement {
  readonly #context: Context;
  /** By the Instance's uid. */
  readonly #controls = new Map<string, ControlView>();
  /** Approvals that the run requested on an earlier connection, and that no tool call has used since. */
  readonly #earlier = new WeakMap<Link, Approval[]>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Returns whether the agent respects the permissions, as far as its tool calls have shown. */
  control(uid: string): ControlView | undefined {
    return this.#controls.get(uid);
  }

  forget(uid: string): void {
    this.#controls.delete(uid);
  }

  /**
   * Checks a tool call: a tool that the spec puts to people or denies must have been asked about. Returns false if the
   * agent used it without asking.
   */
  used(link: Link, open: Open | undefined, use: ToolUse): boolean {
    const spec = this.#context.agent(keyOf(link.target))?.spec;
    if (spec?.permissions === undefined) return true;
    const action = actionFor(spec, use);
    const verdict = usedWithoutAsking(use, action);
    const isAsked = !use.asked && action !== 'Allow' && this.#askedBefore(link, open, use);
    if (isAsked || (verdict !== 'No' && this.#allowedAlways(link, use))) {
      this.asks(link);
      return true;
    }
    if (verdict === 'No') return true;
    const what = `a tool of the kind ${short(use.kind)}`;
    const call = short(askedText({ title: use.title, request: requestText(use.input) }));
    if (verdict === 'Unclear') {
      if (this.#controls.has(link.target.uid)) return true;
      const message = `It used ${what} without asking, which failed, maybe before it would have asked (${call}).`;
      this.#control(link, { status: 'Unknown', reason: 'ToolFailedWithoutAsking', message });
      return true;
    }
    this.#control(link, {
      status: 'False',
      reason: 'ToolUsedWithoutAsking',
      message: `It used ${what} without asking (${call}), though the spec says ${action}.`,
    });
    return false;
  }

  /** Returns what the run has requested on earlier connections. */
  reconnected(link: Link): readonly Approval[] {
    const earlier = this.#approvalsOf(link).filter(({ run }) => run === link.target.run);
    this.#earlier.set(link, earlier);
    return earlier;
  }

  /** The agent has asked for a permission. */
  asks(link: Link): void {
    if (this.#controls.get(link.target.uid)?.status === 'False') return;
    this.#control(link, {
      status: 'True',
      reason: 'Asks',
      message: 'The agent asks for permission before it uses a tool.',
    });
  }

  #control(link: Link, control: ControlView): void {
    const { uid } = link.target;
    if (this.#controls.get(uid)?.status === control.status) return;
    this.#controls.set(uid, control);
    this.#context.enqueue(keyOf(link.target));
  }

  /**
   * Returns whether the run requested this permission before the controller was restarted. Some agents use different
   * ids for requests and calls: then any unused request of the turn counts.
   */
  #askedBefore(link: Link, open: Open | undefined, { toolCallId }: ToolUse): boolean {
    const earlier = this.#earlier.get(link) ?? [];
    const ofTurn = earlier.filter(({ message }) => message === open?.message.id);
    const found = ofTurn.find(({ toolCall }) => toolCall === toolCallId) ?? ofTurn[0];
    if (found === undefined) return false;
    earlier.splice(earlier.indexOf(found), 1);
    return true;
  }

  /**
   * Returns whether somebody chose an option after which the agent stops asking for similar calls, or let it change its
   * mode.
   */
  #allowedAlways(link: Link, { kind }: ToolUse): boolean {
    return this.#approvalsOf(link).some(
      ({ state, toolKind, option, options = [] }) =>
        state === 'Approved' &&
        (toolKind === kind || toolKind === 'switch_mode') &&
        options.some((one) => one.id === option && one.kind === 'allow_always'),
    );
  }

  #approvalsOf({ target }: Link): Approval[] {
    const { namespace, agent, uid } = target;
    return this.#context.journal.approvals({ namespace, agent }).filter((one) => one.uid === uid);
  }
}

const short = (text: string): string => cut(text, mostText);

type Action = 'Allow' | 'Deny' | 'Ask';

const strictness = { Allow: 0, Ask: 1, Deny: 2 } as const;

/**
 * Returns what happens to a tool call. Without permissions in the spec, people decide. If the agent did not state the
 * kind itself, the stricter rule applies: that of the guessed kind or that of `other`. agentctl's own tools are allowed
 * here, because fleetAccess has already decided.
 */
export function actionFor(
  { permissions }: Pick<AgentSpec, 'permissions'>,
  { kind, guessed }: { kind: string; guessed?: true | undefined },
): Action {
  if (kind === 'agentctl') return 'Allow';
  const of = (toolKind: string): Action =>
    permissions?.rules?.find((rule) => rule.toolKind === toolKind)?.action ?? permissions?.default ?? 'Ask';
  const [one, other] = [of(kind), of(guessed === true ? 'other' : kind)];
  return strictness[one] >= strictness[other] ? one : other;
}

export const approvalTimeout = ({ permissions }: AgentSpec): number =>
  parseDuration(permissions?.timeout ?? '10m');

/** A failed call of these kinds has changed nothing. Many agents first look at the file, and ask only then. */
const doneOrNot: ReadonlySet<string> = new Set(['read', 'edit', 'delete', 'move', 'search', 'think']);

/**
 * Returns whether a tool was used without the required permission. `Unclear`: the call may have failed before the agent
 * would have asked, for example because of invalid input.
 */
export function usedWithoutAsking(
  { kind, asked, announced, whole, end }: Pick<ToolUse, 'kind' | 'asked' | 'announced' | 'whole' | 'end'>,
  action: Action,
): 'Yes' | 'No' | 'Unclear' {
  if (asked || !whole || action === 'Allow') return 'No';
  return end === 'failed' && (doneOrNot.has(kind) || !announced) ? 'Unclear' : 'Yes';
}
