import { createHmac } from 'node:crypto';
import { parseCpu, parseMemory } from '../api/amounts.ts';
import {
  type AgentSpec,
  type ConfigMap,
  type Instance,
  type PolicySpec,
  type Reference,
  references,
  type Secret,
} from '../api/objects.ts';
import { parseDuration } from '../api/time.ts';
import type { FileSpec, Mount, RunSpec } from '../drivers/driver.ts';

type Template = AgentSpec['template'];

interface RunContext {
  store: string;
  controllerVersion: string;
  instance: Instance;
  run: number;
  revision: string;
  /** The spec that the Revision recorded. */
  spec: AgentSpec;
  stop: PolicySpec['stop'];
  /** See RunSpec. */
  again?: boolean | undefined;
  find: FindInput;
}

/**
 * Returns the RunSpec: resolves every reference of a Revision's template. The planner has checked that all required
 * objects exist.
 */
export function runSpec(context: RunContext): RunSpec {
  const { instance, spec, find } = context;
  const { template } = spec;
  const namespace = instance.metadata.namespace ?? 'default';
  const { agentName: agent, ordinal } = instance.spec;
  const own = {
    AGENTCTL_AGENT: agent,
    AGENTCTL_INSTANCE: instance.metadata.name,
    AGENTCTL_ORDINAL: String(ordinal),
    AGENTCTL_NAMESPACE: namespace,
    AGENTCTL_RUN: String(context.run),
    ...(spec.model === undefined ? {} : { AGENTCTL_MODEL: spec.model }),
    ...(spec.systemPrompt === undefined ? {} : { AGENTCTL_SYSTEM_PROMPT: spec.systemPrompt }),
  };
  const env = { ...environment(template, find, own), ...own };
  const expanded = (words: readonly string[] | undefined): string[] | undefined =>
    words?.map((word) => expand(word, env));
  return {
    identity: {
      store: context.store,
      namespace,
      agent,
      instance: instance.metadata.name,
      uid: instance.metadata.uid,
      ordinal,
      run: context.run,
      revision: context.revision,
      controllerVersion: context.controllerVersion,
    },
    image: template.image,
    pullPolicy: template.imagePullPolicy,
    command: expanded(template.command),
    args: expanded(template.args),
    env,
    files: files(template, find),
    workingDir: template.workingDir,
    mounts: mounts(template, find, { namespace, agent, ordinal }),
    limits: {
      cpu: optional(template.resources?.limits?.cpu, parseCpu),
      memory: optional(template.resources?.limits?.memory, parseMemory),
      pids: template.resources?.limits?.pids,
    },
    requests: {
      cpu: optional(template.resources?.requests?.cpu, parseCpu),
      memory: optional(template.resources?.requests?.memory, parseMemory),
    },
    user: template.user,
    readOnlyRootFilesystem: template.readOnlyRootFilesystem,
    security: {
      capabilities: template.security?.capabilities?.add ?? [],
      allowPrivilegeEscalation: template.security?.allowPrivilegeEscalation ?? false,
      privileged: template.security?.privileged ?? false,
    },
    network: {
      mode: template.network?.mode ?? 'Bridge',
      name: template.network?.name,
      ports: template.network?.ports ?? [],
    },
    again: context.again,
    talks: spec.protocol !== 'none',
    stdin: template.stdin ?? false,
    logs: {
      maxSize: parseMemory(template.logs?.maxSize ?? '10Mi'),
      maxFiles: template.logs?.maxFiles ?? 3,
    },
    probes: { readiness: spec.readiness, liveness: spec.liveness },
    stop: {
      signal: context.stop.signal,
      scope: context.stop.signalScope,
      gracePeriodMs: parseDuration(context.stop.gracePeriod),
    },
  };
}

const optional = <T, R>(value: T | undefined, parse: (value: T) => R): R | undefined =>
  value === undefined ? undefined : parse(value);

/**
 * Returns the environment: envFrom first, then env. A value may refer to variables defined before it, as in Kubernetes.
 */
function environment(
  template: Template,
  find: FindInput,
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const out: Record<string, string> = {};
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
  for (const { prefix = '', secretRef, configMapRef } of template.envFrom ?? []) {
    const source =
      secretRef !== undefined
        ? find('Secret', secretRef.name)
        : configMapRef !== undefined
          ? find('ConfigMap', configMapRef.name)
          : undefined;
    for (const [key, value] of source === undefined ? [] : allOf(source)) out[prefix + key] = text(value);
  }
  for (const { name, value, valueFrom } of template.env ?? []) {
    const bytes = keyValue(valueFrom?.secretKeyRef, valueFrom?.configMapKeyRef, find);
    if (value !== undefined) out[name] = expand(value, { ...out, ...own });
    else if (bytes !== undefined) out[name] = text(bytes);
    else if (valueFrom === undefined) out[name] = '';
  }
  return out;
}

type KeyRef = { name: string; key: string };

function keyValue(
  secret: KeyRef | undefined,
  configMap: KeyRef | undefined,
  find: FindInput,
): Uint8Array | undefined {
  const ref = secret ?? configMap;
  if (ref === undefined) return undefined;
  const source = find(secret !== undefined ? 'Secret' : 'ConfigMap', ref.name);
  return source === undefined ? undefined : bytesOf(source, ref.key);
}

