import type { Condition, Sync, SyncStatus } from '../api/objects.ts';
import type { Lookup } from './lookup.ts';

/** `failures`: failed checks in a row. */
export interface SyncView
  extends Pick<Sync, 'kind' | 'metadata' | 'spec'>,
    Required<Pick<SyncStatus, 'failures' | 'changes' | 'drift' | 'inventory' | 'conditions'>> {
  /** Where its objects go if they name no namespace. */
  namespace: string | undefined;
  /** The Secrets that its source names. */
  secrets: { credentials?: NamedSecret; signers?: NamedSecret; webhook?: NamedSecret };
  /** A Git host cannot reach the webhook, because the controller does not listen on an address. */
  isDeaf: boolean;
  ready?: Condition | undefined;
  /** The revision that is applied. */
  applied?: { revision: string; reference?: string | undefined } | undefined;
  appliedAt?: string | undefined;
  /** A revision that was tried last and is not applied. */
  tried?: SyncStatus['attempted'];
  retryAt?: string | undefined;
  waitsForApproval?: SyncStatus['pendingApproval'];
  /** The revision that made the changes. */
  changedBy?: string | undefined;
}

interface NamedSecret {
  name: string;
  isMissing: boolean;
}

/** What a SyncView is built from, beside the Sync. */
interface SyncNeeds {
  /** The names of the Secrets that exist. */
  secrets: ReadonlySet<string>;
  /** Whether the controller listens where a Git host could reach it. */
  listens: boolean;
}

export function syncView(sync: Sync, { secrets, listens }: SyncNeeds): SyncView {
  const { kind, metadata, spec, status = {} } = sync;
  const { revision, reference, appliedAt, attempted, failures = 0, retryAt, changedBy } = status;
  const { changes = [], drift = [], inventory = [], conditions = [] } = status;
  const { secretRef, verify, webhook } = spec.source.git ?? {};
  const named = ({ name }: { name: string }): NamedSecret => ({ name, isMissing: !secrets.has(name) });
  return {
    kind,
    metadata,
    spec,
    namespace: spec.targetNamespace ?? metadata.namespace,
    secrets: {
      ...(secretRef && { credentials: named(secretRef) }),
      ...(verify && { signers: named(verify.secretRef) }),
      ...(webhook && { webhook: named(webhook.secretRef) }),
    },
    isDeaf: webhook !== undefined && !listens,
    ready: conditionOf(sync, 'Ready'),
    applied: revision === undefined ? undefined : { revision, reference },
    appliedAt,
    tried: attempted?.revision === revision ? undefined : attempted,
    failures,
    retryAt,
    waitsForApproval: status.pendingApproval,
    changes,
    changedBy,
    drift,
    inventory,
    conditions,
  };
}

export async function readSync(lookup: Lookup, sync: Sync): Promise<SyncView> {
  const { namespace } = sync.metadata;
  const { secretRef, verify, webhook } = sync.spec.source.git ?? {};
  const names = [secretRef, verify?.secretRef, webhook?.secretRef].flatMap((ref) => ref?.name ?? []);
  const found = await Promise.all(
    names.map((name) => lookup.find('Secret', { ...(namespace && { namespace }), name })),
  );
  return syncView(sync, {
    secrets: new Set(found.flatMap((secret) => secret?.metadata.name ?? [])),
    listens: webhook !== undefined && (await lookup.listens()),
  });
}

export const conditionOf = ({ status }: Sync, type: string): Condition | undefined =>
  status?.conditions?.find((each) => each.type === type);
