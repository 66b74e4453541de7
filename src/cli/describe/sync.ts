import type { Condition, Sync, SyncSpec, SyncStatus } from '../../api/objects.ts';
import { revisionText } from '../../api/sync-names.ts';
import { deletesText } from '../approvals/held.ts';
import type { Client } from '../cli.ts';
import { counted } from '../counted.ts';
import { found } from '../found.ts';
import { table } from '../print/table.ts';
import { conditionOf } from '../sync/conditions.ts';
import { ago, conditionsSection, type Field, fields, joined, metadataFields, section } from './fields.ts';

export async function describeSync(client: Client, sync: Sync, now: number): Promise<string> {
  const { metadata, spec, status = {} } = sync;
  const { namespace } = metadata;
  const ready = conditionOf(sync, 'Ready');
  const needs = await syncNeeds(client, sync);
  return [
    fields([
      ...metadataFields(sync, now),
      ...sourceFields(spec, `${namespace}/${metadata.name}`, needs),
      ['Interval', intervalText(spec)],
      ['Suspended', spec.suspend ? `yes; to continue: agentctl resume sync/${metadata.name}` : undefined],
      ['Prune', pruneText(spec)],
      ['Self heal', spec.selfHeal ? 'yes' : 'no, changes in the API are only reported'],
      [
        'Bounds',
        `namespace ${spec.targetNamespace ?? namespace}; ${spec.allowedKinds.join(', ') || 'no kinds'}`,
      ],
      ['State', stateText(ready)],
      ['Why', ready?.status === 'False' ? ready.message.split('\n') : undefined],
      ...revisionFields(status, now),
    ]),
    approvalSection(sync),
    listSection(`Last change${changedBy(status)}`, status.changes, (items) =>
      changeTable(['OBJECT', 'CHANGE', 'FIELDS'], items, namespace),
    ),
    listSection('Drift', status.drift, (items) => changeTable(['OBJECT', 'FIELDS'], items, namespace)),
    section('Inventory', inventoryText(status, namespace)),
    conditionsSection(status.conditions, now),
  ].join('');
}

const deaf = 'the controller does not listen on an address: agentctl controller restart --listen HOST:PORT';

function sourceFields({ source: { git, directory } }: SyncSpec, name: string, needs: SyncNeeds): Field[] {
  const { include = [], ignore = [] } = git ?? directory ?? {};
  const reference =
    git?.commit !== undefined
      ? `commit ${git.commit}`
      : git?.tag !== undefined
        ? `tag ${git.tag}`
        : `branch ${git?.branch ?? 'of HEAD'}`;
  return [
    ['Source', git?.url ?? directory?.path],
    [
      'Follows',
      git === undefined ? undefined : joined([reference, git.path !== '.' && `folder ${git.path}`]),
    ],
    ['Files', `${include.join(' ')}${ignore.length === 0 ? '' : `, without ${ignore.join(' ')}`}`],
    ['Credentials', git?.secretRef === undefined ? undefined : needs.secret(git.secretRef.name)],
    [
      'Signed by',
      git?.verify === undefined
        ? undefined
        : `a key in ${needs.secret(git.verify.secretRef.name)}; other commits are refused`,
    ],
    [
      'Webhook',
      git?.webhook === undefined
        ? undefined
        : [
            `POST /webhooks/syncs/${name}, with the token in ${needs.secret(git.webhook.secretRef.name)}`,
            ...(needs.listens ? [] : [deaf]),
          ],
    ],
  ];
}

const intervalText = ({ interval, jitter, timeout }: SyncSpec): string =>
  joined([interval, jitter > 0 && `up to ${Math.round(jitter * 100)}% more`, `times out after ${timeout}`]);

function pruneText({ prune, maxPrunePercent }: SyncSpec): string {
  if (!prune) return 'no, objects that are no longer in the manifests stay';
  if (maxPrunePercent === 100) return 'yes, without approval';
  return `yes; more than ${maxPrunePercent}% at once requires approval`;
}

function stateText(ready: Condition | undefined): string {
  if (ready === undefined) return 'not checked yet';
  return joined([ready.status === 'True' ? 'Ready' : 'not Ready', ready.reason], ': ');
}

