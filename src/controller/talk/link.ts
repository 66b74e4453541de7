import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Attachment, type Driver, DriverError, type OutputLine } from '../../drivers/driver.ts';
import type { Entry } from '../../messages/journal.ts';
import type { Link as LinkRecord } from '../../messages/message.ts';
import type { AccountName, ControlView, Instant, TalkView } from '../../plan/world.ts';
import { Bucket } from '../../platform/bucket.ts';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { type Log, limitedLog } from '../../platform/log.ts';
import {
  type Connection,
  type ConnectOptions,
  type Control,
  type Facts,
  type Host,
  mcpOffered,
  type Protocol,
  type Turn,
} from '../../protocols/protocol.ts';
import type { McpOffer } from '../mcp-server.ts';
import { Ledger } from './ledger.ts';
import { Outbox } from './outbox.ts';
import { Pen } from './pen.ts';
import type { Writer } from './writer.ts';

const attachAgain = 500;
/** A run whose input nobody reads for so long is restarted. Milliseconds. */
const unreadFor = 5_000;
const garbageEvery = 1_000;

/**
 * How much of one run's output is taken in: bytes a second, and at once. To take a line in costs as much as so many
 * bytes, and a request of the agent as many more. What is over waits where it was written: nothing is lost.
 */
const pace = { rate: 4 * 1024 * 1024, burst: 16 * 1024 * 1024 };
const price = { emptyLine: 16, line: 1024, request: 32 * 1024 };
/** Lines that are taken in without a pause: other work has its turn after them. */
const piece = 256;

/**
 * How long the output of a run that has ended is read: of one that was stopped, and of one that ended by itself. What is
 * unread then is lost, as after a crash.
 */
const drainWithin = { stopped: 2_000, ended: 10_000 };

/** Whose run it is. */
export interface LinkTarget {
  namespace: string;
  agent: string;
  instance: string;
  uid: string;
  ordinal: number;
  run: number;
  startId: string;
  ref: string;
  /** The Runtime's name. */
  runtime: string;
}

export interface LinkDeps {
  target: LinkTarget;
  /** That of the Runtime's session as it is now; undefined where it has none. */
  driver: () => Driver | undefined;
  protocol: Protocol;
  record: LinkRecord | undefined;
  writer: Writer;
  clock: Clock;
  log: Log;
  version: string;
  settings: Pick<ConnectOptions, 'model' | 'systemPrompt' | 'session'>;
  /** Where the agent finds the controller's tools; undefined where the spec gives it none. */
  tools(): Promise<McpOffer | undefined>;
  /** Turns that an earlier connection began. */
  turns: readonly Turn[];
  /** Those that were given up, and that it may work on still. */
  givenUp: readonly Turn[];
  host: Omit<Host, 'ready' | 'unready' | 'garbage'>;
  /** Its state has changed. */
  changed(link: Link): void;
  /** The run has ended and everything it wrote was taken in. */
  drained(link: Link): void;
}

/**
 * The controller's side of one run's pipes. What follows from a line is written together with the cursor behind it, so
 * that after a crash it is read on from there: nothing is taken in twice or never.
 */
export class Link {
  readonly target: LinkTarget;
  readonly protocol: Protocol;
  state: TalkView['state'] = 'Connecting';
  since: Instant;
  message = 'Connecting.';
  facts: Facts | undefined;
  tools: McpOffer | undefined;
  connection: Connection | undefined;
  /** Some of what the run wrote cannot be read any more. */
  unread = false;
  /** When something last went on in it. */
  activeAt: Instant;
  /** It was found to go on with a turn after its end. */
  speaksLate = false;
  /** Why it cannot go on without a restart. */
  failure: { reason: string; message: string } | undefined;
  readonly #deps: LinkDeps;
  readonly log: Log;
  readonly #abort = new AbortController();
  /** Aborted with that, and when the run has been read for long enough after its end. */
  readonly #enough = new AbortController();
  #stopping = false;
  #wasStopped = false;
  readonly #pace: Bucket;
  readonly #outbox: Outbox;
  readonly #ended: Promise<void>;
  #cancelDrain: Cancel | undefined;
  /** The number of this connection must be known to the next one before anything is written. */
  #recorded: Promise<void> | undefined;
  readonly #pen: Pen;
  #attachment: Attachment | undefined;
  readonly #ledger: Ledger;
  /** Since when nobody reads its standard input. */
  #unreadSince: Instant | undefined;
  /** It has connected to the tools, as some agents do while their first session is made. */
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

  /** What the run is told to use. */
  get settings(): LinkDeps['settings'] {
    return this.#deps.settings;
  }

  /** Whether the run was read before, by an earlier controller. */
  get resumed(): boolean {
    return this.#ledger.record.epoch > 1;
  }

