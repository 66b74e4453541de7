import { labels } from '../../api/annotations.ts';
import { containerName, isNetworkName } from '../../api/names.ts';
import { DriverError, type RunSpec } from '../driver.ts';
import { createBody, volumeLabels } from './container-body.ts';
import { type Bind, type HostFiles, realPath } from './container-files.ts';
import { beforeProgram, type CommandCheck, type Init, type Inits } from './container-init.ts';
import type { Attachments } from './docker-attach.ts';
import { gone, hasStatus, ifExists, startError } from './docker-errors.ts';
import type { Network } from './docker-network.ts';
import type { ContainerInspect } from './docker-observe.ts';
import type { Steps } from './docker-steps.ts';
import type { Volumes } from './docker-volumes.ts';
import { type Engine, EngineError } from './engine.ts';
import type { EngineFacts } from './engine-facts.ts';
import { imageMissing, type Pulls, pullPolicyOf } from './image-pulls.ts';

export interface StarterDeps {
  engine: Engine;
  storeId: string;
  local: boolean;
  allowHostPaths: (() => Promise<readonly string[]>) | undefined;
  facts: () => Promise<EngineFacts>;
  files: HostFiles;
  pulls: Pulls;
  inits: Inits;
  volumes: Volumes;
  commands: CommandCheck;
  attachments: Attachments;
  network: Network;
  steps: Steps;
}

export interface Starter {
  create(spec: RunSpec): Promise<ContainerInspect>;
  restart(ref: string, spec: RunSpec): Promise<ContainerInspect>;
}

/**
 * A start is three calls: create, start, inspect. If the agent talks, its output is attached before the start. Anything
 * else is done only after the engine has refused.
 */
