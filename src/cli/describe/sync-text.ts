import { revisionText } from '../../api/annotations.ts';
import type { Condition, SyncSpec } from '../../api/objects.ts';
import type { SyncView } from '../../views/sync-view.ts';
import { counted, deletesText } from '../print/shown.ts';
import {
  ago,
  conditionsSection,
  type Field,
  fields,
  type Head,
  joined,
  metadataFields,
  section,
  tableSection,
} from './fields.ts';

export function syncText(view: SyncView, head: Head, now: number): string {
  const { metadata, spec, ready, changedBy } = view;
  const { namespace } = metadata;
  return [
    fields([
      ...metadataFields(head, now),
      ...sourceFields(view),
      ['Interval', intervalText(spec)],
      ['Suspended', spec.suspend ? `yes; to continue: agentctl resume sync/${metadata.name}` : undefined],
      ['Prune', pruneText(spec)],
      ['Self heal', spec.selfHeal ? 'yes' : 'no, changes in the API are only reported'],
      ['Bounds', `namespace ${view.namespace}; ${spec.allowedKinds.join(', ') || 'no kinds'}`],
      ['State', stateText(ready)],
      ['Why', ready?.status === 'False' ? ready.message.split('\n') : undefined],
      ...revisionFields(view, now),
    ]),
    approvalSection(view),
    // Without the reference, which may have been a different one then.
    changeSection(
      `Last change${changedBy === undefined ? '' : ` (${revisionText(changedBy)})`}`,
      ['OBJECT', 'CHANGE', 'FIELDS'],
      view.changes,
      namespace,
    ),
    changeSection('Drift', ['OBJECT', 'FIELDS'], view.drift, namespace),
    section('Inventory', inventoryText(view)),
    conditionsSection(view.conditions, now),
  ].join('');
}

const deaf = 'the controller does not listen on an address: agentctl controller restart --listen HOST:PORT';

function sourceFields({ metadata, spec, secrets, isDeaf }: SyncView): Field[] {
  const { git, directory } = spec.source;
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
    ['Credentials', secrets.credentials && secretText(secrets.credentials)],
    ['Signed by', secrets.signers && `a key in ${secretText(secrets.signers)}; other commits are refused`],
    [
      'Webhook',
      secrets.webhook && [
        `POST /webhooks/syncs/${metadata.namespace}/${metadata.name}, with the token in ${secretText(secrets.webhook)}`,
        ...(isDeaf ? [deaf] : []),
      ],
    ],
  ];
}

const secretText = ({ name, isMissing }: NonNullable<SyncView['secrets']['webhook']>): string =>
  `secret/${name}${isMissing ? ' (missing)' : ''}`;

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

function revisionFields(view: SyncView, now: number): Field[] {
  const { applied, appliedAt, tried, failures, retryAt } = view;
  const time = (at: string | undefined): string | undefined => (at === undefined ? undefined : ago(at, now));
  return [
    [
      'Revision',
      applied === undefined
        ? 'none is applied'
        : [revisionText(applied.revision, applied.reference), applied.revision],
    ],
    ['Applied', time(appliedAt)],
    ['Tried', tried && joined([revisionText(tried.revision), time(tried.at)])],
    ['Failed', failures === 0 ? undefined : `${counted(failures, 'check')} in a row`],
    ['Next try', time(retryAt)],
  ];
}

function approvalSection({ metadata, waitsForApproval: pending }: SyncView): string {
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
function changeSection(
  title: string,
  head: readonly string[],
  items: readonly Changed[],
  home: string | undefined,
): string {
  if (items.length === 0) return '';
  const rows = items.flatMap((item) => {
    const { change, fields = [] } = item;
    const lead = [objectText(item, home), ...(change === undefined ? [] : [change])];
    const lines = fields.length > 0 ? fields : [change === 'Configured' ? 'only its source' : ''];
    return lines.map((line, index) => [...(index === 0 ? lead : lead.map(() => '')), line]);
  });
  return tableSection(title, head, rows);
}

const shownAtMost = 50;

/** Returns the number of objects of each kind, with their names. */
function inventoryText({ metadata, inventory }: SyncView): string {
  if (inventory.length === 0) return '  <none>\n';
  const counts = [...Map.groupBy(inventory, ({ kind }) => kind)]
    .map(([kind, items]) => counted(items.length, kind))
    .join(', ');
  const names = inventory.map((item) => objectText(item, metadata.namespace)).sort();
  const more = names.length - shownAtMost;
  const lines = [counts, ...names.slice(0, shownAtMost), ...(more > 0 ? [`and ${more} more`] : [])];
  return lines.map((line) => `  ${line}\n`).join('');
}
