import { withDefaults } from '../../api/defaults.ts';
import { type FieldError, forbidden, invalid } from '../../api/field-error.ts';
import type { KindInfo } from '../../api/kinds.ts';
import { listed } from '../../api/listed.ts';
import type { AgentSpec, PolicySpec, Runtime, Sync, SyncSpec } from '../../api/objects.ts';
import { isObject, type JsonObject } from '../../api/schema.ts';
import { readsHost, syncAnnotations } from '../../api/sync.ts';
import { purgeAnnotation } from '../dismantle.ts';

/** What a push to the source of a Sync may do. */
export interface Bounds {
  sync: Sync;
  /** The Runtime of an Agent with this spec; undefined where there is none. */
  runtimeOf: (spec: AgentSpec) => Runtime | undefined;
  /** Whether a command that the namespace names may run on this host, by what the Runtimes of its processes allow. */
  mayRunHere: (namespace: string) => boolean;
  /** What its Runtime cannot honour of an Agent, host paths that it does not allow among it. */
  unsupported: (runtime: Runtime, spec: AgentSpec) => readonly string[];
}

export const targetNamespace = ({ metadata, spec }: Sync): string =>
  spec.targetNamespace ?? metadata.namespace ?? 'default';

/** All by which a valid manifest is out of bounds. */
export function outOfBounds(info: KindInfo, object: JsonObject, bounds: Bounds): FieldError[] {
  const { sync } = bounds;
  const { allowedKinds } = sync.spec;
  if (!allowedKinds.some((kind) => kind === info.kind))
    return [
      forbidden(
        ['kind'],
        `${info.kind} is not allowed by spec.allowedKinds of the Sync: ${allowedKinds.join(', ') || 'none'}`,
      ),
    ];
  return [...ofMetadata(info, object, bounds), ...ofSpec(info, object, bounds)];
}

function ofMetadata(info: KindInfo, { metadata }: JsonObject, { sync }: Bounds): FieldError[] {
  if (!isObject(metadata)) return [];
  const { namespace } = metadata;
  const target = targetNamespace(sync);
  const elsewhere = info.namespaced && namespace !== undefined && namespace !== '' && namespace !== target;
  const annotations = isObject(metadata.annotations) ? metadata.annotations : {};
  return [
    ...(elsewhere
      ? [invalid(['metadata', 'namespace'], namespace, `${target}, the namespace of the Sync`)]
      : []),
    ...controls
      .filter((name) => annotations[name] !== undefined)
      .map((name) => forbidden(['metadata', 'annotations', name], 'is set by agentctl: remove it')),
  ];
}

/** By these a manifest could say that it has been approved, or that what it made may be lost. */
const controls: readonly string[] = [
  ...Object.values(syncAnnotations).filter((name) => name !== syncAnnotations.prune),
  purgeAnnotation,
  'agentctl.dev/collect-orphans',
];

/** By what the spec of a Sync is out of bounds, as it would stand: what a manifest leaves out may be there, and wider. */
export const syncOutOfBounds = (spec: SyncSpec, { sync }: Bounds): FieldError[] => ofSync(spec, sync);

function ofSpec(info: KindInfo, object: JsonObject, bounds: Bounds): FieldError[] {
  const schema = info.schema.properties?.spec;
  if (schema === undefined) return [];
  const spec = withDefaults(schema, object.spec);
  // Valid, and its defaults filled in: so the casts.
  if (info.kind === 'Agent') return ofAgent(spec as AgentSpec, bounds);
  if (info.kind === 'Policy') return ofPolicy(spec as PolicySpec, ['spec'], bounds);
  return info.kind === 'Sync' ? ofSync(spec as SyncSpec, bounds.sync) : [];
}

function ofAgent(spec: AgentSpec, bounds: Bounds): FieldError[] {
  const policy = spec.policy === undefined ? [] : ofPolicy(spec.policy, ['spec', 'policy'], bounds);
  const runtime = bounds.runtimeOf(spec);
  const volumes = (spec.template.volumes ?? []).map(({ hostPath }, at) => ({ hostPath, at }));
  if (runtime === undefined)
    return [
      ...policy,
      ...volumes
        .filter(({ hostPath }) => hostPath !== undefined)
        .map(({ at }) =>
          forbidden(['spec', 'template', 'volumes', at, 'hostPath'], 'there is no Runtime that allows it'),
        ),
    ];
  const { name } = runtime.metadata;
  return [
    ...policy,
    ...bounds
      .unsupported(runtime, spec)
      .map((text) => forbidden(['spec'], `the Runtime ${name} does not support ${text}`)),
  ];
}

/** A command runs as the controller's user, so it asks for what an Agent that does so asks for. */
function ofPolicy(policy: PolicySpec, path: (string | number)[], bounds: Bounds): FieldError[] {
  const target = targetNamespace(bounds.sync);
  if (bounds.mayRunHere(target)) return [];
  return policy.notify.flatMap(({ command }, at) =>
    command === undefined
      ? []
      : [
          forbidden(
            [...path, 'notify', at, 'command'],
            `runs on this host, and no Runtime of its processes lets the namespace ${target} and the author of the Sync run as the controller's user`,
          ),
        ],
  );
}

/** A Sync that is pushed may do no more than the one that it comes from. */
function ofSync(spec: SyncSpec, parent: Sync): FieldError[] {
  const target = targetNamespace(parent);
  const wider = spec.allowedKinds.filter((kind) => !parent.spec.allowedKinds.includes(kind));
  return [
    ...(spec.targetNamespace !== undefined && spec.targetNamespace !== target
      ? [
          invalid(
            ['spec', 'targetNamespace'],
            spec.targetNamespace,
            `${target}, as in the Sync it comes from`,
          ),
        ]
      : []),
    ...(wider.length > 0
      ? [
          forbidden(
            ['spec', 'allowedKinds'],
            `${listed(wider)}: more than the Sync that it comes from allows`,
          ),
        ]
      : []),
    ...(readsHost(spec)
      ? [forbidden(['spec', 'source'], 'a Sync from a repository cannot read folders of this host')]
      : []),
  ];
}
