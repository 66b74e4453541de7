import { spawn } from 'node:child_process';
import type { AnyObject, PolicySpec } from '../api/objects.ts';
import type { Log } from '../platform/log.ts';
import type { Happening } from './events.ts';

const timeout = 10_000;
const atOnce = 8;
const waitingAtMost = 1_000;

type Target = PolicySpec['notify'][number];

export interface NotifierParts {
  policyOf: (about: AnyObject) => PolicySpec | undefined;
  /** Whether what a namespace says may run on this host: as for its processes. */
  mayRunHere: (namespace: string) => boolean;
  log: Log;
}

/** Policy.notify: tells a webhook or a command of Events. At most a few at once, and nothing ever waits for one. */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  happened(about: AnyObject, happening: Happening): void {
    for (const target of this.#parts.policyOf(about)?.notify ?? []) {
      if (!target.reasons.some((reason) => reason === '*' || reason === happening.reason)) continue;
      if (this.#waiting.length >= waitingAtMost) {
        this.#parts.log.warn({ notify: target.name }, 'too many notifications wait: one was dropped');
        continue;
      }
      const { apiVersion, kind, metadata } = about;
      if (target.command !== undefined && !this.#parts.mayRunHere(metadata.namespace ?? '')) {
        this.#parts.log.warn(
          { notify: target.name, namespace: metadata.namespace },
          'a notification runs no command: no Runtime of this host takes processes of its namespace',
        );
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
      this.#waiting.push(() => this.#tell(target, body));
    }
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

  async #tell(target: Target, body: string): Promise<void> {
    try {
      if (target.webhook !== undefined) await post(target.webhook.url, body);
      else if (target.command !== undefined) await run(target.command, body);
    } catch (error) {
      this.#parts.log.warn({ err: error, notify: target.name }, 'a notification failed');
    }
  }
}

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
