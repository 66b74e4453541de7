/** Tables, as `get` prints them: the columns of schemas/, and computed cells that no JSON path can express. */

import { revisionText } from '../api/annotations.ts';
import { isObject } from '../api/json.ts';
import { type Column, type KindInfo, kinds } from '../api/kinds.ts';
import type { AnyObject, Condition, Kind, Kinds, ObjectMeta, Sync } from '../api/objects.ts';
import { beginning, visible } from '../api/text.ts';
import { age, humanDuration, parseTime, wholeSeconds } from '../api/time.ts';
import type {
  IncludeObject,
  PartialObjectMetadata,
  Table,
  TableColumn,
  TableRow,
} from '../client/resources.ts';
import type { AnyResource } from '../registry/object.ts';

type Cell = string | number | null;

/** kubectl prints cells unchanged, except the escape character. */
const shown = (cell: Cell): Cell => (typeof cell === 'string' ? visible(cell) : cell);

const next = (what: string | undefined, at: string | undefined, now: number): string => {
  const due = at === undefined ? undefined : parseTime(at);
  if (what === undefined || due === undefined) return what ?? '';
  return due <= now ? `${what} now` : `${what} in ${humanDuration(wholeSeconds(due - now))}`;
};

/** Returns the reason, if it adds something to the phase. */
const more = ({ phase, reason }: { phase?: string; reason?: string } = {}): Cell =>
  reason === undefined || reason === phase ? null : reason;

const longestText = 100;

/** Returns the beginning of a text of any length. */
function oneLine(text: string): string {
  const line = text
    .slice(0, 2 * longestText)
    .trim()
    .replace(/\s+/g, ' ');
  return line.length <= longestText && text.length <= 2 * longestText
    ? line
    : `${beginning(line, longestText)}...`;
}

/** Ready, or InSync if the revision is applied but objects differ from it. */
function newsOf({ status: { conditions = [] } = {} }: Sync): Condition | undefined {
  const [ready, inSync] = ['Ready', 'InSync'].map((type) => conditions.find((one) => one.type === type));
  return ready?.status === 'True' && inSync?.status === 'False' ? inSync : ready;
}

/** Returns how many messages wait for an Agent. */
export type Waiting = (agent: { namespace?: string | undefined; name: string }) => number;

/** Returns the number of waiting messages, or else the agent's place in the queue of its Runtime. */
const queued = (messages: number, place: string | undefined): Cell =>
  messages > 0 ? `${messages} wait` : (place ?? null);

