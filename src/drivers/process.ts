import { mkdir } from 'node:fs/promises';
import { release, type } from 'node:os';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { driverCapabilities } from '../api/capabilities.ts';
import type { Observed } from '../plan/world.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { isCode } from '../platform/code.ts';
import type { Log } from '../platform/log.ts';
import { type Driver, type DriverCondition, DriverError, type DriverFeatures } from './driver.ts';
import { createLooks, living, readBootId } from './proc.ts';
import { type Cgroups, containment, openCgroups } from './process/cgroups.ts';
import { type CollectorCommand, createCollectorClient } from './process/collector/collector-client.ts';
import { createEarlierRuns } from './process/earlier-runs.ts';
import { allRefs, discard, isRef, removeRef, replaceOthers } from './process/instances.ts';
import { createLauncher } from './process/launcher.ts';
import {
  cgroupOf,
  findRun,
  type Marks,
  marksOfBoot,
  newestRun,
  present,
  type Run,
  refOf,
  settledMarks,
  voidRun,
} from './process/layout.ts';
import { createAttachments, type RunEnd } from './process/process-attach.ts';
import { asDriverError, createCommandCheck, gone, superseded } from './process/process-checks.ts';
import { createInside } from './process/process-exec.ts';
import { findTools } from './process/process-host.ts';
import { readLogs } from './process/process-logs.ts';
import { type StartDeps, startRun } from './process/process-start.ts';
import { createReaper, killTargetOf, signalMain } from './process/reap.ts';
import { createEnds } from './process/run-watch.ts';

export interface ProcessDriverOptions {
  /** Contains the folder `instances`, mode 0700. */
  stateDir: string;
  storeId: string;
  clock: Clock;
  log: Log;
  /** Becomes the process that collects the output of all runs. */
  collector: CollectorCommand;
  /** Defaults to the host's. Tests use it to simulate a reboot. */
  bootId?: string | undefined;
  /** The soft limit of open files for instances. Defaults to the controller's. */
  agentFiles?: number | undefined;
  /** Tests use it to simulate a host without usable cgroups. */
  cgroups?: 'None' | undefined;
}

export type ProcessDriver = Driver & Omit<DriverFeatures, 'images' | 'volumes'>;

/** How long a kill waits until the shim records the exit. */
const exitWaitMs = 2000;

/**
 * Runs instances as processes of this Linux host. A `ref` is the folder of an instance (see process/layout.ts).
 * Processes survive the end of the controller. When a main process ends, its remaining processes are killed, as in a
 * container; the next start waits for that. Throws Offline on a host that lacks a requirement.
 */
