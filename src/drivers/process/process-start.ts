import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { chmod, lchown } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { living } from '../proc.ts';
import type { Cgroups } from './cgroups.ts';
import type { CollectorClient } from './collector/collector-client.ts';
import type { Launcher } from './launcher.ts';
import {
  addMark,
  discardRun,
  inputFifo,
  logFolder,
  type Marks,
  outputFifo,
  type Run,
  readMarks,
  readMeta,
  removeFolder,
  runFolder,
  voidRun,
  writeMeta,
} from './layout.ts';
import { asDriverError, type CheckCommand, checkWorkingDir, notBegun } from './process-checks.ts';
import { writeFiles, writeFilesAs } from './process-files.ts';
import { asUser, checkReachable, environmentOf, findUser, type Tools, type User } from './process-host.ts';
import type { Reap } from './reap.ts';
import { watchFolder } from './run-watch.ts';

export interface StartDeps {
  tools: Tools;
  launcher: Launcher;
  collector: Pick<CollectorClient, 'collect' | 'ensure'>;
  checkCommand: CheckCommand;
  clock: Clock;
  bootId: string;
  /** The folder of all instances. */
  root: string;
  reap: Reap;
  cgroups: () => Promise<Cgroups | undefined>;
}

/** A run that was just started, with its marks so far. */
export interface Started {
  run: Run;
  marks: Marks;
  env: Readonly<Record<string, string>>;
}

/**
 * Carries out one run in `ref`, once. If the run has begun already, by whatever start, it is not changed and undefined
 * is returned. A failure leaves nothing half-created, and nothing that runs later.
 */
export async function startRun(deps: StartDeps, ref: string, spec: RunSpec): Promise<Started | undefined> {
  const folder = runFolder(ref, spec.identity.run);
  /** An earlier start may have died before it notified the collector. */
  const collected = async (): Promise<void> => {
    await deps.collector.ensure();
    deps.collector.collect(ref, spec.identity.run);
  };
  try {
    if (makeFolder(folder) === undefined && (await hasBegun(deps, ref, spec))) {
      await collected();
      return undefined;
    }
    return await begin(deps, ref, await prepare(deps, ref, spec));
  } catch (error) {
    const never = voidRun(folder);
    if (!never && (await endUnlessBegun(deps, folder, spec))) {
      await collected();
      return undefined;
    }
    await (await deps.cgroups())?.kill(spec.identity.uid, spec.identity.run);
    await discardRun(ref, spec.identity.run);
    throw asDriverError(error);
  }
}

interface Prepared {
  run: Run;
  attempt: string;
  env: Record<string, string>;
  workingDir: string;
  user: { words: string[]; owner: string } | undefined;
  command: string[];
  input: string;
  missing: string[];
}

async function prepare(deps: StartDeps, ref: string, spec: RunSpec): Promise<Prepared> {
  const [program, ...args] = [...(spec.command ?? []), ...(spec.args ?? [])];
  if (program === undefined)
    throw new DriverError('Terminal', 'InvalidSpec', 'spec.template.command: a process requires a command');
  const user = spec.user === undefined ? undefined : await findUser(spec.user);
  const env = environmentOf(spec, user);
  const change = user === undefined ? undefined : asUser(deps.tools, user);
  const workingDir = spec.workingDir ?? join(ref, 'work');
  if (spec.workingDir !== undefined) await checkWorkingDir(workingDir);
  makeFolder(join(ref, 'work'));
  if (user === undefined || change === undefined) await writeFiles(workingDir, spec.files);
  else {
    await handOver(deps.root, ref, user, workingDir);
    await writeFilesAs(deps, change, workingDir, spec.files);
  }
  await deps.checkCommand(program, env.PATH ?? '', workingDir);
  const { identity } = spec;
  const folder = runFolder(ref, identity.run);
  const cgroup = await (await deps.cgroups())?.make(identity.uid, identity.run);
  await makeNew(logFolder(ref, identity.run));
  const { talks, logs } = spec;
  const meta = { identity, bootId: deps.bootId, workingDir, user: spec.user, cgroup, talks, logs };
  makeFolder(folder); // a claim that was given up has removed it
  writeMeta(folder, meta);
  const attempt = randomUUID();
  writeFileSync(join(folder, `start.${attempt}`), '', { mode: 0o600 });
  const run = { number: identity.run, folder, meta };
  const hasInput = talks || spec.stdin;
  const missing = (['stdout', 'stderr'] as const).map((stream) => outputFifo(ref, run.number, stream));
  if (hasInput && !existsSync(inputFifo(ref))) missing.push(inputFifo(ref));
  return {
    run,
    attempt,
    env,
    workingDir,
    user:
      user === undefined || change === undefined
        ? undefined
        : { words: change, owner: `${user.uid}:${user.gid}` },
    command: [program, ...args],
    input: hasInput ? inputFifo(ref) : '/dev/null',
    missing,
  };
}