/** By kind and column: cells that replace the column's JSON path, which only our CRDs need. */
const computed: {
  readonly [K in Kind]?: Readonly<Record<string, (object: Kinds[K], now: number, waiting: Waiting) => Cell>>;
} = {
  Agent: {
    Ready: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.suspend ? 0 : spec.replicas}`,
    Reason: ({ status }) => more(status),
    Restarts: ({ status }) => status?.restartCount ?? 0,
    Queue: ({ metadata, status }, _, waiting) => queued(waiting(metadata), status?.queue),
    Next: ({ status }, now) => next(status?.nextAction, status?.nextAt, now),
    // Until the controller has chosen, the Runtime of an image without a runtimeRef is not known.
    Runtime: ({ spec, status }) =>
      status?.runtime ?? spec.runtimeRef?.name ?? (spec.template.image === undefined ? 'process' : null),
  },
  ConfigMap: {
    Data: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
  },
  Event: {
    'Last Seen': ({ lastTimestamp, eventTime, metadata }, now) =>
      age(lastTimestamp ?? eventTime ?? metadata.creationTimestamp, now),
    Object: ({ involvedObject: { kind, name } }) => `${kind?.toLowerCase() ?? ''}/${name ?? ''}`,
    Message: ({ message }) => message?.trim() ?? '',
  },
  Instance: {
    Reason: ({ status }) => more(status),
    Run: ({ status }) => status?.run?.number ?? 0,
    Restarts: ({ status }) => status?.restartCount ?? 0,
  },
  Approval: {
    Request: ({ spec }) => oneLine(spec.request),
    Title: ({ spec }) => oneLine(spec.title),
  },
  Message: { Text: ({ spec }) => oneLine(spec.text) },
  Runtime: {
    Running: ({ status }) => status?.running ?? 0,
    Queued: ({ status }) => status?.queued ?? 0,
    Breaker: ({ status }) => status?.breaker?.state ?? 'Closed',
  },
  Secret: { Data: ({ data }) => Object.keys(data ?? {}).length },
  Sync: {
    Revision: ({ status: { revision, reference } = {} }) =>
      revision === undefined ? null : revisionText(revision, reference),
    Message: (sync) => oneLine(newsOf(sync)?.message ?? ''),
    Reason: (sync) => newsOf(sync)?.reason ?? null,
    Source: ({ spec: { source } }) => source.git?.url ?? source.directory?.path ?? null,
  },
};

interface TableField {
  column: TableColumn;
  cell(object: AnyObject, now: number, waiting: Waiting): Cell;
}

const nameField: TableField = {
  column: {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'The name of the object.',
    priority: 0,
  },
  cell: ({ metadata }) => metadata.name,
};

function fieldOf(info: KindInfo, { jsonPath, name, type, priority }: Column): TableField {
  const column = { name, type, format: '', description: `From ${jsonPath}.`, priority };
  // Its functions only get objects of this kind.
  const own = computed[info.kind] as Record<string, TableField['cell']> | undefined;
  const cell = own?.[name];
  if (cell !== undefined) return { column, cell };
  const find = compilePath(jsonPath);
  return {
    column,
    cell(object, now) {
      const value = find(object);
      if (type === 'date') return age(typeof value === 'string' ? value : undefined, now);
      return typeof value === 'number' ? value : value === undefined || value === null ? null : String(value);
    },
  };
}

/** As in kubectl, events show their time instead of their name, unless wide output is requested. */
const layouts = new Map<Kind, readonly TableField[]>(
  kinds.map((info) => {
    const listed = info.columns.map((column) => fieldOf(info, column));
    const hidden = { ...nameField, column: { ...nameField.column, priority: 1 } };
    return [info.kind, info.kind === 'Event' ? [...listed, hidden] : [nameField, ...listed]];
  }),
);

/** Returns a Table of these objects, as of `now`. */
export function tableOf(
  kind: Kind,
  objects: readonly AnyResource[],
  now: number,
  include: NonNullable<IncludeObject['includeObject']>,
  metadata: Table['metadata'],
  waiting: Waiting = () => 0,
): Table {
  const fields = layouts.get(kind) ?? [nameField];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: fields.map(({ column }) => column),
    rows: (objects as unknown as readonly AnyObject[]).map((object): TableRow => {
      // what the registry stores is valid for its kind
      const cells = fields.map(({ cell }) => shown(cell(object, now, waiting)));
      if (include === 'None') return { cells };
      return { cells, object: include === 'Object' ? object : metadataOf(object) };
    }),
  };
}

export const metadataOf = ({ metadata }: { metadata: ObjectMeta }): PartialObjectMetadata => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
});

type Step = string | number | { field: string; equals: string };

/** Compiles `.a.b`, `[0]` and `[?(@.type=="Ready")]`, the syntax of columns in schemas/. Throws for anything else. */
function compilePath(path: string): (value: unknown) => unknown {
  const steps: Step[] = [];
  const rest = path.replace(
    /\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_-]+)=="([^"]*)"\)\]/g,
    (_, name?: string, index?: string, field?: string, equals?: string) => {
      if (name !== undefined) steps.push(name);
      else if (index !== undefined) steps.push(Number(index));
      else if (field !== undefined && equals !== undefined) steps.push({ field, equals });
      return '';
    },
  );
  if (rest !== '') throw new Error(`JSON path ${path}: cannot read ${rest}`);
  return (value) => steps.reduce(follow, value);
}

function follow(value: unknown, step: Step): unknown {
  if (typeof step === 'string')
    return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (!Array.isArray(value)) return undefined;
  if (typeof step === 'number') return value[step];
  return value.find((item) => isObject(item) && item[step.field] === step.equals);
}
