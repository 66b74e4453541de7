import { isDeepStrictEqual } from 'node:util';
import type { AgentSpec } from '../api/objects.ts';
import type { AccountName, ControlName, ControlView, TalkView } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import {
  type ConnectOptions,
  type Control,
  type Facts,
  mcpOffered,
  type Protocol,
} from '../protocols/protocol.ts';
import { type Account, accountOf, type Hold } from './agent-account.ts';
import type { Ledger } from './ledger.ts';
import type { ToolsOffer } from './ports.ts';

interface RunFactsDeps {
  ledger: Ledger;
  clock: Clock;
  /** The facts changed. */
  changed(): void;
}

/** What the handshake found, and what the run has shown since: whether it uses the tools, faults of its account. */
export class RunFacts {
  readonly #deps: RunFactsDeps;
  #facts: Facts | undefined;
  /** The run has connected to the tools. Some agents do so while their first session is being opened. */
  #connected = false;

  constructor(deps: RunFactsDeps) {
    this.#deps = deps;
  }

  /** Undefined before the handshake. */
  get value(): Facts | undefined {
    return this.#facts;
  }

  /** The handshake has succeeded. */
  found(facts: Facts): void {
    this.#record(facts);
    if (this.#connected) this.toolsSeen();
  }

  /** The agent has connected to the controller's tools. */
  toolsSeen(): void {
    this.#connected = true;
    if (this.#facts?.controls.mcp.status !== 'True')
      this.#setTools('True', 'Connected', 'The agent has connected to the MCP server of agentctl.');
  }

  /** The agent has completed a turn: if it supports the tools, it has connected by now. */
  toolsDue(): void {
    if (this.#facts?.controls.mcp.reason !== mcpOffered) return;
    const message =
      'Its session was given the MCP server of agentctl, and it has not connected to it. See whether a setting of the agent turns MCP servers off, and what it prints: agentctl logs.';
    this.#setTools('False', 'NotConnected', message);
  }

  #setTools(status: Control['status'], reason: string, message: string): void {
    if (this.#facts === undefined) return;
    this.#change({ ...this.#facts, controls: { ...this.#facts.controls, mcp: { status, reason, message } } });
  }

  /** What the agent has reported about its account. */
  get account(): Account {
    return accountOf(this.#facts ?? this.#deps.ledger.record.facts);
  }

  /** The agent has reported a fault of its account. */
  accountFails(name: AccountName, reason: string, message: string, hold?: Hold): void {
    const known = this.account[name];
    const lasts = (known?.hold?.until ?? 0) > this.#deps.clock.now() && known?.hold?.asked === hold?.asked;
    if (known?.message === message && (hold === undefined || lasts)) return;
    this.#report({
      ...this.account,
      [name]: { status: 'False', reason, message, hold: hold ?? known?.hold },
    });
  }

  /** The agent has completed a turn: faults of its account are over. */
  accountWorks(): void {
    const names = Object.entries(this.account).flatMap(([name, { status }]) =>
      status === 'False' ? [name] : [],
    );
    if (names.length === 0) return;
    const works = { status: 'True', reason: 'TurnCompleted', message: 'A turn has been completed since.' };
    this.#report({ ...this.account, ...Object.fromEntries(names.map((name) => [name, works])) });
  }

  #report(account: Account): void {
    if (this.#facts !== undefined) this.#change({ ...this.#facts, account });
  }

  #change(facts: Facts): void {
    this.#record(facts);
    this.#deps.changed();
  }

  #record(facts: Facts): void {
    this.#facts = facts;
    this.#deps.ledger.change({ facts });
    this.#deps.ledger.push({ entries: [] });
  }
}

/** What is known of a run. */
interface KnownRun {
  protocol: Protocol;
  tools: ToolsOffer | undefined;
  /** The settings that the run was given. */
  settings: Pick<ConnectOptions, 'model' | 'systemPrompt' | 'session'>;
  facts: Facts | undefined;
  account: Account;
}

/** Returns whether the agent applies what the spec asks for. Covers only what the spec uses. */
export function controlsOf(
  { facts, protocol, tools, account, settings }: KnownRun,
  spec: AgentSpec,
  permissions: ControlView | undefined,
): TalkView['controls'] {
  const out: Partial<Record<ControlName, ControlView>> = {};
  if (spec.permissions !== undefined)
    out.PermissionsEnforced =
      permissions ??
      (protocol.capabilities.asksPermission
        ? {
            status: 'Unknown',
            reason: 'NotSeenYet',
            message: 'It has not yet used a tool that requires permission.',
          }
        : {
            status: 'False',
            reason: 'ProtocolDoesNotAsk',
            message: `Agents of the protocol ${protocol.name} use tools without asking for permission.`,
          });
  if (facts === undefined) return out;
  Object.assign(out, account);
  const { model, systemPrompt, mcp, mode, options } = facts.controls;
  /** Adds a control if the spec uses it. It is outdated if the run was started with other settings. */
  const check = (name: ControlName, wanted: unknown, given: unknown, control: Control | undefined): void => {
    if (wanted === undefined) return;
    const known = control ?? noSessions(protocol.name);
    out[name] = isDeepStrictEqual(wanted, given) ? known : outdated;
  };
  check('ModelApplied', spec.model, settings.model, model);
  check('SystemPromptApplied', spec.systemPrompt, settings.systemPrompt, systemPrompt);
  check('SessionModeApplied', spec.session?.mode, settings.session?.mode, mode);
  check('SessionOptionsApplied', spec.session?.options, settings.session?.options, options);
  if (spec.fleetAccess === 'None' || !protocol.capabilities.offersTools) return out;
  if (tools !== undefined && 'unavailable' in tools)
    out.FleetAccessible = { status: 'False', reason: 'NoAddress', message: tools.unavailable };
  else out.FleetAccessible = mcp.reason === 'NotAsked' ? noTools : mcp;
  return out;
}

const outdated: ControlView = {
  status: 'False',
  reason: 'Outdated',
  message: 'The spec changed after this run started: it applies from the next run.',
};

const noTools: ControlView = {
  status: 'False',
  reason: 'NotGiven',
  message:
    "Its run was started without agentctl's MCP server, as spec.fleetAccess was None: the next run is given it. Start one now with agentctl rollout restart.",
};

const noSessions = (protocol: string): ControlView => ({
  status: 'False',
  reason: 'Unsupported',
  message: `The protocol ${protocol} has no sessions that can be set.`,
});
