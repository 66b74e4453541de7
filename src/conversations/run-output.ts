import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attachment, OutputLine } from '../drivers/attachment.ts';
import { type Driver, DriverError, requireFeature } from '../drivers/driver.ts';
import { Bucket, type Cancel, type Clock, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Ledger } from './ledger.ts';
import type { LinkTarget } from './ports.ts';
import type { Outbox, Pen } from './run-input.ts';

const attachAgain = 500;

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

export interface RunOutputDeps {
  target: LinkTarget;
  /** Returns the driver of the Runtime's current session, or undefined if there is none. */
  driver: () => Driver | undefined;
  clock: Clock;
  log: Log;
  ledger: Ledger;
  outbox: Outbox;
  pen: Pen;
  /** The pipes are open. Lines are read when it resolves. */
  opened(attachment: Attachment): Promise<void>;
  /** Some output of the run can no longer be read. */
  lost(): void;
  /** Handles a line. */
  line(text: string): void;
  /** The run has ended and all its output was handled. */
  drained(): void;
}

/** Reads the output of one run to its end, as fast as its effects can be written. Opens lost pipes again. */
export class RunOutput {
  readonly #deps: RunOutputDeps;
  readonly #abort = new AbortController();
  /** Aborted with `#abort`, and when the time to read an ended run is over. */
  readonly #enough = new AbortController();
  readonly #pace: Bucket;
  #cancelDrain: Cancel | undefined;
  /** The next connection must know the number of this one before anything is written. */
  #recorded: Promise<void> | undefined;
  #attachment: Attachment | undefined;
  readonly #ended: Promise<void>;

  constructor(deps: RunOutputDeps) {
    this.#deps = deps;
    this.#pace = new Bucket(deps.clock, pace);
    this.#ended = this.#run();
  }

  /** The open pipes. */
  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Charges a request of the agent to the limit on its output. */
  charge(): void {
    this.#pace.charge(price.request);
  }

  /** The run has ended: its output is read to the end within a limit of time, and nobody waits for answers. */
  runEnded(wasStopped: boolean): void {
    this.#deps.outbox.close();
    const most = wasStopped ? drainWithin.stopped : drainWithin.ended;
    this.#cancelDrain ??= this.#deps.clock.after(most, () => {
      this.#cancelDrain = undefined;
      if (this.#deps.ledger.full)
        this.runEnded(wasStopped); // waits for the disk, not for the agent
      else this.#stop();
    });
  }

  /** Stops reading and writing. The run continues. */
  abort(): void {
    this.#abort.abort();
    this.#stop();
  }

  /** Resolves when nothing more is read. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Stops reading and writing. */
  #stop(): void {
    this.#enough.abort();
    this.#deps.outbox.close();
    this.#attachment?.close();
  }

  async #run(): Promise<void> {
    const { clock, log, target } = this.#deps;
    const { signal } = this.#abort;
    const enough = this.#enough.signal;
    const about = { instance: target.instance, run: target.run };
    try {
      while (!signal.aborted) {
        try {
          const isWhole = enough.aborted || (await this.#read());
          if (signal.aborted) return;
          if (!isWhole && !enough.aborted) continue;
          if (enough.aborted) {
            log.warn(about, 'the rest of the output of a run that has ended is passed over');
            this.#deps.lost();
          }
          return this.#deps.drained();
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof DriverError && error.code === 'Gone') {
            log.warn({ ...about, err: error }, 'the rest of a run cannot be read');
            this.#deps.lost();
            return this.#deps.drained();
          }
          log.info({ ...about, err: error }, 'the pipes of a run were lost');
          await sleep(clock, attachAgain, enough);
        }
      }
    } catch (error) {
      log.error({ ...about, err: error }, 'a connection to an agent failed');
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
    this.#recorded ??= this.#deps.ledger.begin();
    this.#recorded.catch(() => {}); // it may fail before the pipes are open; the await below handles it
    const { cursor } = this.#deps.ledger.record;
    const { cut } = this.#deps.pen;
    requireFeature(driver, 'stdio');
    const attachment = await driver.stdio.attach(target.ref, { run, startId, cursor, cut, signal });
    this.#attachment = attachment;
    try {
      await this.#recorded;
      await this.#deps.opened(attachment);
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
    if (this.#deps.ledger.full) await this.#deps.ledger.room();
    if (this.#deps.outbox.full) {
      this.#deps.log.warn(
        { instance: target.instance, run: target.run },
        'an agent does not read its answers: its output is not read until it does',
      );
      await this.#deps.outbox.room();
    }
    const { debt } = this.#pace;
    if (debt > 0) await sleep(clock, debt, this.#enough.signal);
  }

  #take(lines: readonly OutputLine[]): void {
    this.#deps.ledger.batch(this.#deps.clock.now(), () => {
      for (const line of lines) {
        this.#takeLine(line);
        this.#deps.ledger.passed(line.cursor);
      }
    });
  }

  #takeLine({ text, cut, gap }: OutputLine): void {
    const { instance } = this.#deps.target;
    this.#pace.charge(text === '' ? price.emptyLine : (cut ?? text.length) + price.line);
    if (gap === true) {
      this.#deps.log.warn({ instance }, 'output of an agent may have been lost');
      this.#deps.lost();
    }
    if (cut !== undefined)
      this.#deps.log.warn({ instance, bytes: cut }, 'a line of an agent was too long and is passed over');
    else if (text !== '') this.#deps.line(text);
  }
}