  /**
   * Writes entries with what follows from the line that is being taken in, or else soon. `after` is called once they
   * are on disk, `refused` in place of it where a rule of the journal refuses them.
   */
  push(entries: readonly Entry[], after?: () => void, refused?: (error: unknown) => void): void {
    this.#ledger.push({ entries, after, refused });
  }

  /** The Instance is being stopped: it takes no more messages, and what is cut short is not its fault. */
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

  /** It has done a turn: it has connected to them by now, if it does at all. */
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

  /** What the agent has told of its account. */
  get account(): Readonly<Partial<Record<AccountName, ControlView>>> {
    return (this.facts?.account ?? {}) as Partial<Record<AccountName, ControlView>>; // as `#tell` wrote it
  }

  /** It has told that something is wrong with its account. */
  accountFails(name: AccountName, reason: string, message: string): void {
    if (this.account[name]?.message === message) return;
    this.#tell({ ...this.account, [name]: { status: 'False', reason, message } });
  }

  /** It has completed a turn: whatever was wrong is right again. */
  accountWorks(): void {
    const names = Object.entries(this.account).flatMap(([name, { status }]) =>
      status === 'False' ? [name] : [],
    );
    if (names.length === 0) return;
    const works = { status: 'True', reason: 'TurnCompleted', message: 'A turn has been completed since.' };
    this.#tell({ ...this.account, ...Object.fromEntries(names.map((name) => [name, works])) });
  }

  #tell(account: object): void {
    if (this.facts === undefined) return;
    this.facts = { ...this.facts, account };
    this.#ledger.change({ facts: this.facts });
    this.push([]);
    this.#deps.changed(this);
  }

  /** The run must be restarted. */
  fail(reason: string, message: string): void {
    if (this.failure !== undefined || this.state === 'Drained') return;
    this.failure = { reason, message };
    this.#deps.changed(this);
  }

  /** The agent asks for something: less of its output is taken in for that. */
  charge(): void {
    this.#pace.charge(price.request);
  }

  /** Its run has ended: the output is read to its end, but not forever, and nobody waits for answers. */
  runEnded(): void {
    this.#outbox.close();
    const most = this.#wasStopped ? drainWithin.stopped : drainWithin.ended;
    this.#cancelDrain ??= this.#deps.clock.after(most, () => {
      this.#cancelDrain = undefined;
      if (this.#ledger.full)
        this.runEnded(); // it waits for the disk, and not for the agent
      else this.#stop();
    });
  }

  /** Gives the connection up; the run goes on. Resolves when what was read is written. */
  async close(reason: string): Promise<void> {
    this.#abort.abort();
    this.#stop();
    this.connection?.close(reason);
    this.#ledger.flush();
    await this.#ended;
  }

  /** Reads and writes nothing more. */
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
          if (error instanceof DriverError && error.reason === 'Gone') {
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

  /** Whether it has read to the end of the run: the output also ends where the driver is closed, as for a new session. */
  async #read(): Promise<boolean> {
    const { target } = this.#deps;
    const driver = this.#deps.driver();
    if (driver === undefined)
      throw new DriverError('Offline', 'RuntimeMissing', `the Runtime ${target.runtime} does not exist`);
    const { signal } = this.#enough;
    const { run, startId } = target;
    this.#recorded ??= this.#ledger.begin();
    this.#recorded.catch(() => {}); // it may fail while the pipes are being opened; who awaits it below is told
    const { cursor } = this.#ledger.record;
    const { cut } = this.#pen;
    const attachment = await driver.attach(target.ref, { run, startId, cursor, cut, signal });
    this.#attachment = attachment;
    try {
      await this.#recorded;
      if (this.connection === undefined) this.tools = await this.#offered();
      this.#connect(attachment);
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

  /** Until more can be taken in: the disk keeps up, the agent reads its answers, and it has not said too much. */
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

  /** Nothing that fails here keeps the output from being read. */
  async #offered(): Promise<McpOffer | undefined> {
    try {
      return await this.#deps.tools();
    } catch (error) {
      return {
        unavailable: `The controller cannot offer them: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  /** Once; a pipe that was lost and opened again goes on with the same connection. */
  #connect(attachment: Attachment): void {
    if (this.connection !== undefined) return;
    const { protocol, clock, version, settings, turns, givenUp } = this.#deps;
    const { log } = this;
    const facts = this.#ledger.record.facts as Facts | undefined; // as the protocol gave it
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
        workingDir: attachment.workingDir,
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
      if (isOpen && error instanceof DriverError && error.reason === 'NotRunning')
        this.#refused(error.message);
      throw error;
    }
  }

  /** A run that goes on and reads no input any more cannot be talked to. */
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

  /** A flood of them is told once a second. */
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

  /** Hands what is to be written to the writer now. */
  flush(): void {
    this.#ledger.flush();
  }

  /** A fault of ours with one line costs that line, and no more. */
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
