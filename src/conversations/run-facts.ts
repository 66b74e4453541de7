import type { AccountName } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import { type Control, type Facts, mcpOffered } from '../protocols/protocol.ts';
import { type Account, accountOf, type Hold } from './agent-account.ts';
import type { Ledger } from './ledger.ts';

export interface RunFactsDeps {
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
    this.#tell({ ...this.account, [name]: { status: 'False', reason, message, hold: hold ?? known?.hold } });
  }

  /** The agent has completed a turn: faults of its account are over. */
  accountWorks(): void {
    const names = Object.entries(this.account).flatMap(([name, { status }]) =>
      status === 'False' ? [name] : [],
    );
    if (names.length === 0) return;
    const works = { status: 'True', reason: 'TurnCompleted', message: 'A turn has been completed since.' };
    this.#tell({ ...this.account, ...Object.fromEntries(names.map((name) => [name, works])) });
  }

  #tell(account: Account): void {
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
