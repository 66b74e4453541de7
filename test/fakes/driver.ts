import { type Capabilities, driverCapabilities } from '../../src/api/capabilities.ts';
import { containerName } from '../../src/api/names.ts';
import { type Driver, DriverError, type DriverFeatures, type RunSpec } from '../../src/drivers/driver.ts';
import type { Observed } from '../../src/plan/world.ts';
import { attachTo, workingDirOf } from './attach.ts';
import { type FakeContainer, observedOf, storeOf } from './container.ts';
import type { FakeEngine } from './engine.ts';

/** Has every part but `restart` where its capabilities deny that; callers ask them first. */
export type FakeDriver = Driver & DriverFeatures;

/** A driver of the controller with this store; all of one engine see the same containers. */
export function createFakeDriver(
  engine: FakeEngine,
  store: string,
  capabilities: Capabilities = driverCapabilities.docker,
): FakeDriver {
  const toObserved = (container: FakeContainer): Observed => ({
    ...observedOf(container),
    ...(capabilities.nativeProbes && engine.probed(container)),
  });
  const find = (ref: string): FakeContainer | undefined => {
    const container = engine.containers.get(ref);
    return container !== undefined && storeOf(container) === store ? container : undefined;
  };
  const need = (ref: string): FakeContainer => {
    const container = find(ref);
    if (container !== undefined) return container;
    throw new DriverError('Retryable', 'Gone', `there is no container ${ref} any more`);
  };
  const refuse = (reason: string, message: string): never => {
    throw new DriverError('NotStartable', reason, message);
  };
  const isMissing = (path = ''): boolean => [...engine.missing].some((prefix) => path.startsWith(prefix));

  const imageFor = (spec: RunSpec): string => {
    const name = spec.image ?? '';
    const pulls = spec.pullPolicy === 'Always' || (spec.pullPolicy !== 'Never' && !engine.images.has(name));
    const id = (pulls ? engine.registry : engine.images).get(name);
    if (id === undefined)
      return refuse(pulls ? 'ImagePull' : 'ImageMissing', `no image ${name}: pull it, or correct its name`);
    engine.images.set(name, id);
    return id;
  };

  const driver: FakeDriver = {
    capabilities,

    async ping() {
      engine.answer('ping');
      return { version: 'Fake 1.0' };
    },

    async list() {
      engine.answer('list');
      return [...engine.containers.values()].filter((one) => storeOf(one) === store).map(toObserved);
    },

    async inspect(ref) {
      engine.answer('inspect');
      const container = find(ref);
      return container === undefined ? undefined : toObserved(container);
    },

    async watch(onHint, signal) {
      if (signal.aborted || engine.offline) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const watcher = { store, hint: onHint, lose: resolve };
      engine.watchers.add(watcher);
      signal.addEventListener('abort', () => resolve(), { once: true });
      onHint(undefined);
      await promise;
      engine.watchers.delete(watcher);
    },

    async create(spec) {
      const { namespace, instance, run } = spec.identity;
      engine.answer('create', `${namespace}/${instance} run ${run}`);
      const name = containerName(spec.identity);
      const imageId = imageFor(spec);
      for (const mount of spec.mounts) {
        if (mount.type === 'Host' && isMissing(mount.path))
          refuse('MountMissing', `the host has no ${mount.path}`);
      }
      const holder = [...engine.containers.values()].find((container) => container.name === name);
      const owner = holder?.spec?.identity;
      const isOwn = owner?.store === store && owner.namespace === namespace && owner.instance === instance;
      if (holder !== undefined && !isOwn)
        refuse(
          'NameTaken',
          `the name ${name} is used by another container, which agentctl did not create: remove or rename it`,
        );
      if (holder !== undefined) engine.remove(holder);
      const { network } = spec;
      if (network.name !== undefined && !engine.networks.has(network.name))
        refuse('NetworkMissing', `there is no network ${network.name}`);
      const command = spec.command?.[0];
      if (isMissing(command)) refuse('CommandNotFound', `there is no command ${command}`);
      for (const mount of spec.mounts) {
        if (mount.type === 'Volume') engine.volumes.set(mount.name, spec.identity);
      }
      const container = engine.make(name, spec, imageId);
      engine.start(container, spec);
      return toObserved(container);
    },

    async restart(ref, spec) {
      engine.answer('restart', `${ref} run ${spec.identity.run}`);
      const container = need(ref);
      if (container.state === 'Paused') container.state = 'Running';
      if (container.state !== 'Running') engine.start(container, spec);
      return toObserved(container);
    },

    async signal(ref, signal) {
      engine.answer('signal', `${ref} ${signal ?? 'SIGTERM'}`);
      const container = find(ref);
      if (container?.state === 'Paused') container.state = 'Running';
      if (container?.state !== 'Running' || container.spec === undefined) return;
      const { onTerm = 0 } = engine.behave(container.spec, container.starts);
      if (signal === 'SIGKILL' && capabilities.signals) engine.end(ref, { code: 137 });
      else if (onTerm !== 'Ignore') engine.end(ref, { code: onTerm });
    },

    async kill(ref) {
      engine.answer('kill', ref);
      const state = find(ref)?.state;
      if (state === 'Running' || state === 'Paused') engine.end(ref, { code: 137 });
    },

    async remove(ref, { volumes }) {
      engine.answer('remove', `${ref}${volumes ? ' with volumes' : ''}`);
      const container = find(ref);
      if (container === undefined) return;
      engine.remove(container);
      for (const mount of container.spec?.mounts ?? []) {
        if (volumes && mount.type === 'Volume') engine.volumes.delete(mount.name);
      }
    },

    async *logs(ref, { follow, tail, since = 0, run, signal }) {
      engine.answer('logs');
      const container = need(ref);
      const wanted = container.log.filter(
        (line) => (line.at ?? 0) >= since && (run === undefined || line.run === run.number),
      );
      let read = container.log.length;
      for (const { start: _, run: __, ...line } of tail === undefined ? wanted : wanted.slice(-tail))
        yield line;
      const goesOn = (): boolean =>
        follow &&
        (run === undefined || run.number === container.spec?.identity.run) &&
        !signal.aborted &&
        container.state !== 'Exited' &&
        find(ref) !== undefined;
      while (goesOn()) {
        const { promise, resolve } = Promise.withResolvers<void>();
        container.followers.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
        await promise;
        container.followers.delete(resolve);
        const fresh = container.log.slice(read);
        read = container.log.length;
        for (const { start: _, run: __, ...line } of fresh) yield line;
      }
    },

    stdio: {
      async attach(ref, options) {
        engine.answer('attach');
        return attachTo(engine, need(ref), options);
      },
    },

    async exec(ref, command, { timeout, signal }) {
      engine.answer('exec');
      const container = need(ref);
      if (container.state !== 'Running')
        throw new DriverError('Retryable', 'NotRunning', `${ref} does not run`);
      if (isMissing(command[0])) return { code: 127, output: `${command[0]}: not found\n` };
      if (command[0] === 'sleep') {
        const { promise, resolve } = Promise.withResolvers<void>();
        engine.clock.after(timeout, resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
        await promise;
        signal?.throwIfAborted();
        throw new DriverError('Retryable', 'ExecTimeout', `sleep took longer than ${timeout} ms`);
      }
      if (command[0] === 'pwd') return { code: 0, output: `${workingDirOf(container)}\n` };
      // The only scripts that it knows: some `echo word`, then `exit code`.
      const script = command.at(-1) ?? '';
      const output = [...script.matchAll(/echo (\w+)/g)].map(([, word]) => `${word}\n`).join('');
      return { code: Number(/exit (\d+)$/.exec(script)?.[1] ?? 0), output };
    },

    async address(ref, port) {
      engine.answer('address');
      return find(ref)?.state === 'Running' ? { host: '127.0.0.1', port } : undefined;
    },

    async hostAddress() {
      engine.answer('hostAddress');
      return engine.hostAddress;
    },

    images: {
      async id(image, { pull }) {
        engine.answer('imageId');
        const pulled = pull ? engine.registry.get(image) : undefined;
        if (pulled !== undefined) engine.images.set(image, pulled);
        return engine.images.get(image);
      },
    },

    volumes: {
      async list(namespace, agent) {
        engine.answer('volumes');
        return [...engine.volumes]
          .filter(
            ([, owner]) => owner.store === store && owner.namespace === namespace && owner.agent === agent,
          )
          .map(([name]) => name)
          .toSorted();
      },

      async remove(name) {
        engine.answer('removeVolume', name);
        if (engine.volumes.get(name)?.store === store) engine.volumes.delete(name);
      },
    },

    conditions: () => [],

    async close() {},
  };
  if (capabilities.restartInPlace !== false) return driver;
  const { restart: _, ...rest } = driver;
  return rest as FakeDriver;
}
