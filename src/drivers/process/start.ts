import { watch } from 'node:fs';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { checkCommand, checkWorkingDir } from './command.ts';
import { environmentOf } from './environment.ts';
import { asDriverError, setupFailed } from './failures.ts';
import { writeFiles } from './files.ts';
import type { Launcher } from './launcher.ts';
import { type Marks, outputFile, readMarks, readMeta, runFolder, writeMeta } from './layout.ts';
import { living } from './proc.ts';
import type { Reap } from './reap.ts';
import type { Tools } from './tools.ts';
import { asUser, checkReachable, findUser, type User } from './user.ts';

export interface StartParts {
  tools: Tools;
  launcher: Launcher;
  clock: Clock;
  bootId: string;
  /** The folder of all instances. */
  root: string;
  reap: Reap;
}

/**
 * Carries out one run in `ref`, once: a run that has begun is left as it is, whoever began it. Whatever fails
 * leaves nothing half-made.
 */
export async function startRun(parts: StartParts, ref: string, spec: RunSpec): Promise<void> {
  const folder = runFolder(ref, spec.identity.run);
  if (await hasBegun(parts, folder, spec)) return;
  try {
    await begin(parts, ref, spec, await prepare(parts, ref, spec));
  } catch (error) {
    if (await hasBegun(parts, folder, spec)) return;
    await rm(folder, { recursive: true, force: true });
    throw asDriverError(error);
  }
}

interface Prepared {
  env: Record<string, string>;
  workingDir: string;
  command: string[];
}

async function prepare(parts: StartParts, ref: string, spec: RunSpec): Promise<Prepared> {
  const [program, ...args] = [...(spec.command ?? []), ...(spec.args ?? [])];
  if (program === undefined)
    throw new DriverError('Terminal', 'InvalidSpec', 'template.command: a process needs the program to run');
  const user = spec.user === undefined ? undefined : await findUser(spec.user);
  const env = environmentOf(spec, user);
  const change = user === undefined ? [] : asUser(parts.tools, user);
  const workingDir = spec.workingDir ?? join(ref, 'work');
  if (spec.workingDir !== undefined) await checkWorkingDir(workingDir);
  await mkdir(join(ref, 'work'), { recursive: true, mode: 0o700 });
  if (user !== undefined && change.length > 0) await handOver(parts.root, ref, user, workingDir);
  await mkdir(runFolder(ref, spec.identity.run), { recursive: true, mode: 0o700 });
  await writeFiles(workingDir, spec.files, user);
  await checkCommand(program, env.PATH ?? '', workingDir);
  await writeMeta(runFolder(ref, spec.identity.run), {
    identity: spec.identity,
    bootId: parts.bootId,
    workingDir,
    user: spec.user,
  });
  return { env, workingDir, command: [...change, program, ...args] };
}

async function begin(parts: StartParts, ref: string, spec: RunSpec, prepared: Prepared): Promise<void> {
  const run = spec.identity.run;
  const marks = runFolder(ref, run);
  const waiting = awaitStart(parts.clock, marks);
  const [out, err] = [outputFile(ref, run, 'out'), outputFile(ref, run, 'err')];
  parts.launcher.launch({ marks, out, err, fifo: join(ref, 'in'), ...prepared }, waiting.fail);
  const { main } = await waiting.done.finally(waiting.stop);
  if (main !== undefined) return;
  throw await setupFailed(ref);
}

/**
 * Has the program of this run begun, ever? A claim without a main process is a start that a crash may have cut short:
 * it is given a moment; then what is left of it is killed, and if still no program has begun, the run is free again.
 */
async function hasBegun(parts: StartParts, folder: string, spec: RunSpec): Promise<boolean> {
  const marks = await readMarks(folder);
  if (marks.main !== undefined || !marks.claimed) return marks.main !== undefined;
  if ((await readMeta(folder))?.bootId === parts.bootId) {
    const waiting = awaitStart(parts.clock, folder);
    const { main } = await waiting.done.finally(waiting.stop);
    if (main !== undefined) return true;
    await parts.reap({ instanceUid: spec.identity.uid, upToRun: spec.identity.run });
    if ((await readMarks(folder)).main !== undefined) return true;
  }
  await rm(folder, { recursive: true, force: true });
  return false;
}

/** A shim that takes longer is killed. */
const startLimitMs = 5000;
const pollMs = 250;

interface Waiting {
  /** The marks, once the main process runs, or once it is sure that it will not. */
  done: Promise<Marks>;
  fail(error: unknown): void;
  stop(): void;
}

function awaitStart(clock: Clock, folder: string): Waiting {
  const { promise, resolve, reject } = Promise.withResolvers<Marks>();
  const deadline = clock.now() + startLimitMs;
  const read = async (): Promise<void> => {
    const marks = await readMarks(folder);
    if (marks.main !== undefined || marks.exit !== undefined || clock.now() >= deadline)
      return resolve(marks);
    // A shim that has ended has left all its marks: a second look is the last word.
    if (marks.shim !== undefined && living(marks.shim) === undefined) resolve(await readMarks(folder));
  };
  const look = (): void => void read().catch(reject);
  const watcher = watchNames(folder, (name) => {
    if (name.startsWith('pid.') || name.startsWith('exit.')) look();
  });
  // For where there is no watcher, and for shims that end without a word.
  let cancel = clock.after(pollMs, function again() {
    look();
    cancel = clock.after(pollMs, again);
  });
  const stop = (): void => {
    cancel();
    watcher?.close();
  };
  return { done: promise, fail: reject, stop };
}

/** Undefined where no watcher can be had; then polling does it alone. */
function watchNames(folder: string, onName: (name: string) => void): { close(): void } | undefined {
  try {
    const watcher = watch(folder, (_event, name) => onName(name ?? ''));
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

/** Opens the way to the working folder, and nothing beside it, to the user who runs there. */
async function handOver(root: string, ref: string, user: User, workingDir: string): Promise<void> {
  const own = join(ref, 'work');
  await chown(own, user.uid, user.gid);
  for (const folder of [root, join(ref, '../..'), join(ref, '..'), ref]) await chmod(folder, 0o711);
  await checkReachable(user, workingDir);
}
