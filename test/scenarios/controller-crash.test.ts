/**
 * Kill -9 of the controller at every step between claim and effect, while agents start, crash and are updated. After
 * its return the same processes run, nothing was started twice, and the counts are right.
 */
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { eventually } from './support.ts';

const agents = 10;
const program = join(import.meta.dirname, 'crashing.ts');

/** Each start appends a line to a file of its instance: what really ran, whatever the controller thinks of it. */
const manifest = (starts: string, extra: string): string =>
  Array.from(
    { length: agents },
    (_, n) => `
apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: a${n} }
spec:
  minReady: 50ms
  policy: { backoff: { schedule: [100ms], jitter: 0 }, stop: { gracePeriod: 200ms } }
  template:
    env: [{ name: STARTS, value: ${starts} }, { name: EXTRA, value: "${extra}" }]
    command: [sh, -c, 'echo "$$$$ $EXTRA" >> $STARTS/$AGENTCTL_INSTANCE; exec sleep 100000']
---`,
  ).join('\n');

class Story {
  readonly folder = mkdtempSync(join(tmpdir(), 'agentctl-crash-'));
  readonly state = join(this.folder, 'state');
  readonly starts = mkdtempSync(join(this.folder, 'starts-'));
  readonly file = join(this.folder, 'agents.yaml');

  want(extra: string): void {
    writeFileSync(this.file, manifest(this.starts, extra));
  }

  /** Runs a controller that dies at the step; answers the child, which may be dead already. */
  controller(crashAt: number) {
    return fork(program, [this.state, this.file, String(crashAt)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** Reads the store. */
  async instances(): Promise<Instance[]> {
    const store = openStore(join(this.state, 'agentctl.db'), { log: silentLog });
    const { rows } = await store.list('/agentctl.dev/instances/');
    await store.close();
    return rows.map(({ value }) => JSON.parse(value) as Instance); // the registry wrote it
  }

  startsOf(instance: string): string[] {
    const path = join(this.starts, instance);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  alive(instance: string): number[] {
    return this.startsOf(instance)
      .map((line) => Number(line.split(' ')[0]))
      .filter((pid) => isOurs(pid, this.starts));
  }

  /** Until it dies by itself, or every agent runs as wanted; then it is killed. */
  async run(crashAt: number, settled: () => boolean | Promise<boolean>): Promise<void> {
    const child = this.controller(crashAt);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await Promise.race([ended, eventually(settled, Boolean, 20_000)]);
    child.kill('SIGKILL');
    await ended;
  }

  end(): void {
    for (const name of readdirSync(this.starts)) {
      for (const pid of this.alive(name)) process.kill(pid, 'SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A pid may be somebody else's by now. */
function isOurs(pid: number, starts: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(starts);
  } catch {
    return false;
  }
}

const names = Array.from({ length: agents }, (_, n) => `a${n}-0`);

describe.skipIf(process.platform !== 'linux')('a controller that is killed at every step', () => {
  let story: Story;
  beforeAll(() => {
    story = new Story();
  });
  afterAll(() => story.end());

  const oneEach = (): boolean => names.every((name) => story.alive(name).length === 1);

  test('starts each instance once, however often it dies on the way', async () => {
    story.want('first');
    for (let step = 1; step <= 60; step += 1) await story.run(step, oneEach);
    await story.run(0, oneEach);
    for (const name of names) expect(story.startsOf(name), name).toHaveLength(1);
  });

  test('adopts what runs: the same processes, no new start, no failure counted', async () => {
    const before = names.map((name) => story.alive(name));
    for (let step = 1; step <= 12; step += 1) await story.run(step, oneEach);
    await story.run(0, oneEach);
    expect(names.map((name) => story.alive(name))).toEqual(before);
    for (const { metadata, status } of await story.instances()) {
      expect(status?.restartCount ?? 0, metadata.name).toBe(0);
      expect(status?.failures ?? 0, metadata.name).toBe(0);
    }
  });

  test('restarts what was killed meanwhile once, and counts each restart once', async () => {
    for (let step = 1; step <= 30; step += 1) {
      const one = names[step % agents] ?? '';
      const starts = story.startsOf(one).length;
      for (const pid of story.alive(one)) process.kill(pid, 'SIGKILL');
      const back = (): boolean => oneEach() && story.startsOf(one).length > starts;
      await story.run(step, back);
      await story.run(0, back);
      expect(story.startsOf(one), one).toHaveLength(starts + 1);
    }
    // A restart is counted once it is seen, a moment after the process has begun.
    const counts = async (): Promise<[string, number][]> =>
      (await story.instances()).map(({ metadata, status }) => [metadata.name, status?.restartCount ?? 0]);
    const began = (): [string, number][] => names.map((name) => [name, story.startsOf(name).length - 1]);
    await story.run(0, async () => isDeepStrictEqual(new Map(await counts()), new Map(began())));
    expect(new Map(await counts())).toEqual(new Map(began()));
  });

  test('replaces each instance once for a changed spec', async () => {
    const before = new Map(names.map((name) => [name, story.startsOf(name).length]));
    story.want('second');
    const replaced = (): boolean =>
      oneEach() && names.every((name) => story.startsOf(name).at(-1)?.endsWith('second') === true);
    for (let step = 1; step <= 60; step += 2) await story.run(step, replaced);
    await story.run(0, replaced);
    for (const name of names) expect(story.startsOf(name), name).toHaveLength((before.get(name) ?? 0) + 1);
  });
});
