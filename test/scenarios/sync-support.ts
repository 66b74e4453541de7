import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { syncAnnotations } from '../../src/api/annotations.ts';
import type {
  Agent,
  Condition,
  Event,
  Instance,
  New,
  Secret,
  Sync,
  SyncSpec,
} from '../../src/api/objects.ts';
import type { List } from '../../src/client/resources.ts';
import { paths } from '../../src/platform/paths.ts';
import type { GitHost } from '../git/hosts.ts';
import type { Signer } from '../git/signing.ts';
import { eventually, type Session } from './support.ts';

/** What stories of Syncs are made of: manifests that follow a Git host, and questions about what came of a push. */

export interface Following {
  name?: string;
  namespace?: string;
  /** Fields of source.git, but for the URL and the Secret. */
  git?: Partial<NonNullable<SyncSpec['source']['git']>>;
  /** Fields of the spec, but for the source. */
  spec?: Partial<Omit<SyncSpec, 'source'>>;
  /** Only commits that one of them has signed. */
  signers?: readonly Signer[];
  /** What its webhook is signed with. */
  webhookToken?: string;
}

/** Often enough that no story waits for long; a story of webhooks sets a longer interval. */
const often = { interval: '1s', jitter: 0 };

/** The Sync, and the Secrets that it needs: its credentials, as they are just now, among them. */
export async function syncManifest(
  host: Pick<GitHost, 'url' | 'secret'>,
  following: Following = {},
): Promise<string> {
  const { name = 'fleet', namespace = 'default', signers = [], webhookToken } = following;
  const secrets: Record<string, Record<string, string>> = {
    credentials: await host.secret(),
    verify: keysOf(signers),
    webhook: webhookToken === undefined ? {} : { token: webhookToken },
  };
  const needed = Object.entries(secrets).filter(([, data]) => Object.keys(data).length > 0);
  const refs = needed.map(([field]) => {
    const secretRef = { name: `${name}-${field}` };
    return field === 'credentials' ? ['secretRef', secretRef] : [field, { secretRef }];
  });
  const sync = {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { name, namespace },
    spec: {
      ...often,
      ...following.spec,
      source: { git: { url: host.url, ...Object.fromEntries(refs), ...following.git } },
    },
  };
  const documents = needed.map(([field, data]) => secret(namespace, `${name}-${field}`, data));
  return [...documents, sync].map((document) => JSON.stringify(document)).join('\n---\n');
}

/** Applies it, and answers its name. */
export async function follow(session: Session, host: GitHost, following: Following = {}): Promise<string> {
  await session.apply(await syncManifest(host, following));
  return following.name ?? 'fleet';
}

const secret = (namespace: string, name: string, stringData: Record<string, string>): New<Secret> => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  stringData,
});

function keysOf(signers: readonly Signer[]): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const { secretKey, publicKey } of signers) keys[secretKey] = `${keys[secretKey] ?? ''}${publicKey}\n`;
  return keys;
}

export const syncOf = (session: Session, name = 'fleet'): Promise<Sync> =>
  session.json<Sync>(`get sync ${name}`);

export const conditionOf = ({ status }: Sync, type: string): Condition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** Waits until the commit is applied as a whole, for the newest spec of the Sync. */
export const synced = (session: Session, revision: string, name = 'fleet', within?: number): Promise<Sync> =>
  eventually(
    () => syncOf(session, name),
    (sync) =>
      sync.status?.revision === revision &&
      sync.status.observedGeneration === sync.metadata.generation &&
      conditionOf(sync, 'Ready')?.status === 'True',
    within,
  );

/** Waits until the conditions have these reasons. */
export const says = (
  session: Session,
  reasons: { Fetched?: string; Ready?: string; InSync?: string },
  name = 'fleet',
  within?: number,
): Promise<Sync> =>
  eventually(
    () => syncOf(session, name),
    (sync) => Object.entries(reasons).every(([type, reason]) => conditionOf(sync, type)?.reason === reason),
    within,
  );

export const agentsOf = async (session: Session, namespace = 'default'): Promise<Agent[]> =>
  (await session.json<List<Agent>>(`get agents -n ${namespace}`)).items;

/** By the name of each Agent its uid and generation, and of its instances the runs: equal while nothing was touched. */
export async function fleetOf(session: Session, namespace = 'default'): Promise<Record<string, string>> {
  const { items } = await session.json<List<Agent | Instance>>(`get agents,instances -n ${namespace}`);
  return Object.fromEntries(
    items.map((item) => {
      const what = item.kind === 'Agent' ? item.metadata.generation : item.status?.run?.number;
      return [`${item.kind}/${item.metadata.name}`, `${item.metadata.uid} ${what ?? ''}`];
    }),
  );
}

/** The Sync, commit and file that an object says it comes from. */
export const originOf = ({ metadata: { annotations = {} } }: Agent): Record<string, string | undefined> => ({
  sync: annotations[syncAnnotations.sync],
  revision: annotations[syncAnnotations.revision],
  path: annotations[syncAnnotations.path],
});

/** Events of a Sync, as `Reason: message`. */
export async function eventsOf(session: Session, name = 'fleet'): Promise<string[]> {
  const { items } = await session.json<List<Event>>('get events');
  return items
    .filter(({ involvedObject: { kind, name: of } }) => kind === 'Sync' && of === name)
    .map(({ reason = '', message = '' }) => `${reason}: ${message}`);
}

/** Tells of a push as GitHub does; answers the status of the answer, 202 where it was taken. */
export async function tellOfPush(
  session: Session,
  token: string,
  { name = 'fleet', namespace = 'default' }: Following = {},
): Promise<number> {
  const body = JSON.stringify({ ref: 'refs/heads/main' });
  const signature = createHmac('sha256', token).update(body).digest('hex');
  const outgoing = request({
    socketPath: paths({ AGENTCTL_STATE_DIR: session.state }).socket,
    method: 'POST',
    path: `/webhooks/syncs/${namespace}/${name}`,
    headers: {
      Host: 'agentctl',
      'Content-Type': 'application/json',
      'X-GitHub-Event': 'push',
      'X-Hub-Signature-256': `sha256=${signature}`,
    },
  });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]; // as node:http has it
  answer.resume();
  return answer.statusCode ?? 0;
}
