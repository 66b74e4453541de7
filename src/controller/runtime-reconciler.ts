import { isDeepStrictEqual } from 'node:util';
import { type Capabilities, capabilitiesOf } from '../api/capabilities.ts';
import { AgentctlError, isApiError } from '../api/errors.ts';
import { type Condition, keyText, type Runtime, type Secret } from '../api/objects.ts';
import { asSentence, visible } from '../api/text.ts';
import type { Resources } from '../client/resources.ts';
import { type Driver, DriverError } from '../drivers/driver.ts';
import type { RuntimeView } from '../plan/world.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Admission } from './admission.ts';
import type { Cache } from './cache.ts';
import { fieldManager } from './execute.ts';
import type { Keys, Reconciler } from './manager.ts';
import type { OrphanReconciler } from './orphan-reconciler.ts';
import { Session } from './session.ts';

const retry = { from: 1_000, upTo: 60_000 };

/** Creates the driver of a Runtime. Throws if its spec is unusable. */
export type MakeDriver = (runtime: Runtime) => Promise<Driver>;

export interface RuntimesDeps {
  resources: Resources;
  cache: Cache;
  admission: Admission;
  orphans: OrphanReconciler;
  makeDriver: MakeDriver;
  clock: Clock;
  log: Log;
  enqueueAgent: (key: string) => void;
  enqueueRuntime: (key: string) => void;
  ended: (session: Session) => void;
  /** Returns whether the disk of the state folder is full. */
  diskFull?: (() => boolean) | undefined;
}

const diskEvery = 2_000;

/** The driver of a Runtime could not be created. */
class ConnectFailed extends AgentctlError<'ConnectFailed'> {
  constructor(message: string, cause: unknown) {
    super('ConnectFailed', `the driver of a Runtime could not be created: ${message}`, { cause, retry });
    this.name = 'ConnectFailed';
  }
}

/** Keeps one session open for each Runtime and writes its state to the Runtime's status. */
export class RuntimeReconciler implements Reconciler {
  readonly name = 'runtime';
  readonly workers = 64;
  readonly #deps: RuntimesDeps;
  readonly #sessions = new Map<string, { session: Session; signature: string }>();
  /** Why a driver could not be created, and since when. */
  readonly #faults = new Map<string, { reason: string; message: string; since: number }>();
  #cancelDisk: Cancel = () => {};

  constructor(deps: RuntimesDeps) {
    this.#deps = deps;
  }

  watch({ add, addAll }: Keys): void {
    const { admission, cache } = this.#deps;
    const changed = ({ metadata }: Runtime): void => add(metadata.name);
    cache.runtimes.addHandler({
      added: addAll,
      updated: (before, now) => {
        if (before.metadata.generation === now.metadata.generation) changed(now);
        else addAll();
      },
      deleted: (last) => {
        admission.forgetRuntime(last.metadata.uid);
        changed(last);
        addAll();
      },
    });
    const onSecret = ({ metadata }: Secret): void => {
      for (const user of cache.runtimes.byIndex('secret', keyText(metadata))) changed(user);
    };
    cache.secrets.addHandler({ added: onSecret, updated: (_, now) => onSecret(now), deleted: onSecret });
  }

  all(): string[] {
    return this.#deps.cache.runtimes.list().map(({ metadata }) => metadata.name);
  }

  /** Enqueues the Runtimes when the disk becomes full or has room again, so that the condition is written at once. */
  watchDisk(): void {
    const { diskFull, clock, cache, enqueueRuntime, log } = this.#deps;
    if (diskFull === undefined) return;
    let wasFull = false;
    const isFull = (): boolean => {
      try {
        return diskFull();
      } catch (error) {
        log.debug({ err: error }, 'the free space on the disk could not be read');
        return wasFull;
      }
    };
    const look = (): void => {
      this.#cancelDisk = clock.after(diskEvery, look);
      if (isFull() === wasFull) return;
      wasFull = !wasFull;
      for (const { metadata, spec } of cache.runtimes.list()) if (isHere(spec)) enqueueRuntime(metadata.name);
    };
    this.#cancelDisk = clock.after(diskEvery, look);
  }

