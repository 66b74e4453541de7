import { collectAnnotation, purgeAnnotation, readsHost, syncAnnotations } from '../api/annotations.ts';
import type { ApiError, StatusCause } from '../api/errors.ts';
import { type FieldError, forbidden, invalid } from '../api/field-error.ts';
import { isObject, type JsonObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { AgentSpec, PolicySpec, Runtime, Sync, SyncSpec } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import { listed } from '../api/text.ts';

/** What a push to the source of a Sync may do. */
export interface Bounds {
  sync: Sync;
  /** Returns the Runtime of an Agent with this spec; undefined if there is none. */
  runtimeOf: (spec: AgentSpec) => Runtime | undefined;
  /**
   * Whether a command from this namespace may run on this host, by `spec.allow` of the Runtimes with driver process.
   */
  mayRunHere: (namespace: string) => boolean;
  /** Returns what the Runtime does not support of an Agent, including host paths that it does not allow. */
  unsupported: (runtime: Runtime, spec: AgentSpec) => readonly string[];
}

export const targetNamespace = ({ metadata, spec }: Sync): string =>
  spec.targetNamespace ?? metadata.namespace ?? 'default';

/** Returns everything that a valid manifest must not do. */
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

/** With these annotations, a manifest could approve itself or allow that its data is deleted. */
const controls: readonly string[] = [
  ...Object.values(syncAnnotations).filter((name) => name !== syncAnnotations.prune),
  purgeAnnotation,
  collectAnnotation,
];

/**
 * Like outOfBounds, for the merged spec of a Sync: fields that the manifest leaves out may be set on the server, and
 * wider.
 */
export const syncOutOfBounds = (spec: SyncSpec, { sync }: Bounds): FieldError[] => ofSync(spec, sync);

function ofSpec(info: KindInfo, object: JsonObject, bounds: Bounds): FieldError[] {
  const schema = info.schema.properties?.spec;
  if (schema === undefined) return [];
  const spec = withDefaults(schema, object.spec);
  // The casts are safe: the spec is valid and has its defaults.
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

/** A command runs as the controller's user, so it needs the same permission as an Agent that does. */
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

/** A pushed Sync may do no more than the Sync that it comes from. */
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

/** The field manager that a server-side apply conflicts with. */
export interface Rival {
  manager: string;
  /** true: it applies the field, and will do so again. false: it changed the field once, with an update. */
  applies: boolean;
  field: string;
}

/**
 * Parses the causes of a Conflict. The text is that of Kubernetes (apimachinery, managedfields NewConflictError): only
 * an Update has "using".
 */
export function rivals(error: ApiError): Rival[] {
  return (error.details?.causes ?? []).filter(isOfManager).map(({ message, field = '' }) => {
    const [, manager = '"?"', rest = ''] = /^conflict with ("(?:[^"\\]|\\.)*")(.*)$/s.exec(message) ?? [];
    return { manager: JSON.parse(manager), applies: !/ using /.test(rest), field: field.replace(/^\./, '') };
  });
}

const isOfManager = ({ reason }: StatusCause): boolean => reason === 'FieldManagerConflict';

/**
 * Whether the field may be taken over. A manager that changed it once does not set it again, but one that applies it
 * does.
 */
export const mayTakeBack = (found: readonly Rival[]): boolean =>
  found.length > 0 && found.every(({ applies }) => !applies);

/** For people: who else applies the fields with another value than `own`. */
export function rivalsText(all: readonly Rival[], own: string): string {
  const appliers = all.filter(({ applies }) => applies);
  const name = JSON.stringify(own);
  const texts = appliers
    .filter(({ field }) => !field.includes(syncAnnotations.sync)) // these annotations differ between any two Syncs
    .map(({ manager, field }) => `${field} is also applied by ${JSON.stringify(manager)}`);
  if (texts.length > 0) return `${listed(texts)}, with another value than ${name}`;
  const managers = [...new Set(appliers.map(({ manager }) => JSON.stringify(manager)))];
  return `it is applied by ${listed(managers, { separator: ' and ' })} as well as by ${name}`;
}

/** Whether this many deletions at once wait for the approval of a person. */
export function waitsForApproval(
  { source, maxPrunePercent }: Pick<SyncSpec, 'source' | 'maxPrunePercent'>,
  { deletes, inventory, manifests }: { deletes: number; inventory: number; manifests: number },
): boolean {
  if (deletes === 0) return false;
  // A folder whose disk is not mounted is empty.
  if (source.directory !== undefined && manifests === 0) return true;
  return deletes * 100 > inventory * maxPrunePercent;
}