function revisionFields(status: SyncStatus, now: number): Field[] {
  const { revision, reference, appliedAt, attempted, failures = 0, retryAt } = status;
  const time = (at: string | undefined): string | undefined => (at === undefined ? undefined : ago(at, now));
  return [
    ['Revision', revision === undefined ? 'none is applied' : [revisionText(revision, reference), revision]],
    ['Applied', time(appliedAt)],
    [
      'Tried',
      attempted === undefined || attempted.revision === revision
        ? undefined
        : joined([revisionText(attempted.revision), time(attempted.at)]),
    ],
    ['Failed', failures === 0 ? undefined : `${counted(failures, 'check')} in a row`],
    ['Next try', time(retryAt)],
  ];
}

function approvalSection({ metadata, status }: Sync): string {
  const pending = status?.pendingApproval;
  if (pending === undefined) return '';
  const { objects = [], deletes } = pending;
  const more = deletes - objects.length;
  return section(
    'Waits for approval',
    fields(
      [
        ['Revision', pending.revision],
        ['Deletes', deletesText(pending)],
        ['Objects', [...objects, ...(more > 0 && objects.length > 0 ? [`and ${more} more`] : [])]],
        [
          'Decide',
          [
            `to show all changes: agentctl diff --sync ${metadata.name}`,
            `to approve: agentctl approve sync/${metadata.name}`,
          ],
        ],
      ],
      '  ',
    ),
  );
}

/** Omits the reference, which may have been a different one then. */
const changedBy = ({ changedBy: by }: SyncStatus): string =>
  by === undefined ? '' : ` (${revisionText(by)})`;

function listSection<T>(
  title: string,
  items: readonly T[] | undefined,
  text: (items: readonly T[]) => string,
): string {
  if (items === undefined || items.length === 0) return '';
  return section(title, text(items));
}

/** What a Sync requires from other objects. */
interface SyncNeeds {
  /** Returns `secret/fleet-git`, and whether it is missing. */
  secret(name: string): string;
  /** Whether the controller listens where a Git host could reach it. */
  listens: boolean;
}

async function syncNeeds(client: Client, { metadata, spec }: Sync): Promise<SyncNeeds> {
  const { namespace } = metadata;
  const { secretRef, verify, webhook } = spec.source.git ?? {};
  const missing = new Set<string>();
  for (const ref of [secretRef, verify?.secretRef, webhook?.secretRef]) {
    if (ref === undefined) continue;
    const secret = await found(client.get('Secret', { namespace, name: ref.name }));
    if (secret === undefined) missing.add(ref.name);
  }
  return {
    secret: (name) => `secret/${name}${missing.has(name) ? ' (missing)' : ''}`,
    listens: webhook !== undefined && (await client.status()).tls !== undefined,
  };
}

interface Named {
  kind: string;
  namespace?: string;
  name: string;
}

/** Returns `agent/web`; `agent/web in other` if it is not in the Sync's namespace. */
function objectText({ kind, namespace, name }: Named, home: string | undefined): string {
  const text = `${kind.toLowerCase()}/${name}`;
  return namespace === undefined || namespace === home ? text : `${text} in ${namespace}`;
}

interface Changed extends Named {
  change?: string;
  fields?: readonly string[];
}

/** One line for each field, with the object next to the first. */
function changeTable(head: readonly string[], items: readonly Changed[], home: string | undefined): string {
  const rows = items.flatMap((item) => {
    const { change, fields = [] } = item;
    const lead = [objectText(item, home), ...(change === undefined ? [] : [change])];
    const lines = fields.length > 0 ? fields : [change === 'Configured' ? 'only its source' : ''];
    return lines.map((line, index) => [...(index === 0 ? lead : lead.map(() => '')), line]);
  });
  return table([head, ...rows], { indent: '  ' });
}

const shownAtMost = 50;

/** Returns the number of objects of each kind, with their names. */
function inventoryText({ inventory = [] }: SyncStatus, home: string | undefined): string {
  if (inventory.length === 0) return '  <none>\n';
  const counts = [...Map.groupBy(inventory, ({ kind }) => kind)]
    .map(([kind, items]) => counted(items.length, kind))
    .join(', ');
  const names = inventory.map((item) => objectText(item, home)).sort();
  const more = names.length - shownAtMost;
  const lines = [counts, ...names.slice(0, shownAtMost), ...(more > 0 ? [`and ${more} more`] : [])];
  return lines.map((line) => `  ${line}\n`).join('');
}