  session(name: string): Session | undefined {
    return this.#sessions.get(name)?.session;
  }

  /** Returns the session of a Runtime that is online, as far as is known. */
  online(name: string): Session | undefined {
    const session = this.session(name);
    return session?.health.state === 'Online' ? session : undefined;
  }

  /** Returns the health of a Runtime: also Offline if its driver could not be created. */
  health(name: string): RuntimeView['health'] {
    const session = this.session(name);
    if (session !== undefined) return session.health;
    const fault = this.#faults.get(name);
    if (fault !== undefined) return { state: 'Offline', message: fault.message, since: fault.since };
    return { state: 'Syncing', message: 'Connecting.', since: 0 };
  }

  capabilities(runtime: Runtime): Capabilities {
    return this.session(runtime.metadata.name)?.driver.capabilities ?? capabilitiesOf(runtime.spec);
  }

  sessions(): Session[] {
    return [...this.#sessions.values()].map(({ session }) => session);
  }

  async reconcile(name: string): Promise<undefined> {
    const runtime = this.#deps.cache.runtimes.get(name);
    const failure = await this.#connect(name, runtime);
    if (runtime !== undefined) await this.#writeStatus(runtime);
    if (failure !== undefined) throw failure;
  }

  async stop(): Promise<void> {
    this.#cancelDisk();
    await Promise.all(this.sessions().map((session) => session.stop()));
    this.#sessions.clear();
  }

  /** Returns the failure, which becomes a condition before it is thrown. */
  async #connect(name: string, runtime: Runtime | undefined): Promise<ConnectFailed | undefined> {
    const known = this.#sessions.get(name);
    const { driver, endpoint, tlsSecretRef } = runtime?.spec ?? {};
    const secret =
      tlsSecretRef === undefined ? undefined : this.#deps.cache.secrets.get(keyText(tlsSecretRef));
    const keys = secret?.metadata.resourceVersion;
    const signature = JSON.stringify([runtime?.metadata.uid, driver, endpoint, tlsSecretRef, keys]);
    if (known?.signature === signature) return undefined;
    if (known !== undefined) {
      this.#sessions.delete(name);
      this.#deps.orphans.ended(name);
      this.#deps.ended(known.session);
      await known.session.stop();
    }
    const before = this.#faults.get(name);
    this.#faults.delete(name);
    if (runtime === undefined || runtime.metadata.deletionTimestamp !== undefined) {
      this.#deps.orphans.forget(name);
      this.#notifyUsers(name);
      return undefined;
    }
    try {
      const { cache, clock, enqueueAgent, enqueueRuntime, log, makeDriver, orphans } = this.#deps;
      const events = {
        changed: ({ instanceUid }: { instanceUid: string }) => {
          for (const instance of cache.instances.byIndex('uid', instanceUid)) {
            enqueueAgent(keyText({ ...instance.metadata, name: instance.spec.agentName }));
          }
          if (!this.#isWritten(name)) enqueueRuntime(name);
        },
        listed: () => {
          enqueueRuntime(name);
          this.#notifyUsers(name);
          orphans.listed(session);
        },
      };
      const session: Session = new Session(runtime, await makeDriver(runtime), events, clock, log);
      this.#sessions.set(name, { session, signature });
      session.start();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const same = before?.message === message;
      const since = this.#deps.clock.now();
      this.#faults.set(name, same ? before : { reason: faultReason(error), message, since });
      if (!same) this.#notifyUsers(name);
      return new ConnectFailed(message, error);
    }
    this.#notifyUsers(name);
    return undefined;
  }

  #notifyUsers(name: string): void {
    for (const key of this.#deps.cache.usersOfRuntime(name)) this.#deps.enqueueAgent(key);
  }

  async #writeStatus(runtime: Runtime): Promise<void> {
    const { admission, cache, clock, resources } = this.#deps;
    const { name } = runtime.metadata;
    const { running, queued, breaker, resumedAt } = admission.of(runtime);
    const session = this.session(name);
    const status = {
      ...runtime.status,
      observedGeneration: runtime.metadata.generation ?? 1,
      ...(session === undefined || session.version === '' ? {} : { version: session.version }),
      running,
      queued,
      breaker,
      ...(resumedAt === undefined ? {} : { resumedAt }),
      conditions: this.#conditions(runtime, new Date(clock.now()).toISOString()),
    };
    if (isDeepStrictEqual(status, runtime.status)) return;
    try {
      const options = { subresource: 'status', fieldManager } as const;
      cache.runtimes.observeWrite(await resources.update('Runtime', { ...runtime, status }, options));
    } catch (error) {
      if (isApiError(error, 'Conflict')) return this.#deps.enqueueRuntime(name);
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }

  /** Whether the status contains all current conditions of the driver. */
  #isWritten(name: string): boolean {
    const written = this.#deps.cache.runtimes.get(name)?.status?.conditions ?? [];
    const conditions = this.session(name)?.driver.conditions?.() ?? [];
    return conditions.every(({ type, reason }) =>
      written.some((one) => one.type === type && one.reason === reason),
    );
  }