export function createStarter(deps: StarterDeps): Starter {
  const { attachments, files, inits, pulls, steps, volumes } = deps;
  const { calls } = deps.engine;

  const inspect = (ref: string): Promise<ContainerInspect> => calls.getContainer(ref).inspect();
  const begin = (ref: string): Promise<ContainerInspect> =>
    steps.run(ref, async () => {
      await calls.getContainer(ref).start();
      return inspect(ref);
    });

  const start = async (ref: string, { talks }: RunSpec): Promise<ContainerInspect> => {
    if (!talks) return begin(ref);
    await attachments.prepare(ref);
    try {
      const started = await begin(ref);
      await attachments.started(started);
      return started;
    } catch (error) {
      attachments.drop(ref);
      throw error;
    }
  };

  /** Removes the container that has the name, if it is of the same instance. */
  const replace = async (spec: RunSpec, cause: unknown): Promise<void> => {
    const name = containerName(spec.identity);
    const holder = await ifExists(inspect(name));
    if (holder === undefined) return;
    const label = holder.Config.Labels ?? {};
    const isOwn =
      label[labels.store] === deps.storeId &&
      label[labels.namespace] === spec.identity.namespace &&
      label[labels.instance] === spec.identity.instance;
    if (!isOwn)
      throw new DriverError(
        'NotStartable',
        'NameTaken',
        `the name ${name} is used by another container, which agentctl did not create:`,
        { cause, remedy: `remove or rename it (docker rename ${name} <other>), or rename the Agent` },
      );
    await steps.remove(holder.Id);
  };

  const post = async (spec: RunSpec, body: object): Promise<string> => {
    // Query and body are separate, because otherwise the body with its Secrets would be in the URL too.
    const options: object = { _query: { name: containerName(spec.identity) }, _body: body };
    const { id } = await calls.createContainer(options);
    return id;
  };

  /**
   * Drops the time of the next pull: it may be far, and someone may load the image by hand meanwhile. So the start is
   * retried earlier.
   */
  const pull = (image: string, spec: RunSpec): Promise<void> =>
    pulls.pull(image, spec.again ?? false).catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      throw new DriverError(error.kind, error.code, error.message, { cause: error });
    });

  const bodyOf = async (
    spec: RunSpec,
    binds: readonly Bind[],
    { podman }: EngineFacts,
    init: Init,
  ): Promise<object> => {
    // Only Docker's init can forward signals to a group; catatonit cannot.
    if (spec.stop.scope === 'Group' && podman)
      throw new DriverError(
        'NotStartable',
        'UnsupportedByRuntime',
        "the policy's stop.signalScope: Podman signals only the main process; remove it or use another Runtime",
      );
    if (typeof init === 'string') return createBody(spec, binds, { podman, init: init === 'Engine' });
    const given = await beforeProgram(deps.engine, spec, binds, init);
    return createBody(given.spec, given.binds, { podman, init: false });
  };

  const make = async (
    spec: RunSpec,
    binds: readonly Bind[],
    engine: EngineFacts,
    image: string,
  ): Promise<{ id: string; init: Init }> => {
    // Each obstacle is removed once: a missing image, a name in use.
    let [pulled, replaced] = [false, false];
    for (;;) {
      const init = await inits.choose(engine);
      try {
        return { id: await post(spec, await bodyOf(spec, binds, engine, init)), init };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        if (inits.refused(init, error)) continue;
        if (!pulled && noSuchImage(error)) {
          if (pullPolicyOf(spec) === 'Never') throw imageMissing(image, error);
          await pull(image, spec);
          pulled = true;
        } else if (!replaced && nameTaken(error)) {
          await replace(spec, error);
          replaced = true;
        } else throw error;
      }
    }
  };

  /** Docker refuses a missing path; Podman would create it. If the engine is remote, the engine decides. */
  const hostPaths = async (spec: RunSpec): Promise<RunSpec> => {
    if (!deps.local || !spec.mounts.some(({ type }) => type === 'Host')) return spec;
    const allowed = await deps.allowHostPaths?.();
    const mounts = await Promise.all(
      spec.mounts.map(async (mount) =>
        mount.type === 'Host' ? { ...mount, path: await realPath(mount.path, allowed) } : mount,
      ),
    );
    return { ...spec, mounts };
  };

  /** Podman ignores a volume's labels in a container's spec. Creating an existing volume changes nothing. */
  const makeVolumes = async (spec: RunSpec): Promise<void> => {
    for (const mount of spec.mounts) {
      if (mount.type !== 'Volume' || mount.formerName !== undefined) continue;
      await calls.createVolume({ Name: mount.name, Labels: volumeLabels(spec.identity) });
    }
  };

  /**
   * A container that an earlier version created may mount the volume of another agent whose volume had the same name.
   */
  const checkMounted = async (ref: string, spec: RunSpec): Promise<void> => {
    const own = spec.mounts.filter((mount) => mount.type === 'Volume' && mount.formerName !== undefined);
    if (own.length === 0) return;
    const { Mounts: mounted } = await inspect(ref);
    for (const mount of (await volumes.own({ ...spec, mounts: own })).mounts) {
      const found = mounted?.find(({ Destination: at }) => at === mount.mountPath);
      if (mount.type === 'Volume' && found?.Name !== mount.name)
        throw new DriverError(
          'NotStartable',
          'VolumeTaken',
          `its container mounts the volume ${found?.Name} at ${mount.mountPath}, which is not this agent's: the container is created again`,
        );
    }
  };

  /** If the agent talks, it can reach the controller through the gateway of our own network. */
  const networked = async (spec: RunSpec): Promise<RunSpec> => {
    const { mode, name } = spec.network;
    if (name !== undefined && !isNetworkName(name))
      throw new DriverError('Terminal', 'InvalidSpec', `network.name: ${name} is not the name of a network`);
    if (!spec.talks || mode !== 'Bridge' || name !== undefined) return spec;
    return { ...spec, network: { ...spec.network, name: await deps.network.ensure() } };
  };

  const subject = (spec: RunSpec) => ({
    name: containerName(spec.identity),
    image: spec.image,
    command: spec.command?.[0],
    network: spec.network.name,
  });

  const putFiles = async (spec: RunSpec) => {
    const needsFiles = spec.files.length > 0 || spec.mounts.some(({ type }) => type === 'Files');
    if (needsFiles && !deps.local)
      throw new DriverError(
        'Terminal',
        'InvalidSpec',
        'files, and volumes from Secrets and ConfigMaps, are mounted from this host, so they require an engine on this host:',
        { remedy: 'use env, or a Runtime with a unix socket' },
      );
    return files.put(spec);
  };

  return {
    async create(given) {
      const { image } = given;
      if (image === undefined)
        throw new DriverError('Terminal', 'InvalidSpec', 'a container requires template.image');
      const spec = await networked(await hostPaths(given));
      const engine = await deps.facts();
      if (pullPolicyOf(spec) === 'Always') await pulls.pull(image, spec.again ?? false);
      const { uid } = spec.identity;
      let made: string | undefined;
      try {
        if (engine.podman) await makeVolumes(spec);
        const mounted = await volumes.own(spec);
        const { id, init } = await make(mounted, await putFiles(mounted), engine, image);
        made = id;
        if (init !== 'None') await deps.commands.check(id, mounted);
        return await start(id, mounted);
      } catch (error) {
        const failure = startError(error, subject(spec));
        // If the engine is unreachable, nothing can be removed. The next attempt finds the container by its name and
        // replaces it.
        if (failure instanceof DriverError && failure.kind !== 'Offline') {
          if (made !== undefined) await steps.remove(made);
          await files.remove(uid);
        }
        throw failure;
      } finally {
        files.settled(uid);
      }
    },

    async restart(ref, given) {
      const spec = await hostPaths(given);
      try {
        await checkMounted(ref, spec);
        await putFiles(spec);
        return await start(ref, spec);
      } catch (error) {
        if (hasStatus(error, 404) && /no such container/i.test(error.message)) throw gone(ref, error);
        const failure = startError(error, subject(spec));
        // Prepares the next attempt: `create` will then name this network.
        if (failure instanceof DriverError && networkFaults.has(failure.code)) await networked(spec);
        throw failure;
      } finally {
        files.settled(spec.identity.uid);
      }
    },
  };
}

const networkFaults = new Set(['NetworkMissing', 'NetworkAmbiguous']);

const noSuchImage = ({ status, message }: EngineError): boolean =>
  status === 404 && /no such image|image not known|unable to find .*image/i.test(message);

const nameTaken = ({ message }: EngineError): boolean => /name .*already in use/i.test(message);
