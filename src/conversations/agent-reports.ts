import { ApiError } from '../api/errors.ts';
import type { Fleet } from '../client/fleet.ts';
import type { QuotaReport } from '../protocols/protocol.ts';
import type { ToolUse, TurnEvent } from '../protocols/turn-events.ts';
import { holdOf } from './agent-account.ts';
import type { Enforcement } from './enforcement.ts';
import type { HeldThreads } from './held-threads.ts';
import type { Link, LinkDeps } from './link.ts';
import { keyOf } from './open-message.ts';
import type { Approvals } from './pending-approvals.ts';
import type { Context, Tools } from './ports.ts';
import type { Routes } from './routes.ts';
import type { TalkState } from './talk-state.ts';
import type { TurnEnds } from './turn-ends.ts';
import type { TurnReports } from './turn-reports.ts';

interface AgentReportsDeps {
  tools: Pick<Tools, 'fleet'>;
  turns: TurnReports;
  ends: TurnEnds;
  held: HeldThreads;
  routes: Routes;
  approvals: Approvals;
  enforcement: Enforcement;
}

/** Passes what agents report and request to the parts that handle it. */
export class AgentReports {
  readonly #context: Context;
  readonly #talk: TalkState;
  readonly #deps: AgentReportsDeps;

  constructor(context: Context, talk: TalkState, deps: AgentReportsDeps) {
    this.#context = context;
    this.#talk = talk;
    this.#deps = deps;
  }

  /** Returns the Host of a link that is being made. */
  hostOf(link: () => Link): LinkDeps['host'] {
    return {
      event: (id, event) => this.#event(link(), id, event),
      after: (whose, event) => this.#deps.turns.after(link(), whose, event),
      released: (id) => {
        const to = link();
        this.#deps.held.release(to.target, ({ message }) => message === id, to);
      },
      acknowledged: (id) => this.#deps.turns.acknowledged(link(), id),
      ended: (id, result) => this.#deps.turns.ended(link(), id, result),
      permission: (id, permission) => {
        link().charge();
        this.#deps.approvals.asked(link(), this.#talk.current(link(), id), permission);
      },
      used: (id, use) => this.#used(link(), id, use),
      route: ({ message, ...request }) => {
        link().charge();
        this.#deps.routes.asked(link(), this.#talk.current(link(), message), request);
      },
      manage: (request) => {
        link().charge();
        void this.#manage(link(), request);
      },
      usage: (id, usage) => this.#deps.turns.usage(link(), id, usage),
      quota: (report) => this.#quota(link(), report),
    };
  }

  #event(link: Link, id: string | undefined, event: TurnEvent): void {
    this.#deps.turns.event(link, id, event);
    if (event.type !== 'background') return;
    // Background events of a question's turn are also shown to those who follow the message it belongs to.
    const parent = this.#talk.opens.get(this.#talk.current(link, id)?.message.parent ?? '');
    if (parent !== undefined)
      link.push(this.#talk.events.add(parent, { ...event, source: `agent:${link.target.agent}` }));
  }

  #used(link: Link, id: string | undefined, use: ToolUse): void {
    const open = this.#talk.current(link, id);
    if (this.#deps.enforcement.used(link, open, use)) return;
    const accepts = this.#context.agent(keyOf(link.target))?.spec.permissions?.unenforced === 'Accept';
    if (!accepts && open !== undefined)
      this.#deps.ends.cancel(open, {
        reason: 'PermissionsNotEnforced',
        message: 'The agent used a tool without asking for permission.',
      });
  }

  async #manage(
    link: Link,
    request: { requestId: string; action: string; params: Record<string, unknown> },
  ): Promise<void> {
    const agent = this.#context.agent(keyOf(link.target));
    const { requestId, action, params } = request;
    try {
      if (agent === undefined) return;
      const { instance: name, uid, runtime } = link.target;
      const response = await manage(this.#deps.tools.fleet(agent, { name, uid, runtime }), action, params);
      await link.connection?.managed(requestId, { response });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      await link.connection?.managed(requestId, { error: text }).catch(() => {}); // the run has ended, so nobody waits
    }
  }

  #quota(link: Link, { message, until }: QuotaReport): void {
    const agent = this.#context.agent(keyOf(link.target));
    const hold =
      agent === undefined || until === undefined
        ? undefined
        : holdOf(agent, until, this.#context.clock.now());
    link.accountFails({ condition: 'WithinQuota', reason: 'QuotaExceeded', message, until }, hold);
  }
}

/** Runs a `mgmt_request` of the line protocol: spawn (name, content), stop, start, remove (targetId), list. */
export async function manage(
  fleet: Fleet,
  action: string,
  params: Record<string, unknown>,
): Promise<unknown> {
  const text = (name: string): string => {
    const value = params[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new ApiError('BadRequest', `mgmt_request ${action}: ${name} must be a text`);
  };
  switch (action) {
    case 'list':
      return (await fleet.list()).map(({ name: id, phase: state, model, identity }) => {
        return { id, state, model, identity };
      });
    case 'spawn':
      return fleet.apply(text('content'));
    case 'start':
    case 'stop':
    case 'remove':
      await fleet[action](text('targetId'));
      return { ok: true };
    default:
      throw new ApiError(
        'BadRequest',
        `mgmt_request: there is no action ${JSON.stringify(action)}: spawn, stop, start, remove, list`,
      );
  }
}