function files(template: Template, find: FindInput): FileSpec[] {
  return (template.files ?? []).flatMap(({ path, content, mode, secretKeyRef, configMapKeyRef }) => {
    const bytes =
      content !== undefined ? Buffer.from(content) : keyValue(secretKeyRef, configMapKeyRef, find);
    return bytes === undefined ? [] : [{ path, content: bytes, mode: Number.parseInt(mode, 8) }];
  });
}

function mounts(
  template: Template,
  find: FindInput,
  identity: { namespace: string; agent: string; ordinal: number },
): Mount[] {
  const volumes = new Map((template.volumes ?? []).map((volume) => [volume.name, volume]));
  return (template.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly }): Mount[] => {
    const volume = volumes.get(name);
    if (volume === undefined) return [];
    const at = { mountPath, readOnly };
    if (volume.hostPath !== undefined) return [{ type: 'Host', path: volume.hostPath.path, ...at }];
    if (volume.tmpfs !== undefined)
      return [{ type: 'Tmpfs', sizeBytes: optional(volume.tmpfs.sizeLimit, parseMemory), ...at }];
    if (volume.named !== undefined)
      return [{ type: 'Volume', ...volumeName(name, volume.named, identity), ...at }];
    const source =
      volume.secret !== undefined
        ? find('Secret', volume.secret.secretName)
        : volume.configMap !== undefined
          ? find('ConfigMap', volume.configMap.name)
          : undefined;
    const content = source === undefined ? [] : allOf(source);
    return [
      {
        type: 'Files',
        files: content.map(([path, bytes]) => ({ path, content: bytes, mode: 0o444 })),
        ...at,
      },
    ];
  });
}

/**
 * Names in Kubernetes contain no "_", so the volumes of two agents never have the same name. Names of earlier versions
 * could collide.
 */
function volumeName(
  name: string,
  { volumeName: given, perInstance }: { volumeName?: string; perInstance: boolean },
  { namespace, agent, ordinal }: { namespace: string; agent: string; ordinal: number },
): { name: string; formerName?: string } {
  const join = (parts: readonly string[], separator: string): string =>
    (perInstance ? [...parts, String(ordinal)] : parts).join(separator);
  if (given !== undefined) return { name: join([given], '-') };
  const parts = [namespace, agent, name];
  return { name: join(parts, '_'), formerName: join(parts, '-') };
}

/**
 * `$(NAME)` becomes the value of the variable, and stays unchanged if there is none. `$$` becomes one `$`, so
 * `$$(NAME)` becomes `$(NAME)`. Kubernetes has the same rule for command, args and the values of env
 * (third_party/forked/golang/expansion).
 */
const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replace(/\$(?:\(([^)]*)\)|(.))/gsu, (whole, name: string | undefined, next: string | undefined) => {
    if (name !== undefined) return Object.hasOwn(variables, name) ? (variables[name] ?? whole) : whole;
    return next === '$' ? '$' : whole;
  });

type Source = Secret | ConfigMap;

/** Finds the Secrets and ConfigMaps of one namespace in the cache. */
export type FindInput = (kind: Reference['kind'], name: string) => Source | undefined;

/**
 * Returns World.inputs for a template: by `Kind/name` an HMAC of the object's data, or null if the object is missing;
 * by `Kind/name#key` null if the key is missing. The HMAC's key never leaves the state folder, so that nobody can guess
 * a short secret from a Revision.
 */
export class Inputs {
  readonly #key: Uint8Array;
  readonly #digests = new WeakMap<Source, string>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  resolve(template: AgentSpec['template'], find: FindInput): Record<string, string | null> {
    const inputs: Record<string, string | null> = {};
    for (const { kind, name, key } of references(template)) {
      const source = find(kind, name);
      inputs[`${kind}/${name}`] = source === undefined ? null : this.#digest(source);
      if (key !== undefined && source !== undefined && bytesOf(source, key) === undefined) {
        inputs[`${kind}/${name}#${key}`] = null;
      }
    }
    return inputs;
  }

  #digest(source: Source): string {
    const known = this.#digests.get(source);
    if (known !== undefined) return known;
    const hmac = createHmac('sha256', this.#key);
    for (const [key, value] of allOf(source))
      hmac.update(`${key.length}:${key}`).update(`${value.length}:`).update(value);
    const digest = hmac.digest('base64url').slice(0, 22);
    this.#digests.set(source, digest);
    return digest;
  }
}

/** Returns the bytes under one key. */
export function bytesOf(source: Source, key: string): Uint8Array | undefined {
  if (source.kind === 'Secret') {
    const value = source.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, 'base64');
  }
  const text = source.data?.[key];
  if (text !== undefined) return Buffer.from(text);
  const binary = source.binaryData?.[key];
  return binary === undefined ? undefined : Buffer.from(binary, 'base64');
}

/** Returns all keys with their bytes, sorted by key. */
function allOf(source: Source): [string, Uint8Array][] {
  const keys = new Set([
    ...Object.keys(source.data ?? {}),
    ...(source.kind === 'ConfigMap' ? Object.keys(source.binaryData ?? {}) : []),
  ]);
  return [...keys].sort().flatMap((key) => {
    const value = bytesOf(source, key);
    return value === undefined ? [] : [[key, value] satisfies [string, Uint8Array]];
  });
}
