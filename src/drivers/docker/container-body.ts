import { posix } from 'node:path';
import { labels } from '../../api/annotations.ts';
import { signalNumber } from '../../api/signal.ts';
import { listed } from '../../api/text.ts';
import type { RunSpec, Unsupported } from '../driver.ts';
import { type Bind, isUnder } from './container-files.ts';
import type { EngineFacts } from './engine-facts.ts';

function labelsOf(identity: RunSpec['identity']): Record<string, string> {
  return {
    [labels.store]: identity.store,
    [labels.namespace]: identity.namespace,
    [labels.agent]: identity.agent,
    [labels.instance]: identity.instance,
    [labels.uid]: identity.uid,
    [labels.ordinal]: String(identity.ordinal),
    [labels.run]: String(identity.run),
    [labels.revision]: identity.revision,
    [labels.version]: identity.controllerVersion,
  };
}

/** Engines know all signal numbers, but not all names of real-time signals. */
export function engineSignal(signal: string): string {
  const number = signalNumber(signal);
  return number === undefined || number < 32 ? signal : String(number);
}

/** With this variable, Docker's init (tini) forwards signals to the whole process group. */
const toGroup = ({ scope }: RunSpec['stop']): Record<string, string> =>
  scope === 'Group' ? { TINI_KILL_PROCESS_GROUP: '1' } : {};

/** Returns the body of `POST /containers/create`. Pure. */
export function createBody(
  spec: RunSpec,
  binds: readonly Bind[],
  engine: Pick<EngineFacts, 'podman' | 'init'>,
): object {
  const { limits, requests = {}, security, network, stop } = spec;
  const hasInput = spec.talks || spec.stdin;
  const maxSize = { 'max-size': String(spec.logs.maxSize) };
  const portKey = (port: { containerPort: number; protocol: string }): string =>
    `${port.containerPort}/${port.protocol.toLowerCase()}`;
  const portBindings = Object.groupBy(network.ports, portKey);
  return {
    Image: spec.image,
    ...(spec.command === undefined ? {} : { Entrypoint: spec.command }),
    ...(spec.args === undefined ? {} : { Cmd: spec.args }),
    Env: Object.entries({ ...spec.env, ...toGroup(stop) }).map(([name, value]) => `${name}=${value}`),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    Labels: labelsOf(spec.identity),
    OpenStdin: hasInput,
    StdinOnce: false,
    Tty: false,
    ...(stop.signal === undefined ? {} : { StopSignal: engineSignal(stop.signal) }),
    StopTimeout: Math.ceil(stop.gracePeriodMs / 1000),
    ExposedPorts: Object.fromEntries(network.ports.map((port) => [portKey(port), {}])),
    HostConfig: {
      Init: engine.init,
      RestartPolicy: { Name: 'no' },
      // Podman rotates its own log file and supports only a size limit.
      LogConfig: engine.podman
        ? { Type: 'k8s-file', Config: maxSize }
        : { Type: 'local', Config: { ...maxSize, 'max-file': String(spec.logs.maxFiles) } },
      Mounts: [
        ...spec.mounts.flatMap((mount) => engineMount(mount, spec.identity)),
        ...binds.map(({ source, target }) => ({
          Type: 'bind',
          Source: source,
          Target: target,
          ReadOnly: true,
        })),
      ],
      ...(limits.cpu === undefined ? {} : { NanoCpus: Math.round(limits.cpu * 1e9) }),
      // Without an explicit value, Docker allows as much swap as memory, which doubles the limit.
      ...(limits.memory === undefined ? {} : { Memory: limits.memory, MemorySwap: limits.memory }),
      ...(limits.pids === undefined ? {} : { PidsLimit: limits.pids }),
      // As in the kubelet: 1024 shares are one core.
      ...(requests.cpu === undefined ? {} : { CpuShares: Math.max(2, Math.round(requests.cpu * 1024)) }),
      ...(requests.memory === undefined ? {} : { MemoryReservation: requests.memory }),
      ReadonlyRootfs: spec.readOnlyRootFilesystem,
      Privileged: security.privileged,
      CapDrop: ['ALL'],
      CapAdd: security.capabilities,
      SecurityOpt: security.allowPrivilegeEscalation || security.privileged ? [] : ['no-new-privileges'],
      NetworkMode: networkMode(network),
      PortBindings: Object.fromEntries(
        Object.entries(portBindings).map(([key, ports]) => [
          key,
          ports?.map(({ hostIP, hostPort }) => ({
            HostIp: hostIP,
            HostPort: hostPort === undefined ? '' : String(hostPort),
          })),
        ]),
      ),
    },
    ...endpoint(network),
  };
}

