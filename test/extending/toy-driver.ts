import type { Capabilities } from '../../src/api/capabilities.ts';
import { type Driver, DriverError, type RunSpec } from '../../src/drivers/driver.ts';
import type { Observed } from '../../src/plan/world.ts';
import type { Clock } from '../../src/platform/clock.ts';

export const toyCapabilities: Capabilities = {
  noun: 'process',
  restartInPlace: false,
  nativeProbes: false,
  stdio: 'None',
  imageRequired: false,
  signals: true,
  hostAccess: 'Direct',
  resources: false,
};

/** Runs until it calls `end`. It is called back with each signal. */
export type Program = (spec: RunSpec, end: (code: number) => void) => (signal: string) => void;

interface Job {
  store: string;
  observed: Observed;
  signal(name: string): void;
  end(code: number, signal?: string): void;
}

/** What runs, by ref, and who watches. All drivers of one Runtime share it. */
export class ToyRuntime {
  readonly jobs = new Map<string, Job>();
  readonly watchers = new Map<(ref: string) => void, string>();
  starts = 0;
}

/** Runs instances as functions of this process, each under the name that `template.command` has. */
export function createToyDriver(options: {
  storeId: string;
  clock: Clock;
  runtime: ToyRuntime;
  programs: ReadonlyMap<string, Program>;
}): Driver {
  const { storeId: store, clock, runtime, programs } = options;
  const { jobs, watchers } = runtime;
  const find = (ref: string): Job | undefined => (jobs.get(ref)?.store === store ? jobs.get(ref) : undefined);

  return {
    capabilities: toyCapabilities,
    ping: async () => ({ version: 'Toy 1' }),
    list: async () => [...jobs.values()].filter((job) => job.store === store).map((job) => job.observed),
    inspect: async (ref) => find(ref)?.observed,
    async watch(onHint, signal) {
      if (signal.aborted) return;
      watchers.set(onHint, store);
      await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
      watchers.delete(onHint);
    },
    async create(spec) {
      const {
        uid: instanceUid,
        namespace,
        instance,
        agent,
        run,
        revision,
        controllerVersion,
      } = spec.identity;
      const name = spec.command?.[0] ?? '';
      const program = programs.get(name);
      if (program === undefined)
        throw new DriverError(
          'NotStartable',
          'CommandNotFound',
          `there is no program ${name}: correct the name`,
        );
      const ref = `${store}/${namespace}/${instance}`;
      jobs.get(ref)?.end(137, 'SIGKILL');
      const startedAt = clock.now();
      const of = { instanceUid, namespace, instance, agent, run, revision, controllerVersion };
      const start = { state: 'Running', startId: `${++runtime.starts}`, startedAt } as const;
      const end: Job['end'] = (code, signal) => {
        if (job.observed.state === 'Exited') return;
        const exit = { code, signal, finishedAt: clock.now(), cause: 'Agent' } as const;
        job.observed = { ...job.observed, state: 'Exited', exit };
        for (const [watcher, whose] of watchers) if (whose === store) watcher(ref);
      };
      const job: Job = { store, observed: { ref, ...of, ...start }, signal: () => {}, end };
      jobs.set(ref, job);
      job.signal = program(spec, end);
      return job.observed;
    },
    signal: async (ref, signal = 'SIGTERM') => find(ref)?.signal(signal),
    kill: async (ref) => find(ref)?.end(137, 'SIGKILL'),
    async remove(ref) {
      if (find(ref)?.observed.state === 'Exited') jobs.delete(ref);
    },
    close: async () => {},
  };
}
