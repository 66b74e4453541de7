import { spawn } from 'node:child_process';
import { AgentctlError, retryOf } from '../api/errors.ts';
import type { AnyObject, PolicySpec } from '../api/objects.ts';
import type { NewEvent } from '../client/recorder.ts';
import { type Author, takeOver, wroteIt } from '../plan/allow.ts';
import type { Clock } from '../platform/clock.ts';
import { type Log, limitedLog } from '../platform/log.ts';
import { retryDelay } from '../platform/retry.ts';
import { bytesOf, type FindInput } from './runspec.ts';

const timeout = 10_000;
const atOnce = 8;
const waitingAtMost = 1_000;
/** Total attempts for one notification. */
const mostTries = 5;
const retry = { from: 1_000, upTo: 10_000 };

type Target = PolicySpec['notify'][number];

export interface NotifierDeps {
  /** Returns the policy in force and its author. */
  policyOf: (about: AnyObject) => { spec: PolicySpec; author: Author | undefined } | undefined;
  /** Returns whether a command from an object of this namespace may run on this host as the controller's user. */
  mayRunHere: (namespace: string, author: Author | undefined) => boolean;
  /** Reports that a command was not run. */
  refused: (about: AnyObject, newEvent: NewEvent) => void;
  /** Finds the Secrets of one namespace. */
  findInput: (namespace: string) => FindInput;
  /** Name of this host. */
  host: string;
  clock: Clock;
  log: Log;
}

interface Notification {
  target: Target;
  body: string;
  namespace: string;
}

/** This Event itself causes no notification. */
const refusedReason = 'NotifyCommandNotAllowed';

/**
 * Implements Policy.notify: reports Events to a webhook or a command. Few run at once, and nothing waits for them. An
 * Event happens once and no object holds it, so this is no reconciler.
 */
export class Notifier {
  readonly #deps: NotifierDeps;
  readonly #log: Log;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
    this.#log = limitedLog(deps.log, deps.clock);
  }

  notify(about: AnyObject, newEvent: NewEvent): void {
    if (newEvent.reason === refusedReason) return;
    const { spec, author } = this.#deps.policyOf(about) ?? {};
    for (const target of spec?.notify ?? []) {
      if (!target.reasons.some((reason) => reason === '*' || reason === newEvent.reason)) continue;
      const { apiVersion, kind, metadata } = about;
      if (target.command !== undefined && !this.#deps.mayRunHere(metadata.namespace ?? '', author)) {
        const message = notRun(target.name, metadata.namespace ?? '', author);
        this.#log.warn({ notify: target.name, namespace: metadata.namespace }, message);
        this.#deps.refused(about, { type: 'Warning', reason: refusedReason, message });
        continue;
      }
      const involvedObject = {
        apiVersion,
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
      };
      const time = new Date(this.#deps.clock.now()).toISOString();
      const { type, reason, message } = newEvent;
      const agent = agentOf(about);
      const body = JSON.stringify({
        time,
        type,
        reason,
        message,
        agent,
        host: this.#deps.host,
        involvedObject,
      });
      this.#enqueue({ target, body, namespace: metadata.namespace ?? 'default' }, 1);
    }
  }

  #enqueue(notification: Notification, tries: number): void {
    const { target } = notification;
    if (this.#waiting.length >= waitingAtMost) {
      this.#log.warn({ notify: target.name }, 'too many notifications are waiting; one was dropped');
      return;
    }
    this.#waiting.push(() => this.#send(notification, tries));
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

  /** Returns the current header values. Throws if a Secret is missing. */
  #headers({ headers = [] }: NonNullable<Target['webhook']>, namespace: string): Record<string, string> {
    const out: Record<string, string> = {};
    for (const { name, value, secretKeyRef: ref } of headers) {
      const secret = ref === undefined ? undefined : this.#deps.findInput(namespace)('Secret', ref.name);
      const bytes = ref === undefined || secret === undefined ? undefined : bytesOf(secret, ref.key);
      const text = value ?? (bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8').trim());
      if (text !== undefined) out[name.toLowerCase()] = text;
      else if (ref?.optional !== true)
        throw new Error(`the header ${name}: the Secret ${ref?.name} has no key ${ref?.key}`);
    }
    return out;
  }

  /** Sends one notification. */
  async #send(notification: Notification, tries: number): Promise<void> {
    const { target, body, namespace } = notification;
    try {
      if (target.webhook !== undefined)
        await post(target.webhook.url, body, this.#headers(target.webhook, namespace));
      else if (target.command !== undefined) await run(target.command, body);
    } catch (error) {
      const again = retryOf(error) !== 'Never' && tries < mostTries;
      this.#log.warn({ err: error, notify: target.name, tries, again }, 'a notification failed');
      if (!again) return;
      const delay = retryDelay(retry, tries, Math.random());
      this.#deps.clock.after(delay, () => this.#enqueue(notification, tries + 1));
    }
  }
}

/** Returns the name of the Agent that an Event is about, or undefined. */
const agentOf = (about: AnyObject): string | undefined =>
  about.kind === 'Agent' ? about.metadata.name : about.kind === 'Instance' ? about.spec.agentName : undefined;

const notRun = (name: string, namespace: string, author: Author | undefined): string =>
  author === undefined
    ? `notify ${name} runs no command: no Runtime of this host lets the namespace ${namespace} run as the controller's user; see its allowedNamespaces and allow.controllerUser.`
    : `notify ${name} runs no command: ${wroteIt(author)}, and it would run as the controller's user; ${takeOver(author)}, or set allow.controllerUser to true in the process Runtime of the namespace ${namespace}.`;

async function post(url: string, body: string, given: Readonly<Record<string, string>>): Promise<void> {
  const headers = { 'content-type': 'application/json', ...given };
  const response = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(timeout) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}

/** Not retried: the command may have done its work before it failed. */
class CommandFailed extends AgentctlError<'CommandFailed'> {
  constructor(cause: unknown) {
    super('CommandFailed', cause instanceof Error ? cause.message : String(cause), { cause, retry: 'Never' });
    this.name = 'CommandFailed';
  }
}

function run(command: readonly string[], body: string): Promise<void> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(new CommandFailed(cause));
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'], timeout, killSignal: 'SIGKILL' });
    child.on('error', fail);
    child.on('close', (code, signal) =>
      code === 0 ? resolve() : fail(`${file} ended with ${signal ?? code}`),
    );
    child.stdin.on('error', fail);
    child.stdin.end(body);
  });
}
