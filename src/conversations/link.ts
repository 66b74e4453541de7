import { cut } from '../api/text.ts';
import { formatTime } from '../api/time.ts';
import type { Attachment } from '../drivers/attachment.ts';
import { type Driver, DriverError } from '../drivers/driver.ts';
import type { Entry } from '../messages/journal.ts';
import type { Link as LinkRecord } from '../messages/message.ts';
import type { Instant } from '../plan/times.ts';
import type { TalkView } from '../plan/world.ts';
import { type Log, limitedLog } from '../platform/log.ts';
import type { Connection, ConnectOptions, Facts, Host, Protocol, Turn } from '../protocols/protocol.ts';
import type { AccountFault, Hold } from './agent-account.ts';
import { Ledger, type Writer } from './ledger.ts';
import type { Context, LinkTarget, ToolsOffer } from './ports.ts';
import { RunFacts } from './run-facts.ts';
import { Outbox, Pen } from './run-input.ts';
import { RunOutput } from './run-output.ts';

/** Milliseconds. A run that does not read its input for this long is restarted. */
const unreadFor = 5_000;
const garbageEvery = 1_000;

export interface LinkDeps {
  target: LinkTarget;
  /** Returns the driver of the Runtime's current session, or undefined if there is none. */
  driver: () => Driver | undefined;
  protocol: Protocol;
  record: LinkRecord | undefined;
  writer: Writer;
  context: Context;
  version: string;
  settings: Pick<ConnectOptions, 'model' | 'systemPrompt' | 'session'>;
  /** Returns where the agent finds the controller's tools. Undefined if the spec offers none. */
  tools(): Promise<ToolsOffer | undefined>;
  /** Turns that an earlier connection began. */
  turns: readonly Turn[];
  /** Turns that were given up, but that the agent may still work on. */
  givenUp: readonly Turn[];
  host: Omit<Host, 'ready' | 'unready' | 'garbage'>;
  /** The state of the link changed. */
  changed(link: Link): void;
  /** The run has ended and all its output was handled. */
  drained(link: Link): void;
}

/**
 * The controller's side of one run's pipes. The effects of a line are written together with the cursor behind it. After
 * a crash, reading continues from that cursor, so each line takes effect exactly once.
 */
export class Link {
  readonly target: LinkTarget;
  readonly protocol: Protocol;
  state: TalkView['state'] = 'Connecting';
  since: Instant;
  message = 'Connecting.';
  readonly facts: RunFacts;
  tools: ToolsOffer | undefined;
  connection: Connection | undefined;
  /** Where the program of the run was started: an absolute path in the instance. */
  workingDir = '/';
  /** Some output of the run can no longer be read. */
  unread = false;
  /** The agent has continued a turn after its end. */
  speaksLate = false;
  /** Why the run must be restarted. */
  failure: { reason: string; message: string } | undefined;
  readonly #deps: LinkDeps;
  readonly log: Log;
  #stopping = false;
  #wasStopped = false;
  readonly #outbox: Outbox;
  readonly #pen: Pen;
  readonly #ledger: Ledger;
  readonly #output: RunOutput;
  /** Since when the agent has not read its standard input. */
  #unreadSince: Instant | undefined;
  #garbled = 0;
  #garbledAt = 0;

