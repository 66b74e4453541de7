import { labels } from '../api/annotations.ts';
import { driverCapabilities } from '../api/capabilities.ts';
import type { Observed } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { engineSignal } from './docker/container-body.ts';
import { createHostFiles } from './docker/container-files.ts';
import { createCommandCheck, createInits, hostInitsOf } from './docker/container-init.ts';
import { createAttachments } from './docker/docker-attach.ts';
import { gone, hasStatus, stepError } from './docker/docker-errors.ts';
import { execute } from './docker/docker-exec.ts';
import { beginOf, frames, lastOf, linesOf, logQuery } from './docker/docker-logs.ts';
import { createNetwork } from './docker/docker-network.ts';
import {
  addressOf,
  type ContainerInspect,
  createKnown,
  instantOf,
  watchEvents,
} from './docker/docker-observe.ts';
import { createSignals } from './docker/docker-signals.ts';
import { createStarter } from './docker/docker-start.ts';
import { createSteps } from './docker/docker-steps.ts';
import { createVolumes } from './docker/docker-volumes.ts';
import { createEngine, EngineError, streamOf, until } from './docker/engine.ts';
import { connect, type Tls } from './docker/engine-connection.ts';
import { createLifetime, readEngineStart, readFacts, shared } from './docker/engine-facts.ts';
import { createPulls, imageId } from './docker/image-pulls.ts';
import { type Driver, DriverError, type DriverFeatures } from './driver.ts';

export interface DockerDriverOptions {
  /** unix:///path, tcp://host:port or ssh://user@host. */
  endpoint: string;
  tls?: Tls | undefined;
  storeId: string;
  /** A folder of this host in memory (tmpfs), mode 0700. Files and Secrets are bind-mounted into containers from it. */
  secretsDir: string;
  /** If given: host paths are resolved through symbolic links and must end under one of these. */
  allowHostPaths?: (() => Promise<readonly string[]>) | undefined;
  log: Log;
  clock: Clock;
}

export type DockerDriver = Driver & DriverFeatures;

/**
 * Runs instances as containers of a Docker engine, or of Podman through its Docker-compatible socket. A `ref` is the
 * container's id.
 */