  #conditions(runtime: Runtime, now: string): Condition[] {
    const { name, generation = 1 } = runtime.metadata;
    const health = this.session(name)?.health;
    const fault = this.#faults.get(name);
    const held = this.#deps.orphans.held(name);
    const ready: Omit<Condition, 'lastTransitionTime'> =
      health?.state === 'Online'
        ? { type: 'Ready', status: 'True', reason: 'Online', message: 'The Runtime is reachable.' }
        : health?.state === 'Offline'
          ? {
              type: 'Ready',
              status: 'False',
              reason: 'Offline',
              message: `The Runtime cannot be reached: ${health.message}`,
            }
          : {
              type: 'Ready',
              status: fault === undefined ? 'Unknown' : 'False',
              reason: fault?.reason ?? 'Connecting',
              message: fault?.message ?? 'Connecting to the Runtime.',
            };
    const wanted = [ready, ...(this.session(name)?.driver.conditions?.() ?? [])];
    if (isHere(runtime.spec) && this.#deps.diskFull?.() === true) {
      wanted.push({
        type: 'DiskFull',
        status: 'True',
        reason: 'StateFolderFull',
        message:
          'The disk with the state folder is full. New objects cannot be created, but agents can be deleted, suspended and scaled. Free some space.',
      });
    }
    if (held > 0) {
      wanted.push({
        type: 'OrphansHeld',
        status: 'True',
        reason: 'TooManyAtOnce',
        message: `${held} containers belong to no Instance; these are more than a fifth of all containers. To remove them, run agentctl approve runtime/${name}`,
      });
    }
    return wanted.map((condition) => {
      const before = runtime.status?.conditions?.find(({ type }) => type === condition.type);
      const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
      const message = visible(asSentence(condition.message)); // it may quote an engine
      return { ...condition, message, observedGeneration: generation, lastTransitionTime };
    });
  }
}

/** Whether its instances are in the state folder. */
const isHere = (spec: Runtime['spec']): boolean => capabilitiesOf(spec).hostAccess === 'Direct';

/** Why a driver could not be created. Only errors of this host or the API are not the fault of the spec. */
function faultReason(error: unknown): string {
  if (error instanceof DriverError) return error.code;
  if (isApiError(error)) return error.code === 'NotFound' ? 'SecretMissing' : 'ConnectFailed';
  const isOfHost = error instanceof Error && !(error instanceof AgentctlError) && 'code' in error;
  return isOfHost ? 'ConnectFailed' : 'InvalidSpec';
}
