import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Attachment,
  type Driver,
  DriverError,
  type OutputLine,
  requireFeature,
} from '../drivers/driver.ts';
import type { Entry } from '../messages/journal.ts';
import type { Link as LinkRecord } from '../messages/message.ts';
import type { AccountName, Instant, TalkView } from '../plan/world.ts';
import { Bucket } from '../platform/bucket.ts';
import { type Cancel, type Clock, sleep } from '../platform/clock.ts';
import { type Log, limitedLog } from '../platform/log.ts';
import {
  type Connection,
  type ConnectOptions,
  type Control,
  type Facts,
  type Host,
  mcpOffered,
  type Protocol,
  type Turn,
} from '../protocols/protocol.ts';
import { type Account, accountOf, type Hold } from './agent-account.ts';
import { Ledger } from './ledger.ts';
import type { ToolsOffer } from './ports.ts';
import { Outbox, Pen } from './run-input.ts';
import type { Writer } from './writer.ts';

const attachAgain = 500;
/** Milliseconds. A run that does not read its input for this long is restarted. */
const unreadFor = 5_000;
const garbageEvery = 1_000;

/**
 * Limit on the output of one run that is handled: bytes per second, and at once. Each line costs `line` bytes extra,
 * and each request of the agent `request` bytes more. Excess output stays in the log of the run, so nothing is lost.
 */
const pace = { rate: 4 * 1024 * 1024, burst: 16 * 1024 * 1024 };
const price = { emptyLine: 16, line: 1024, request: 32 * 1024 };
/** Lines that are handled before other work gets a turn. */
const piece = 256;

/**
 * Milliseconds in which the output of an ended run is read, if it was stopped or ended by itself. Unread output is then
 * lost, as after a crash.
 */
const drainWithin = { stopped: 2_000, ended: 10_000 };

export interface LinkTarget {
  namespace: string;
  agent: string;
  instance: string;
  uid: string;
  ordinal: number;
  run: number;
  startId: string;
  ref: string;
  /** Name of the Runtime. */
  runtime: string;
}

export interface LinkDeps {
  target: LinkTarget;
  /** Returns the driver of the Runtime's current session, or undefined if there is none. */
  driver: () => Driver | undefined;
  protocol: Protocol;
  record: LinkRecord | undefined;
  writer: Writer;
  clock: Clock;
  log: Log;
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
  facts: Facts | undefined;
  tools: ToolsOffer | undefined;
  connection: Connection | undefined;
  /** Where the program of the run was started: an absolute path in the instance. */
  workingDir = '/';
  /** Some output of the run can no longer be read. */
  unread = false;
  /** When the run last showed activity. */
  activeAt: Instant;
  /** The agent has continued a turn after its end. */
  speaksLate = false;
  /** Why the run must be restarted. */
  failure: { reason: string; message: string } | undefined;
  readonly #deps: LinkDeps;
  readonly log: Log;
  readonly #abort = new AbortController();
  /** Aborted with `#abort`, and when the time to read an ended run is over. */
  readonly #enough = new AbortController();
  #stopping = false;
  #wasStopped = false;
  readonly #pace: Bucket;
  readonly #outbox: Outbox;
  readonly #ended: Promise<void>;
  #cancelDrain: Cancel | undefined;
  /** The next connection must know the number of this one before anything is written. */
  #recorded: Promise<void> | undefined;
  readonly #pen: Pen;
  #attachment: Attachment | undefined;
  readonly #ledger: Ledger;
  /** Since when the agent has not read its standard input. */
  #unreadSince: Instant | undefined;
  /** The run has connected to the tools. Some agents do so while their first session is being opened. */
  #connected = false;
  #garbled = 0;
  #garbledAt = 0;