export function createDockerDriver(options: DockerDriverOptions): DockerDriver {
  const { clock, storeId, log } = options;
  const connection = connect(options.endpoint, options.tls);
  let facts: ReturnType<typeof readFacts> | undefined;

  const engine = createEngine(connection, options.endpoint, {
    lost() {
      lifetime.lost();
      facts = undefined;
    },
    accepted: () => lifetime.accepted(),
  });
  const readFactsOnce = (): ReturnType<typeof readFacts> => {
    facts ??= readFacts(engine).catch((error: unknown) => {
      facts = undefined;
      throw error;
    });
    return facts;
  };
  const podman = async (): Promise<boolean> => (await readFactsOnce()).podman;

  const engineStart = shared(async () =>
    readEngineStart(engine, (await readFactsOnce()).podman, connection.local, clock.now()),
  );
  const lifetime = createLifetime(clock.now, engineStart);
  const files = createHostFiles(options);
  const pulls = createPulls(engine, clock);
  const inits = createInits(clock, hostInitsOf(connection.local));
  const volumes = createVolumes(engine, storeId);
  const known = createKnown(storeId);

  const toObserved = async (inspect: ContainerInspect): Promise<Observed | undefined> => {
    const seen = known.saw(inspect);
    if (seen?.exit === undefined || known.stopped(seen.ref)) return seen;
    return { ...seen, exit: { ...seen.exit, cause: await lifetime.judge(inspect) } };
  };

  const find = async (ref: string): Promise<ContainerInspect | undefined> => {
    try {
      const found: ContainerInspect = await engine.calls.getContainer(ref).inspect();
      if (found.Config.Labels?.[labels.store] !== storeId) return undefined;
      known.saw(found);
      return found;
    } catch (error) {
      if (hasStatus(error, 404)) {
        known.forget(ref);
        return undefined;
      }
      throw stepError(error, ref, 'inspect');
    }
  };

  const need = async (ref: string): Promise<ContainerInspect> => {
    const found = await find(ref);
    if (found === undefined) throw gone(ref);
    return found;
  };

  const network = createNetwork(engine, connection.local, log);
  const attachments = createAttachments({
    engine,
    clock,
    log,
    local: connection.local,
    podman,
    find,
  });
  const { send, thaw, untilEnded } = createSignals(engine, clock, log);
  const steps = createSteps(engine, attachments, clock);
  const starter = createStarter({
    engine,
    storeId,
    local: connection.local,
    allowHostPaths: options.allowHostPaths,
    facts: readFactsOnce,
    files,
    pulls,
    inits,
    volumes,
    commands: createCommandCheck(engine),
    attachments,
    network,
    steps,
  });

  return {
    capabilities: driverCapabilities.docker,

    async ping() {
      await engine.prompt.ping();
      return { version: (await readFactsOnce()).version };
    },

    async list() {
      const mark = files.mark();
      const filters = { label: [`${labels.store}=${storeId}`] };
      const summaries = await engine.calls.listContainers({ all: true, filters }).catch((error: unknown) => {
        throw stepError(error, '', 'list');
      });
      const found = await Promise.all(
        summaries.map(async ({ Id: id }) => {
          const inspect = await find(id);
          return inspect === undefined ? undefined : toObserved(inspect);
        }),
      );
      const listed = found.filter((each) => each !== undefined);
      const refs = new Set(summaries.map(({ Id: id }) => id));
      known.keep(refs);
      await files.sweep(mark, new Set(listed.map(({ instanceUid }) => instanceUid)));
      return listed;
    },

    async inspect(ref) {
      const found = await find(ref);
      return found === undefined ? undefined : toObserved(found);
    },

    async watch(onHint, signal) {
      if (signal.aborted) return;
      try {
        // Podman sends its event before it has cleaned up after a run.
        const ended = (await podman()) ? () => undefined : known.ended;
        await watchEvents(engine, storeId, onHint, signal, { underWay: steps.underWay, ended });
        if (!signal.aborted) lifetime.lost();
      } catch (error) {
        if (signal.aborted) return;
        lifetime.lost();
        log.debug({ err: error, endpoint: options.endpoint }, 'the event stream of the engine was lost');
      } finally {
        known.lost();
      }
    },

    async create(spec) {
      const inspect = await starter.create(spec);
      const seen = await toObserved(inspect);
      if (seen === undefined) throw gone(inspect.Id);
      return seen;
    },

    async restart(ref, spec) {
      const inspect = await need(ref);
      if (inspect.State.Paused) await engine.calls.getContainer(ref).unpause();
      const seen = await toObserved(
        inspect.State.Running ? await need(ref) : await starter.restart(ref, spec),
      );
      if (seen === undefined) throw gone(ref);
      return seen;
    },

    async signal(ref, signal) {
      // A container may have been paused since it was last seen. Docker unpauses it for its stop signal; Podman does
      // not.
      const running = (await podman()) ? undefined : known.running(ref);
      const found = running === undefined ? await find(ref) : undefined;
      const isPaused = found?.State.Paused === true;
      if (running === undefined && found?.State.Running !== true && !isPaused) return;
      const own = (running?.stopSignal ?? found?.Config.StopSignal) || 'SIGTERM';
      known.stops(ref);
      await send(ref, signal === undefined ? own : engineSignal(signal));
      if (isPaused) await thaw(ref);
    },

    async kill(ref) {
      const inspect = await find(ref);
      if (inspect === undefined) return;
      known.stops(ref);
      await send(ref, 'SIGKILL');
      if (inspect.State.Paused) await thaw(ref);
      await untilEnded(ref);
    },

    async remove(ref, { volumes: withVolumes }) {
      const owned = known.owner(ref);
      const inspect = owned === undefined || withVolumes ? await find(ref) : undefined;
      const label = inspect?.Config.Labels ?? {};
      const uid = owned ?? label[labels.uid];
      if (uid === undefined) return;
      await steps.remove(ref);
      known.forget(ref);
      await files.remove(uid);
      if (inspect === undefined || !withVolumes) return;
      const owner = {
        store: storeId,
        namespace: label[labels.namespace] ?? '',
        agent: label[labels.agent] ?? '',
      };
      for (const { Type: type, Name: name } of inspect.Mounts ?? []) {
        if (type === 'volume' && name !== undefined) await volumes.removeIfOurs(name, owner);
      }
    },

    async *logs(ref, wanted) {
      const inspect = await need(ref);
      const startedAt = instantOf(inspect.State.StartedAt) ?? 0;
      const { podman } = await readFactsOnce();
      const begin = wanted.run === undefined ? 0 : beginOf(inspect, wanted.run.number);
      const query = logQuery(wanted, { startedAt, begin });
      const stream = await streamOf(engine.streams, `/containers/${ref}/logs`, query, wanted.signal).catch(
        (error: unknown) => {
          if (wanted.signal.aborted) return undefined;
          throw stepError(error, ref, 'logs');
        },
      );
      if (stream === undefined) return;
      const lines = linesOf(frames(until(stream, wanted.signal)), { podman });
      yield* 'until' in query && wanted.tail !== undefined ? lastOf(lines, wanted.tail) : lines;
    },

    stdio: { attach: attachments.attach },

    hostAddress: network.gateway,

    async exec(ref, command, options) {
      const parts = { engine, clock, podman, local: connection.local };
      return execute(parts, await need(ref), command, options);
    },

    async address(ref, port) {
      const inspect = await find(ref);
      return inspect === undefined ? undefined : addressOf(inspect, port, connection);
    },

    images: {
      async id(image, { pull }) {
        if (pull) await pulls.pull(image, true);
        return imageId(engine, image).catch((error: unknown) => {
          throw error instanceof EngineError
            ? new DriverError('Retryable', 'EngineError', `image ${image}: ${error.message}`, {
                cause: error,
              })
            : error;
        });
      },
    },

    volumes: {
      list: (namespace, agent) => volumes.list(namespace, agent),
      remove: (name) => volumes.removeIfOurs(name),
    },

    conditions: inits.conditions,

    async close() {
      attachments.close();
      engine.close();
    },
  };
}