/** Creates the folder. Empties it if a start that was given up had created it. */
async function makeNew(folder: string): Promise<void> {
  if (makeFolder(folder) !== undefined) return;
  await removeFolder(folder);
  makeFolder(folder);
}

/** Creates parents too. Returns undefined if the folder exists already. */
const makeFolder = (folder: string): string | undefined =>
  mkdirSync(folder, { recursive: true, mode: 0o700 });

async function begin(deps: StartDeps, ref: string, prepared: Prepared): Promise<Started> {
  const { run, ...rest } = prepared;
  await deps.collector.ensure(); // output before it would have no time and no order
  const [out, err] = [outputFifo(ref, run.number, 'stdout'), outputFifo(ref, run.number, 'stderr')];
  const { uid } = run.meta.identity;
  const identity = { uid, run: run.number };
  const { cgroup } = run.meta;
  const start = { ...rest, identity, marks: run.folder, out, err, cgroup };
  let isCollected = false;
  const collect = (): void => {
    if (!isCollected) deps.collector.collect(ref, run.number);
    isCollected = true;
  };
  await deps.launcher.launch(start);
  const marks = await untilBegun(deps.clock, run.folder, collect);
  collect();
  if (marks.main === undefined) throw await notBegun(ref, marks, startLimitMs);
  if (marks.escaped === true) await (await deps.cgroups())?.forget(uid, run.number);
  return { run, marks, env: rest.env };
}

/**
 * Whether the program of this run has ever begun. A claim without a main process is a start that a crash may have
 * interrupted. It gets some time; then its remains are killed, and if no program has begun by then, the run can be
 * started again.
 */
async function hasBegun(deps: StartDeps, ref: string, spec: RunSpec): Promise<boolean> {
  const folder = runFolder(ref, spec.identity.run);
  const marks = readMarks(folder);
  if (marks.main !== undefined) return true;
  // The shim of an interrupted attempt may still come: it must not claim what is prepared again.
  const isClaimed = marks.claimed || !voidRun(folder);
  if (isClaimed && marks.void === undefined && readMeta(folder)?.bootId === deps.bootId) {
    if ((await untilBegun(deps.clock, folder)).main !== undefined) return true;
    if (await endUnlessBegun(deps, folder, spec)) return true;
  }
  await discardRun(ref, spec.identity.run);
  return false;
}

/** Kills the shim that has claimed a run. Returns true if the program had begun before. */
async function endUnlessBegun(deps: StartDeps, folder: string, { identity }: RunSpec): Promise<boolean> {
  if (readMarks(folder).main !== undefined) return true;
  await deps.reap({ instanceUid: identity.uid, upToRun: identity.run });
  return readMarks(folder).main !== undefined;
}

/** A shim that takes longer after its fork, on a very busy host, is given up. */
const startLimitMs = 30_000;
const pollMs = 250;

/**
 * Returns the marks of a run when its main process runs, when it is certain that it never will, or after the time
 * limit. `onShim` is called when the shim has come, whose output can be read from then on.
 */
async function untilBegun(clock: Clock, folder: string, onShim = (): void => {}): Promise<Marks> {
  const { promise, resolve, reject } = Promise.withResolvers<Marks>();
  const deadline = clock.now() + startLimitMs;
  const seen: Marks = { claimed: false };
  const isSettled = ({ main, exit, void: voided }: Marks): boolean =>
    main !== undefined || exit !== undefined || voided === true;
  const read = (): void => {
    try {
      const marks = readMarks(folder);
      if (marks.shim !== undefined) onShim();
      if (isSettled(marks) || clock.now() >= deadline) resolve(marks);
      // The shim has ended and left all its marks, so a second read is final.
      else if (marks.shim !== undefined && living(marks.shim) === undefined) resolve(readMarks(folder));
    } catch (error) {
      reject(error);
    }
  };
  const watcher = watchFolder(folder, (name) => {
    addMark(seen, name);
    if (seen.shim !== undefined) onShim();
    // Some marks may have come before the watcher.
    if (isSettled(seen)) read();
  });
  // Polls, for a missing watcher, for marks that came before it, and for shims that end without a mark.
  let cancel = clock.after(pollMs, function again() {
    read();
    cancel = clock.after(pollMs, again);
  });
  read();
  try {
    return await promise;
  } finally {
    cancel();
    watcher?.close();
  }
}

/** Gives the user access to its working folder, and to nothing else next to it. */
async function handOver(root: string, ref: string, user: User, workingDir: string): Promise<void> {
  const own = join(ref, 'work');
  await lchown(own, user.uid, user.gid); // its parent belongs to the controller: no other user can put a link there
  for (const folder of [root, join(ref, '../..'), join(ref, '..'), ref]) await chmod(folder, 0o711);
  await checkReachable(user, workingDir);
}