/** If several networks have the same name, Docker starts a container only if its endpoint has the network's id too. */
function endpoint({ name }: RunSpec['network']): object {
  if (name === undefined || !/^[0-9a-f]{64}$/.test(name)) return {};
  return { NetworkingConfig: { EndpointsConfig: { [name]: { NetworkID: name } } } };
}

function networkMode({ mode, name }: RunSpec['network']): string {
  switch (mode) {
    case 'None':
      return 'none';
    case 'Host':
      return 'host';
    case 'Bridge':
      return name ?? 'bridge';
  }
}

function engineMount(mount: RunSpec['mounts'][number], identity: RunSpec['identity']): object[] {
  const common = { Target: mount.mountPath, ReadOnly: mount.readOnly };
  switch (mount.type) {
    // A mount of type bind fails if the path is missing; the older `Binds` would create it.
    case 'Host':
      return [{ ...common, Type: 'bind', Source: mount.path }];
    case 'Volume':
      return [
        { ...common, Type: 'volume', Source: mount.name, VolumeOptions: { Labels: volumeLabels(identity) } },
      ];
    case 'Tmpfs': {
      // This is Docker's default mode. Podman does not have that default.
      const options = { Mode: 0o1777, SizeBytes: mount.sizeBytes };
      return [{ ...common, Type: 'tmpfs', TmpfsOptions: options }];
    }
    case 'Files':
      return [];
  }
}

/** We remove only volumes that have these labels. */
export const volumeLabels = (
  identity: Pick<RunSpec['identity'], 'store' | 'namespace' | 'agent'>,
): Record<string, string> => ({
  [labels.store]: identity.store,
  [labels.namespace]: identity.namespace,
  [labels.agent]: identity.agent,
});

/** The driver resolves symbolic links at the start. */
export const unsupportedByDocker: Unsupported = ({ template }, { allowHostPaths }) => {
  const reasons: string[] = [];
  const refuse = (field: string, why: string): void => void reasons.push(`spec.template.${field}: ${why}`);
  const relative = (path: string | undefined): boolean => path !== undefined && !path.startsWith('/');

  if (template.image === undefined)
    refuse('image', 'a container requires an image. To run without one, use the Runtime process');
  for (const [index, { path }] of (template.files ?? []).entries()) {
    if (relative(path) || path.endsWith('/'))
      refuse(`files[${index}].path`, 'must be the absolute path of a file');
  }
  if (relative(template.workingDir)) refuse('workingDir', 'must be an absolute path');
  for (const [index, { hostPath }] of (template.volumes ?? []).entries()) {
    if (hostPath === undefined) continue;
    const path = posix.normalize(hostPath.path);
    if (!allowHostPaths.some((root) => isUnder(path, posix.normalize(root))))
      refuse(
        `volumes[${index}].hostPath.path`,
        `${path} is not under the Runtime's allowHostPaths (${listed(allowHostPaths) || 'none'}); add it, or a folder above it, there`,
      );
  }
  const { mode, name, ports = [] } = template.network ?? {};
  if (name !== undefined && mode !== undefined && mode !== 'Bridge')
    refuse('network.name', `requires mode Bridge, found ${mode}`);
  if (ports.length > 0 && mode !== undefined && mode !== 'Bridge')
    refuse('network.ports', `require mode Bridge, found ${mode}`);
  return reasons;
};
