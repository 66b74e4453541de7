/** A controller with a Sync of 1,000 manifests in a Git repository; tells its parent what its syncs take. */

import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { syncAnnotations } from '../../src/api/annotations.ts';
import { createSources } from '../../src/daemon/sources.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { inPlace } from '../../src/sources/parsing/parser.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { type Bench, openBench } from './controller.ts';
import { type History, makeHistory } from './history.ts';
import { repeated, timed, until } from './measure.ts';
import type { Kept, Syncing, Taken } from './rows/sync-set.ts';

const execute = promisify(execFile);
const files = 1000;
const rounds = 10;
const few = 100;
const many = 1000;
/** One in so many has a change. */
const nth = 5;
const commits = rounds + many / nth;

/** Eight of ten are Agents that are suspended, so that nothing but the Sync is at work; the rest what Agents refer to. */
function fileOf(file: number, version: number): string {
  if (file % 10 === 8)
    return `apiVersion: v1
kind: ConfigMap
metadata: { name: bench-${file} }
data: { greeting: hello, version: "${version}" }
`;
  if (file % 10 === 9)
    return `apiVersion: agentctl.dev/v1
kind: Policy
metadata: { name: bench-${file} }
spec:
  mode: OnDemand
  onDemand: { keepalive: ${version + 1}m }
  stop: { gracePeriod: 5s }
`;
  return `apiVersion: agentctl.dev/v1
kind: Agent
metadata:
  name: bench-${file}
  labels: { app: bench, tier: backend }
spec:
  suspend: true
  protocol: jsonl
  policyRef: { name: bench-${file - (file % 10) + 9} }
  template:
    command: [worker]
    args: [--version, "${version}"]
    env:
      - { name: LOG_LEVEL, value: info }
      - { name: GREETING, valueFrom: { configMapKeyRef: { name: bench-${file - (file % 10) + 8}, key: greeting } } }
`;
}

async function main(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: NodeJS.GCFunction = runInNewContext('gc');
  await using history = await makeHistory({ files, commits, fileOf });
  const engine = new FakeEngine({ clock: systemClock });
  let sources = '';
  await using bench = await openBench(
    (_, storeId) => createFakeDriver(engine, storeId),
    (folder) => {
      sources = join(folder, 'sources');
      return createSources({
        folder: sources,
        secrets: join(folder, 'secrets'),
        searchPath: process.env.PATH ?? '',
        clock: systemClock,
        parser: inPlace, // there is no kustomization
      });
    },
  );
  let usualPause = 0;
  const first = await taken(async () => {
    usualPause = await longestPause(async () => {
      await bench.apply(syncOf(history));
      await until(() => syncIn(bench)?.status?.revision !== undefined);
    });
  });
  await rested(bench);
  const remote = await repeated(rounds, () => timed(() => execute('git', ['ls-remote', history.url])));
  const unchanged = await repeated(rounds, () => synced(bench));
  const changed = await repeated(rounds, () => {
    history.push();
    return synced(bench);
  });
  const kept = async (from: number, to: number): Promise<Kept> => {
    let disk = 0;
    for (let sync = from; sync < to; sync += 1) {
      if (sync % nth === 0) history.push();
      await request(bench);
      disk = Math.max(disk, sizeOf(sources));
    }
    await rested(bench);
    await bench.parser.close(); // its thread has gone when it has been idle for a while
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: (heapUsed + external) / 2 ** 20, resident: rss / 2 ** 20, disk: disk / 2 ** 20 };
  };
  const after100 = await kept(0, few);
  const after1000 = await kept(few, many);
  await using large = await makeHistory({ files: 3900, commits: 1, fileOf: largeFile });
  const held = await longestPause(async () => {
    await bench.apply(syncOf(large, 'large'));
    await until(() => syncIn(bench, 'large')?.status?.revision !== undefined);
  });
  const result: Syncing = { first, remote, unchanged, changed, after100, after1000, pause: held, usualPause };
  process.send?.(result);
  process.disconnect();
}

/** 3,900 of them are nearly 16 MiB. */
const largeFile = (file: number): string => `apiVersion: v1
kind: ConfigMap
metadata: { name: large-${file} }
data:
${Array.from({ length: 10 }, (_, line) => `  line-${line}: "${'x'.repeat(400)}"\n`).join('')}`;

/** Milliseconds of processor time that this thread took at most without a pause. */
async function longestPause(action: () => Promise<void>): Promise<number> {
  const spent = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let [last, longest] = [spent(), 0];
  const timer = setInterval(() => {
    const now = spent();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await action();
  clearInterval(timer);
  return longest;
}

const syncOf = ({ url }: History, name = 'fleet'): string => `apiVersion: agentctl.dev/v1
kind: Sync
metadata: { name: ${name} }
spec:
  source: { git: { url: "${url}" } }
  interval: 1h
`;

const syncIn = (bench: Bench, name = 'fleet') => bench.controller.cache.syncs.get(`default/${name}`);

/** All that follows from the first sync is done: the Agents are accepted. */
async function rested({ revision }: Bench): Promise<void> {
  let before = -1;
  while (before !== revision()) {
    before = revision();
    await pause(2000);
  }
}

let requests = 0;

/** As `agentctl sync` does it. */
async function request(bench: Bench): Promise<void> {
  requests += 1;
  const annotations = { [syncAnnotations.requested]: String(requests) };
  const body = { metadata: { annotations } };
  await bench.resources.patch('Sync', { namespace: 'default', name: 'fleet' }, { type: 'merge', body });
  await until(() => syncIn(bench)?.status?.lastHandledRequest === String(requests));
  const ready = syncIn(bench)?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') throw new Error(`the sync failed: ${ready?.message}`);
}

/** One sync, by itself: what followed from the one before is done. */
async function synced(bench: Bench): Promise<Taken> {
  await pause(200);
  return taken(() => request(bench));
}

async function taken(action: () => Promise<void>): Promise<Taken> {
  const [before, begun] = [process.cpuUsage(), performance.now()];
  await action();
  const wall = performance.now() - begun;
  const { user, system } = process.cpuUsage(before);
  return { wall, processor: (user + system) / 1000 };
}

/** Bytes of all files below. */
function sizeOf(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      sum += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}

void main();