export function createProcessDriver(options: ProcessDriverOptions): ProcessDriver {
  const { clock, log, storeId } = options;
  const bootId = options.bootId ?? readBootId();
  const root = resolve(options.stateDir, 'instances');
  const tools = findTools();
  let opened: Promise<Cgroups | undefined> | undefined;
  const cgroups = async (): Promise<Cgroups | undefined> => {
    if (options.cgroups === 'None') return undefined;
    opened ??= openCgroups({ storeId, root, sh: tools.sh, clock, log }).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const looks = createLooks(clock);
  const reap = createReaper(clock, looks, cgroups);
  const ends = createEnds({ clock, log, reap, looks });
  const launcher = createLauncher(tools, clock, options.agentFiles);
  const collector = createCollectorClient({ root, tools, collector: options.collector, clock, log });
  const checkCommand = createCommandCheck(clock);
  const attachments = createAttachments(clock);
  const shared = { tools, launcher, collector, checkCommand, clock, bootId };
  const deps: StartDeps = { ...shared, root, reap, cgroups };
  const forget = (ref: string): void => {
    ends.forget(ref);
    inside.forget(ref);
  };
  const instances = { root, reap, tools, clock, bootId, forget };
  let contained: DriverCondition | undefined;

  /** Returns the newest run if the ref is ours. */
  const find = (ref: string): Run | undefined => {
    const run = isRef(root, ref) ? newestRun(ref) : undefined;
    return run?.meta.identity.store === storeId ? run : undefined;
  };

  const need = (ref: string): Run => {
    const run = find(ref);
    if (run !== undefined) return run;
    throw gone(ref);
  };

  const currentMarks = (run: Run): Marks => marksOfBoot(run, bootId);

  /** Returns undefined if the run was just deleted. */
  const look = (ref: string, run: Run): Observed | undefined => {
    try {
      const marks = settledMarks(run, bootId);
      const observed = present(ref, run, marks);
      if (observed.state === 'Running' || observed.state === 'Paused') ends.track(ref, run, marks);
      return observed;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  };

  const inside = createInside({ clock, log, tools, root, runOf: need, marksOf: currentMarks });
  const earlier = createEarlierRuns({
    instances,
    log,
    cgroups,
    ends,
    inside,
    collector,
    find,
    marksOf: currentMarks,
  });

  const inspect = (ref: string): Observed | undefined => {
    const run = find(ref);
    return run === undefined ? undefined : look(ref, run);
  };

  const mustInspect = (ref: string): Observed => {
    const observed = inspect(ref);
    if (observed === undefined) throw gone(ref);
    return observed;
  };

  const endOf = (ref: string, run: Run): RunEnd => ({
    async hasEnded() {
      const state = look(ref, run)?.state;
      return state !== 'Running' && state !== 'Paused';
    },
    subscribe: (callback) =>
      ends.hear((hinted) => {
        if (hinted === ref) callback();
      }),
  });

  const start: DriverFeatures['restart'] = async (ref, spec) => {
    attachments.supersede(ref, spec.identity.run);
    const started = await startRun(deps, ref, spec).catch((error: unknown) => {
      throw asDriverError(error);
    });
    if (started !== undefined) {
      inside.given(ref, started.run.number, started.env);
      ends.track(ref, started.run, started.marks);
    }
    ends.hint(ref);
    const runs = started?.marks.main !== undefined && living(started.marks.main) !== undefined;
    return runs ? present(ref, started.run, started.marks) : mustInspect(ref);
  };

  return {
    capabilities: driverCapabilities.process,

    async ping() {
      try {
        await mkdir(root, { recursive: true, mode: 0o700 });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new DriverError('Offline', 'StateFolder', `the state folder cannot be used: ${message}`);
      }
      contained = containment((await cgroups())?.reason);
      return { version: `${type()} ${release()}` };
    },

    conditions: () => (contained === undefined ? [] : [contained]),

    async list() {
      await earlier.clear();
      const ours: Observed[] = [];
      for (const [index, ref] of allRefs(root).entries()) {
        if (index % 100 === 0) await setImmediate(); // lets other work run
        const observed = inspect(ref);
        if (observed !== undefined) ours.push(observed);
      }
      earlier.adopt(ours);
      return ours;
    },

    inspect: async (ref) => inspect(ref),

    async watch(onHint, signal) {
      if (signal.aborted) return;
      const stop = ends.hear(onHint);
      await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
      stop();
    },

    async create(spec) {
      const { identity } = spec;
      const ref = refOf(root, identity);
      try {
        await earlier.clear();
        const begun = await replaceOthers(instances, ref, identity);
        if (begun !== undefined) return mustInspect(begun);
        if (identity.run > 1) await earlier.endEarlier(identity.uid, identity.run - 1);
        return await start(ref, spec);
      } catch (error) {
        if (newestRun(ref) === undefined) await discard(instances, ref);
        throw asDriverError(error);
      }
    },

    async restart(ref, spec) {
      const run = need(ref);
      const next = spec.identity.run;
      if (next < run.number) throw superseded(ref, next, run.number);
      const { state } = mustInspect(ref);
      if ((state === 'Running' || state === 'Paused') && run.number !== next)
        throw new DriverError(
          'Retryable',
          'StillRunning',
          `run ${run.number} is still running in ${ref}: stop it before run ${next}`,
        );
      const marks = currentMarks(run);
      if (!ends.isSwept(ref, run.number) && (run.number < next || marks.main === undefined))
        await reap({ ...killTargetOf(run, marks), upToRun: next - 1, spareShim: true });
      const restarted = await start(ref, spec);
      await earlier.dropOldRuns(ref).catch((error: unknown) => log.warn({ error, ref }, 'old runs remain'));
      return restarted;
    },

    async signal(ref, signal = 'SIGTERM', scope) {
      const run = find(ref);
      const { main } = run === undefined ? {} : currentMarks(run);
      if (main !== undefined) signalMain(main, signal, scope);
    },

    async kill(ref) {
      const run = find(ref);
      if (run === undefined) return;
      const never = voidRun(run.folder);
      for (const deadline = clock.now() + exitWaitMs; ; ) {
        const marks = currentMarks(run);
        await ends.sweep(run, marks);
        const { claimed, shim, exit } = marks;
        const pending = claimed && exit === undefined && (shim === undefined || living(shim) !== undefined);
        if (never) return;
        if (!pending || clock.now() >= deadline) {
          if (cgroupOf(run, marks) !== undefined)
            await reap({ ...killTargetOf(run, marks), fromRun: run.number, spareShim: true, moved: true });
          return;
        }
        await sleep(clock, 1);
      }
    },

    async remove(ref) {
      if (find(ref) === undefined) return;
      await removeRef(instances, ref);
      ends.hint(ref);
    },

    async *logs(ref, logOptions) {
      const run = need(ref);
      yield* readLogs(ref, { run: run.number, ...endOf(ref, run) }, clock, logOptions);
    },

    stdio: {
      async attach(ref, attachOptions) {
        const run = isRef(root, ref) ? findRun(ref, attachOptions.run) : undefined;
        if (run?.meta.identity.store !== storeId) throw gone(ref);
        return attachments.open(ref, run, endOf(ref, run), attachOptions);
      },
    },

    exec: inside.exec,

    async address(_ref, port) {
      return { host: '127.0.0.1', port };
    },
    async hostAddress() {
      return '127.0.0.1';
    },
    async close() {
      attachments.close();
      inside.close();
      collector.close();
      launcher.close();
      await ends.close();
      await earlier.endMoved();
      looks.close();
      await (await opened)?.close();
    },
  };
}