  constructor(deps: LinkDeps) {
    const { target, record, protocol } = deps;
    const { clock } = deps.context;
    this.#deps = deps;
    this.target = target;
    this.protocol = protocol;
    this.log = limitedLog(deps.context.log, clock);
    this.#outbox = new Outbox((line) => this.#write(line), clock);
    this.since = clock.now();
    const { uid, run, startId } = target;
    this.#ledger = new Ledger({
      record:
        record === undefined
          ? { uid, run, startId, drained: false, epoch: 1, activeAt: this.since }
          : { ...record, epoch: record.epoch + 1 },
      writer: deps.writer,
      safely: (work) => this.#safely(work),
      settled: (cursor) => this.#output.attachment?.settled(cursor),
      failed: (err) =>
        this.log.error({ err, instance: target.instance }, 'what an agent did was not journalled'),
    });
    this.facts = new RunFacts({ ledger: this.#ledger, clock, changed: () => deps.changed(this) });
    this.#pen = new Pen({
      attachment: () => this.#output.attachment,
      cut: record?.cut === true,
      mayBeCut: () => this.#ledger.note({ cut: true }),
      isWhole: () => {
        this.#ledger.change({ cut: undefined });
        this.push([]);
      },
    });
    this.#output = new RunOutput({
      target,
      driver: deps.driver,
      clock,
      log: this.log,
      ledger: this.#ledger,
      outbox: this.#outbox,
      pen: this.#pen,
      opened: (attachment) => this.#opened(attachment),
      lost: () => {
        this.unread = true;
      },
      line: (text) => this.#safely(() => this.connection?.receive(text)),
      drained: () => this.#drain(),
    });
  }

  /** The settings that the run was given. */
  get settings(): LinkDeps['settings'] {
    return this.#deps.settings;
  }

  /** When the run last showed activity. */
  get activeAt(): Instant {
    return this.#ledger.record.activeAt;
  }

  /** Whether an earlier controller has read the run. */
  get resumed(): boolean {
    return this.#ledger.record.epoch > 1;
  }

  /**
   * Writes entries with the effects of the current line, or else soon. Calls `after` when they are on disk, or
   * `refused` if a rule of the journal refuses them.
   */
  push(entries: readonly Entry[], after?: () => void, refused?: (error: unknown) => void): void {
    this.#ledger.push({ entries, after, refused });
  }

  /** The Instance is being stopped: it gets no more messages, and is not to blame for interrupted turns. */
  get stopping(): boolean {
    return this.#stopping;
  }

  set stopping(stopping: boolean) {
    this.#stopping = stopping;
    this.#wasStopped ||= stopping;
  }

  /** Marks the run as failed, so that it is restarted. */
  fail(reason: string, message: string): void {
    if (this.failure !== undefined || this.state === 'Drained') return;
    this.failure = { reason, message };
    this.#deps.changed(this);
  }

  /** The agent has reported a fault of its account: a condition and an Event say so. */
  accountFails({ condition, reason, message, until }: AccountFault, hold?: Hold): void {
    const text = `${cut(message, 999)}${until === undefined ? '' : ` (until ${formatTime(until)})`}`;
    this.facts.accountFails(condition, reason, text, hold);
    this.#deps.context.record(this.target.uid, { type: 'Warning', reason, message: text });
  }

  /** Charges a request of the agent to the limit on its output. */
  charge(): void {
    this.#output.charge();
  }

  /** The run has ended: its output is read to the end within a limit of time, and nobody waits for answers. */
  runEnded(): void {
    this.#output.runEnded(this.#wasStopped);
  }

  /** Closes the connection; the run continues. Resolves when the effects of what was read are written. */
  async close(reason: string): Promise<void> {
    this.#output.abort();
    this.connection?.close(reason);
    this.#ledger.flush();
    await this.#output.ended();
  }

  async #opened({ workingDir }: Attachment): Promise<void> {
    this.workingDir = workingDir;
    if (this.connection === undefined) this.tools = await this.#offered();
    this.#connect();
  }

  /** Returns where the tools are. A failure must not keep the output from being read. */
  async #offered(): Promise<ToolsOffer | undefined> {
    try {
      return await this.#deps.tools();
    } catch (error) {
      return {
        unavailable: `The controller cannot offer them: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  /** Connects once. A pipe that was lost and reopened keeps the same connection. */
  #connect(): void {
    if (this.connection !== undefined) return;
    const { protocol, context, version, settings, turns, givenUp } = this.#deps;
    const { log } = this;
    const facts = this.#ledger.record.facts as Facts | undefined; // the protocol's own type
    this.connection = protocol.connect(
      { write: (line) => this.#write(line), answer: (line) => this.#outbox.add(line) },
      {
        ...this.#deps.host,
        ready: (found) => this.#ready(found),
        unready: (reason, message) => this.#enter(reason, message),
        garbage: (line, why) => this.#garbage(line, why),
      },
      {
        clock: context.clock,
        log,
        version,
        epoch: String(this.#ledger.record.epoch),
        facts,
        turns,
        givenUp,
        probeDir: this.workingDir,
        ...settings,
        mcp: this.tools !== undefined && 'url' in this.tools ? this.tools : undefined,
      },
    );
    if (facts !== undefined) this.#ready(facts);
  }

  async #write(line: string): Promise<void> {
    const { attachment } = this.#output;
    try {
      await this.#pen.write(line);
      this.#unreadSince = undefined;
    } catch (error) {
      const isOpen = attachment !== undefined && this.#output.attachment === attachment;
      if (isOpen && error instanceof DriverError && error.code === 'NotRunning') this.#refused(error.message);
      throw error;
    }
  }

  /** A run that continues but does not read its input is unusable. */
  #refused(why: string): void {
    const now = this.#deps.context.clock.now();
    this.#unreadSince ??= now;
    if (now - this.#unreadSince >= unreadFor)
      this.fail('InputClosed', `It has closed its standard input, and takes no message: ${why}`);
  }

  #ready(facts: Facts): void {
    if (this.state === 'Ready' || this.#output.aborted) return;
    this.facts.found(facts);
    this.#enter('Ready', 'It accepts messages.');
  }

  #enter(state: TalkView['state'], message: string): void {
    if (this.#output.aborted || (this.state === state && this.message === message)) return;
    this.state = state;
    this.message = message;
    this.since = this.#deps.context.clock.now();
    this.#deps.changed(this);
  }

  /** Logs garbage, at most once a second. */
  #garbage(line: string, why: string): void {
    const { target, log } = this;
    const now = this.#deps.context.clock.now();
    this.#garbled += 1;
    if (now - this.#garbledAt < garbageEvery) return;
    const { agent, instance } = target;
    log.warn(
      { agent, instance, line, why, lines: this.#garbled },
      'an agent wrote a line that means nothing',
    );
    this.#garbled = 0;
    this.#garbledAt = now;
  }

  /** Gives pending entries to the writer. */
  flush(): void {
    this.#ledger.flush();
  }

  /** A bug of ours in one line must cost only that line. */
  #safely(work: () => void): void {
    try {
      work();
    } catch (error) {
      const { instance } = this.target;
      this.log.error({ err: error, instance }, 'what an agent did could not be taken in');
    }
  }

  #drain(): void {
    this.#outbox.close();
    this.connection?.close(`run ${this.target.run} of ${this.target.instance} has ended`);
    this.#ledger.change({ drained: true });
    this.state = 'Drained';
    this.since = this.#deps.context.clock.now();
    this.#deps.drained(this);
    this.#ledger.flush();
  }
}
