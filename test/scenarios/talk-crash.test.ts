/**
 * SIGKILL of agents at random moments of their turns, and of the controller at its commits and at random moments. Each
 * message ends completed, once, in the order of its conversation, and each side effect is there once.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Answer, ScriptedMessage } from './talk-crashing.ts';

const program = join(import.meta.dirname, 'talk-crashing.ts');
const scripts = join(import.meta.dirname, '../agents');
const seeds = Number(process.env.TALK_CRASH_SEEDS ?? 3);
const conversations = 4;
const newMessages = 6;

/** Numbers from 0 to 1 that follow from the seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Story {
  readonly folder = mkdtempSync(join(tmpdir(), 'agentctl-talk-crash-'));
  readonly sent = new Map<string, { id: string; conversation: string }>();
  kills = 0;
  crashes = 0;
  readonly #state = join(this.folder, 'state');
  readonly #manifest = join(this.folder, 'agents.yaml');
  readonly #random: () => number;
  readonly #agent: string;
  readonly #texts: ReadonlyMap<string, string>;

  constructor(agent: 'jsonl' | 'acp', seed: number) {
    this.#agent = agent;
    this.#random = random(seed);
    const textOf = (key: string) => `say a${key} \neffect e${key}\nsleep ${this.between(0, 60)}\nsay b${key}`;
    this.#texts = new Map(keys.map((key) => [key, textOf(key)]));
    writeFileSync(
      this.#manifest,
      `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: ${agent} }
spec:
  minReady: 0s
  protocol: ${agent}
  replicas: 2
  conversations: { perInstance: 2 }
  policy: { backoff: { schedule: [50ms], jitter: 0 }, messages: { maxAttempts: 100 } }
  template:
    command: ${JSON.stringify([process.execPath, join(scripts, `${agent}.mjs`)])}
    env: [{ name: STORY, value: ${this.folder} }]
`,
    );
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** One life of a controller: until it dies, or all that was sent has ended. Answers whether it has. */
  async live(crashAt: number, lasts: number): Promise<boolean> {
    const child = fork(program, [this.#state, this.#manifest, String(crashAt)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const timers: NodeJS.Timeout[] = [];
    let done = false;
    child.on('message', (answer: Answer) => {
      switch (answer.type) {
        case 'started':
          // It may die just then.
          timers.push(setInterval(() => child.connected && child.send('open', () => {}), 100));
          timers.push(setInterval(() => this.#random() < 0.3 && this.kill(), 100));
          if (crashAt !== 0) timers.push(setTimeout(() => child.kill('SIGKILL'), lasts));
          for (let conversation = 0; conversation < conversations; conversation += 1)
            this.#next(conversation, (newMessage) => child.send(newMessage));
          return;
        case 'sent': {
          const { key, id, conversation } = answer;
          this.sent.set(key, { id, conversation });
          this.#next(Number(key.split('-')[0]), (newMessage) => child.connected && child.send(newMessage));
          return;
        }
        case 'open':
          done = answer.count === 0 && this.sent.size === conversations * newMessages;
          if (done) child.kill('SIGKILL');
      }
    });
    await ended;
    for (const timer of timers) clearInterval(timer);
    if (!done) this.crashes += 1;
    return done;
  }

  /** The next message of a conversation, with the same key and text as long as nobody has said that it was accepted. */
  #next(conversation: number, send: (newMessage: ScriptedMessage) => void): void {
    for (let n = 0; n < newMessages; n += 1) {
      const key = `${conversation}-${n}`;
      if (this.sent.has(key)) continue;
      const text = this.#texts.get(key) ?? '';
      send({ agent: this.#agent, text, key, conversation: this.sent.get(`${conversation}-0`)?.conversation });
      return;
    }
  }

  /** Kills one of the agents that are up. */
  kill(): void {
    const pids = this.pids();
    const pid = pids[this.between(0, pids.length - 1)];
    if (pid === undefined) return;
    this.kills += 1;
    end(pid);
  }

  pids(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => read(`/proc/${pid}/environ`).includes(`STORY=${this.folder}`))
      .filter((pid) => read(`/proc/${pid}/cmdline`).includes(`${this.#agent}.mjs`))
      .map(Number);
  }

  effects(): string[] {
    const lines: string[] = [];
    for (const file of readdirSync(this.#state, { recursive: true, encoding: 'utf8' }))
      if (file.endsWith('effects.log')) lines.push(...read(join(this.#state, file)).trim().split('\n'));
    return lines.map((line) => line.split(' ')[0] ?? '').sort();
  }

  journal() {
    return openJournal(join(this.#state, 'journal.db'), { log: silentLog });
  }

  end(): void {
    for (const pid of this.pids()) end(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}

const keys = Array.from(
  { length: conversations * newMessages },
  (_, n) => `${Math.floor(n / newMessages)}-${n % newMessages}`,
);

describe.skipIf(process.platform !== 'linux')('agents and a controller that are killed', () => {
  for (const agent of ['jsonl', 'acp'] as const)
    for (let seed = 1; seed <= seeds; seed += 1)
      test(`lose no message and do nothing twice: ${agent}, seed ${seed}`, { timeout: 120_000 }, async () => {
        const story = new Story(agent, seed);
        try {
          let done = false;
          for (let life = 0; life < 5 && !done; life += 1)
            done = await story.live(story.between(1, 80), story.between(300, 3_000));
          if (!done) done = await story.live(0, 0);
          expect(done).toBe(true);
          const journal = story.journal();
          for (const key of keys) {
            const message = journal.message(story.sent.get(key)?.id ?? '');
            const { state, answer, reason, error } = message ?? {};
            expect({ key, state, answer }, `${reason}: ${error}`).toMatchObject({
              key,
              state: 'Completed',
              answer: expect.stringMatching(new RegExp(`^a${key} ?b${key}$`)),
            });
          }
          expect(journal.messages()).toHaveLength(keys.length);
          const ends = keys.map((key) => journal.message(story.sent.get(key)?.id ?? '')?.endedAt ?? 0);
          for (const [n, key] of keys.entries())
            if (!key.endsWith('-0')) expect(ends[n], key).toBeGreaterThanOrEqual(ends[n - 1] ?? 0);
          await journal.close();
          expect(story.effects()).toEqual(keys.map((key) => `e${key}`).sort());
          if (process.env.TALK_CRASH_SEEDS !== undefined)
            console.log(agent, seed, { kills: story.kills, crashes: story.crashes });
        } finally {
          story.end();
        }
      });
});
