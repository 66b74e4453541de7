import type { Worker } from 'node:worker_threads';
import { AgentctlError } from '../api/errors.ts';
import type { Cancel, Clock } from './clock.ts';

export type ThreadReason =
  /** The job exceeded its timeout. */
  | 'Timeout'
  /** The job exceeded the memory limit of the thread. */
  | 'OutOfMemory'
  /** The thread ended during the job. */
  | 'Crashed'
  /** Too many jobs are waiting. */
  | 'Busy'
  /** The caller's signal aborted, or `close` was called. */
  | 'Aborted';

export class ThreadError extends AgentctlError<ThreadReason> {
  constructor(reason: ThreadReason, message: string, options: { cause?: unknown } = {}) {
    super(reason, message, options);
    this.name = 'ThreadError';
  }
}

export interface ThreadDeps {
  /** Starts the worker, which calls `answerJobs`. The caller sets its memory limits. */
  start: () => Worker;
  clock: Clock;
  /** Milliseconds without a job after which the thread ends. */
  idle: number;
  /** Maximum number of waiting jobs of one owner. Further jobs are refused. */
  mostWaiting: number;
}

export interface JobOptions {
  /** Owners take turns. So an owner with many jobs delays the others by only one job at a time. */
  owner: string;
  /** Timeout in milliseconds, without the time in the queue. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  value: unknown;
  /** Milliseconds that the job ran. */
  took: number;
}

interface Job extends JobOptions {
  input: unknown;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/**
 * Runs jobs one at a time in its own thread. The thread starts with the first job, and ends when it has been idle. A
 * job that exceeds its time or memory ends together with the thread. The next job gets a new thread.
 */
export class Thread {
  readonly #deps: ThreadDeps;
  /** By owner, in the order of their turns. No list is empty. */
  readonly #waiting = new Map<string, Job[]>();
  #worker: Worker | undefined;
  #running: Job | undefined;
  #cancelIdle: Cancel = () => {};

  constructor(deps: ThreadDeps) {
    this.#deps = deps;
  }

  get isUp(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Runs a job and returns the answer of the worker. Input and answer are copied (structured clone). Throws
   * ThreadError, and an Error if the worker's code throws.
   */
  run(input: unknown, options: JobOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) return reject(aborted(options.signal.reason));
      const queue = this.#waiting.get(options.owner) ?? [];
      if (queue.length >= this.#deps.mostWaiting)
        return reject(new ThreadError('Busy', `${queue.length} jobs of ${options.owner} wait already`));
      queue.push(this.#job(input, options, resolve, reject));
      this.#waiting.set(options.owner, queue);
      this.#next();
    });
  }

  /** Ends the thread and rejects all jobs. A later job starts a new thread. */
  async close(): Promise<void> {
    const jobs = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    for (const job of jobs) job.reject(aborted());
    this.#running?.reject(aborted());
    await this.#end();
  }

  #job(
    input: unknown,
    options: JobOptions,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ): Job {
    const settled = (): void => options.signal?.removeEventListener('abort', abort);
    const job: Job = {
      ...options,
      input,
      resolve: (answer) => {
        settled();
        resolve(answer);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    };
    const abort = (): void => {
      this.#withdraw(job);
      job.reject(aborted(options.signal?.reason));
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    return job;
  }

  /** A running job cannot be cancelled, so its thread is ended. */
  #withdraw(job: Job): void {
    if (this.#running === job) {
      void this.#end();
      this.#next();
      return;
    }
    const queue = this.#waiting.get(job.owner)?.filter((other) => other !== job) ?? [];
    if (queue.length === 0) this.#waiting.delete(job.owner);
    else this.#waiting.set(job.owner, queue);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#rest();
      return;
    }
    const [owner, queue] = turn;
    const job = queue.shift();
    this.#waiting.delete(owner);
    if (queue.length > 0) this.#waiting.set(owner, queue);
    if (job !== undefined) this.#start(job);
  }

  #start(job: Job): void {
    const { clock } = this.#deps;
    this.#cancelIdle();
    this.#running = job;
    let worker: Worker;
    try {
      worker = this.#worker ?? this.#deps.start();
    } catch (cause) {
      this.#running = undefined;
      job.reject(new ThreadError('Crashed', `the thread cannot be started: ${String(cause)}`, { cause }));
      this.#next();
      return;
    }
    this.#worker = worker;
    const begun = clock.now();
    const over = (settle: () => void): void => {
      cancel();
      worker.removeAllListeners();
      worker.on('error', () => {}); // its exit follows
      worker.on('exit', () => {
        if (this.#worker === worker) this.#worker = undefined;
      });
      if (this.#running !== job) return; // withdrawn
      this.#running = undefined;
      settle();
      this.#next();
    };
    const fail = (error: ThreadError): void =>
      over(() => {
        void this.#end();
        job.reject(error);
      });
    const cancel = clock.after(job.timeout, () =>
      fail(new ThreadError('Timeout', `the job ran longer than ${job.timeout / 1000} s`)),
    );
    worker.removeAllListeners();
    worker.ref();
    worker.on('message', (message: Reply) =>
      over(() => {
        const took = clock.now() - begun;
        if ('value' in message) job.resolve({ value: message.value, took });
        else job.reject(new Error(message.error));
      }),
    );
    worker.on('messageerror', (cause) => fail(new ThreadError('Crashed', String(cause), { cause })));
    worker.on('error', (cause) => fail(new ThreadError(reasonOf(cause), String(cause), { cause })));
    worker.on('exit', (code) => fail(new ThreadError('Crashed', `the thread ended with ${code}`)));
    worker.postMessage(job.input);
  }

  #rest(): void {
    const worker = this.#worker;
    if (worker === undefined) return;
    worker.unref();
    this.#cancelIdle();
    this.#cancelIdle = this.#deps.clock.after(this.#deps.idle, () => void this.#end());
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#cancelIdle();
    this.#worker = undefined;
    this.#running = undefined;
    await worker?.terminate();
  }
}

type Reply = { value: unknown } | { error: string };

interface Port {
  on(event: 'message', take: (input: unknown) => void): unknown;
  postMessage(value: unknown): void;
}

/** The worker's side: answers jobs one after the other. */
export function answerJobs(port: Port, work: (input: unknown) => unknown): void {
  port.on('message', (input) => {
    let reply: Reply;
    try {
      reply = { value: work(input) };
    } catch (error) {
      reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    port.postMessage(reply);
  });
}

const aborted = (cause?: unknown): ThreadError =>
  new ThreadError('Aborted', 'the job was cancelled', { cause });

const reasonOf = (error: unknown): ThreadReason =>
  error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? 'OutOfMemory'
    : 'Crashed';