  constructor(deps: LinkDeps) {
    const { target, clock, record, protocol } = deps;
    this.#deps = deps;
    this.target = target;
    this.protocol = protocol;
    this.log = limitedLog(deps.log, clock);
    this.#pace = new Bucket(clock, pace);
    this.#outbox = new Outbox((line) => this.#write(line), clock);
    this.since = clock.now();
    this.activeAt = record?.activeAt ?? this.since;
    const { uid, run, startId } = target;
    this.#ledger = new Ledger({
      record:
        record === undefined
          ? { uid, run, startId, drained: false, epoch: 1, activeAt: this.since }
          : { ...record, epoch: record.epoch + 1 },
      writer: deps.writer,
      safely: (work) => this.#safely(work),
      settled: (cursor) => this.#attachment?.settled(cursor),
      failed: (err) =>
        this.log.error({ err, instance: target.instance }, 'what an agent did was not journalled'),
    });
    this.#pen = new Pen({
      attachment: () => this.#attachment,
      cut: record?.cut === true,
      mayBeCut: () => this.#ledger.note({ cut: true }),
      isWhole: () => {
        this.#ledger.change({ cut: undefined });
        this.push([]);
      },
    });
    this.#ended = this.#run();
  }

  /** The settings that the run was given. */
  get settings(): LinkDeps['settings'] {
    return this.#deps.settings;
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

  /** The agent has connected to the controller's tools. */
  toolsSeen(): void {
    this.#connected = true;
    if (this.facts?.controls.mcp.status !== 'True')
      this.#setTools('True', 'Connected', 'The agent has connected to the MCP server of agentctl.');
  }

  /** The agent has completed a turn: if it supports the tools, it has connected by now. */
  toolsDue(): void {
    if (this.facts?.controls.mcp.reason !== mcpOffered) return;
    const message =
      'Its session was given the MCP server of agentctl, and it has not connected to it. See whether a setting of the agent turns MCP servers off, and what it prints: agentctl logs.';
    this.#setTools('False', 'NotConnected', message);
  }

  #setTools(status: Control['status'], reason: string, message: string): void {
    if (this.facts === undefined) return;
    this.facts = { ...this.facts, controls: { ...this.facts.controls, mcp: { status, reason, message } } };
    this.#ledger.change({ facts: this.facts });
    this.push([]);
    this.#deps.changed(this);
  }

  /** What the agent has reported about its account. */
  get account(): Account {
    return accountOf(this.facts ?? this.#ledger.record.facts);
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
    if (this.facts === undefined) return;
    this.facts = { ...this.facts, account };
    this.#ledger.change({ facts: this.facts });
    this.push([]);
    this.#deps.changed(this);
  }

  /** Marks the run as failed, so that it is restarted. */
  fail(reason: string, message: string): void {
    if (this.failure !== undefined || this.state === 'Drained') return;
    this.failure = { reason, message };
    this.#deps.changed(this);
  }

  /** Charges a request of the agent to the limit on its output. */
  charge(): void {
    this.#pace.charge(price.request);
  }

  /** The run has ended: its output is read to the end within a limit of time, and nobody waits for answers. */
  runEnded(): void {
    this.#outbox.close();
    const most = this.#wasStopped ? drainWithin.stopped : drainWithin.ended;
    this.#cancelDrain ??= this.#deps.clock.after(most, () => {
      this.#cancelDrain = undefined;
      if (this.#ledger.full)
        this.runEnded(); // waits for the disk, not for the agent
      else this.#stop();
    });
  }

  /** Closes the connection; the run continues. Resolves when the effects of what was read are written. */
  async close(reason: string): Promise<void> {
    this.#abort.abort();
    this.#stop();
    this.connection?.close(reason);
    this.#ledger.flush();
    await this.#ended;
  }

  /** Stops reading and writing. */
  #stop(): void {
    this.#enough.abort();
    this.#outbox.close();
    this.#attachment?.close();
  }

  async #run(): Promise<void> {
    const { clock, target } = this.#deps;
    const { log } = this;
    const { signal } = this.#abort;
    const enough = this.#enough.signal;
    try {
      while (!signal.aborted) {
        try {
          const isWhole = enough.aborted || (await this.#read());
          if (signal.aborted) return;
          if (!isWhole && !enough.aborted) continue;
          if (enough.aborted) {
            log.warn(
              { instance: target.instance, run: target.run },
              'the rest of the output of a run that has ended is passed over',
            );
            this.unread = true;
          }
          return this.#drain();
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof DriverError && error.code === 'Gone') {
            log.warn(
              { err: error, instance: target.instance, run: target.run },
              'the rest of a run cannot be read',
            );
            this.unread = true;
            return this.#drain();
          }
          log.info(
            { err: error, instance: target.instance, run: target.run },
            'the pipes of a run were lost',
          );
          await sleep(clock, attachAgain, enough);
        }
      }
    } catch (error) {
      log.error({ err: error, instance: target.instance }, 'a connection to an agent failed');
    } finally {
      this.#cancelDrain?.();
    }
  }

  /**
   * Returns whether it has read to the end of the run. The output also ends if the driver is closed, for example for a
   * new session.
   */
  async #read(): Promise<boolean> {
    const { target } = this.#deps;
    const driver = this.#deps.driver();
    if (driver === undefined)
      throw new DriverError('Offline', 'RuntimeMissing', `the Runtime ${target.runtime} does not exist`);
    const { signal } = this.#enough;
    const { run, startId } = target;
    this.#recorded ??= this.#ledger.begin();
    this.#recorded.catch(() => {}); // it may fail before the pipes are open; the await below handles it
    const { cursor } = this.#ledger.record;
    const { cut } = this.#pen;
    requireFeature(driver, 'stdio');
    const attachment = await driver.stdio.attach(target.ref, { run, startId, cursor, cut, signal });
    this.#attachment = attachment;
    this.workingDir = attachment.workingDir;
    try {
      await this.#recorded;
      if (this.connection === undefined) this.tools = await this.#offered();
      this.#connect();
      for await (const lines of attachment.lines)
        for (let from = 0; from < lines.length; from += piece) {
          if (from > 0) await nextTurn();
          if (signal.aborted) return false;
          this.#take(lines.slice(from, from + piece));
          await this.#rest();
        }
      return this.#deps.driver() === driver;
    } finally {
      attachment.close();
      this.#attachment = undefined;
    }
  }

  /**
   * Waits until more output can be handled: the disk keeps up, the agent reads its answers, and the rate is within its
   * limit.
   */
  async #rest(): Promise<void> {
    const { clock, target } = this.#deps;
    if (this.#ledger.full) await this.#ledger.room();
    if (this.#outbox.full) {
      this.log.warn(
        { instance: target.instance, run: target.run },
        'an agent does not read its answers: its output is not read until it does',
      );
      await this.#outbox.room();
    }
    const { debt } = this.#pace;
    if (debt > 0) await sleep(clock, debt, this.#enough.signal);
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
    const { protocol, clock, version, settings, turns, givenUp } = this.#deps;
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
        clock,
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
    const attachment = this.#attachment;
    try {
      await this.#pen.write(line);
      this.#unreadSince = undefined;
    } catch (error) {
      const isOpen = attachment !== undefined && this.#attachment === attachment;
      if (isOpen && error instanceof DriverError && error.code === 'NotRunning') this.#refused(error.message);
      throw error;
    }
  }

  /** A run that continues but does not read its input is unusable. */
  #refused(why: string): void {
    const now = this.#deps.clock.now();
    this.#unreadSince ??= now;
    if (now - this.#unreadSince >= unreadFor)
      this.fail('InputClosed', `It has closed its standard input, and takes no message: ${why}`);
  }

  #ready(facts: Facts): void {
    if (this.state === 'Ready' || this.#abort.signal.aborted) return;
    this.facts = facts;
    this.#ledger.change({ facts });
    this.push([]);
    if (this.#connected) this.toolsSeen();
    this.#enter('Ready', 'It accepts messages.');
  }

  #enter(state: TalkView['state'], message: string): void {
    if (this.#abort.signal.aborted || (this.state === state && this.message === message)) return;
    this.state = state;
    this.message = message;
    this.since = this.#deps.clock.now();
    this.#deps.changed(this);
  }

  /** Logs garbage, at most once a second. */
  #garbage(line: string, why: string): void {
    const { target, clock } = this.#deps;
    const { log } = this;
    const now = clock.now();
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

  #take(lines: readonly OutputLine[]): void {
    this.activeAt = this.#deps.clock.now();
    this.#ledger.batch(this.activeAt, () => {
      for (const line of lines) {
        this.#takeLine(line);
        this.#ledger.passed(line.cursor);
      }
    });
  }

  #takeLine({ text, cut, gap }: OutputLine): void {
    const { instance } = this.target;
    this.#pace.charge(text === '' ? price.emptyLine : (cut ?? text.length) + price.line);
    if (gap === true) {
      this.log.warn({ instance }, 'output of an agent may have been lost');
      this.unread = true;
    }
    if (cut !== undefined)
      this.log.warn({ instance, bytes: cut }, 'a line of an agent was too long and is passed over');
    else if (text !== '') this.#safely(() => this.connection?.receive(text));
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
    this.since = this.#deps.clock.now();
    this.#deps.drained(this);
    this.#ledger.flush();
  }
}
