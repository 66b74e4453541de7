import { spawn } from 'node:child_process';
import type { AnyObject, PolicySpec } from '../api/objects.ts';
import { type Author, takeOver, wroteIt } from '../plan/allow.ts';
import type { Clock } from '../platform/clock.ts';
import { limitedLog } from '../platform/limited-log.ts';
import type { Log } from '../platform/log.ts';
import { retryDelay } from '../platform/retry.ts';
import type { Happening } from './events.ts';

const timeout = 10_000;
const atOnce = 8;
const waitingAtMost = 1_000;
/** A webhook that does not take a notification is asked so often in all. */
const webhookTries = 5;
const retry = { from: 1_000, upTo: 10_000 };

type Target = PolicySpec['notify'][number];

export interface NotifierParts {
  /** The policy in force, and who wrote it. */
  policyOf: (about: AnyObject) => { spec: PolicySpec; author: Author | undefined } | undefined;
  /** Whether a command that a namespace names may run on this host, as the controller's user. */
  mayRunHere: (namespace: string, author: Author | undefined) => boolean;
  /** Tells people that a command was not run. */
  refused: (about: AnyObject, happening: Happening) => void;
  clock: Clock;
  log: Log;
}

/** Of this itself nobody is notified. */
const refusedReason = 'NotifyCommandNotAllowed';

/** Policy.notify: tells a webhook or a command of Events. At most a few at once, and nothing ever waits for one. */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #log: Log;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#log = limitedLog(parts.log, parts.clock);
  }

  happened(about: AnyObject, happening: Happening): void {
    if (happening.reason === refusedReason) return;
    const { spec, author } = this.#parts.policyOf(about) ?? {};
    for (const target of spec?.notify ?? []) {
      if (!target.reasons.some((reason) => reason === '*' || reason === happening.reason)) continue;
      const { apiVersion, kind, metadata } = about;
      if (target.command !== undefined && !this.#parts.mayRunHere(metadata.namespace ?? '', author)) {
        const message = notRun(target.name, metadata.namespace ?? '', author);
        this.#log.warn({ notify: target.name, namespace: metadata.namespace }, message);
        this.#parts.refused(about, { type: 'Warning', reason: refusedReason, message });
        continue;
      }
      const involvedObject = {
        apiVersion,
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
      };
      const body = JSON.stringify({ ...happening, involvedObject });
      this.#enqueue(target, body, 1);
    }
  }

  #enqueue(target: Target, body: string, tries: number): void {
    if (this.#waiting.length >= waitingAtMost) {
      this.#log.warn({ notify: target.name }, 'too many notifications wait: one was dropped');
      return;
    }
    this.#waiting.push(() => this.#tell(target, body, tries));
    this.#next();
  }

  #next(): void {
    while (this.#running < atOnce) {
      const task = this.#waiting.shift();
      if (task === undefined) return;
      this.#running += 1;
      void task().finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  /** A command is run once: it may have done its work before it failed. */
  async #tell(target: Target, body: string, tries: number): Promise<void> {
    const again = target.webhook !== undefined && tries < webhookTries;
    try {
      if (target.webhook !== undefined) await post(target.webhook.url, body);
      else if (target.command !== undefined) await run(target.command, body);
    } catch (error) {
      this.#log.warn({ err: error, notify: target.name, tries, again }, 'a notification failed');
      if (!again) return;
      const delay = retryDelay(retry, tries, Math.random());
      this.#parts.clock.after(delay, () => this.#enqueue(target, body, tries + 1));
    }
  }
}

const notRun = (name: string, namespace: string, author: Author | undefined): string =>
  author === undefined
    ? `notify ${name} runs no command: no Runtime of this host lets the namespace ${namespace} run as the controller's user; see its allowedNamespaces and allow.controllerUser.`
    : `notify ${name} runs no command: ${wroteIt(author)}, and it would run as the controller's user; ${takeOver(author)}, or set allow.controllerUser to true in the process Runtime of the namespace ${namespace}.`;

async function post(url: string, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(timeout) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}

function run(command: readonly string[], body: string): Promise<void> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'], timeout, killSignal: 'SIGKILL' });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${file} ended with ${signal ?? code}`)),
    );
    child.stdin.on('error', reject);
    child.stdin.end(body);
  });
}
