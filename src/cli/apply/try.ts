import { type ApiError, isApiError, UnreachableError } from '../../api/errors.ts';
import type { AnyObject } from '../../api/objects.ts';
import { syncOfManager } from '../../api/sync.ts';
import { type Tried, tryAll } from '../../client/apply/compare.ts';
import { type ApplyOptions, identity, type Refused } from '../../client/apply/member.ts';
import { mayTakeBack, type Rival, rivals } from '../../plan/sync/conflict.ts';
import type { Client } from '../cli.ts';
import { CliError, describeFailure } from '../failure.ts';
import { found } from '../found.ts';
import type { Manifest } from '../manifests.ts';
import { fieldManager } from '../patching.ts';

/**
 * The server tries every document without writing. Fails with all that it refuses. What one's own other verbs changed is
 * taken over, as `kubectl apply` does it.
 */
export async function tryManifests(
  client: Client,
  manifests: readonly Manifest[],
  options: ApplyOptions,
  live: ReadonlyMap<string, AnyObject>,
): Promise<Tried<Manifest>[]> {
  const first = await tryAll(client, manifests, live, options);
  const yields = ({ reason }: Refused<Manifest>): boolean =>
    options.fieldManager === fieldManager && isApiError(reason, 'Conflict') && isWithOneself(rivals(reason));
  const [own, others] = [first.refused.filter(yields), first.refused.filter((refusal) => !yields(refusal))];
  const again = own.map(({ member }) => ({ ...member, force: true }));
  const second = await tryAll(client, again, live, options);
  const refused = [...others, ...second.refused];
  if (refused.length > 0)
    throw new CliError([...(await refusedTexts(client, refused)), 'nothing was changed'].join('\nerror: '));
  if (second.tried.length === 0) return first.tried;
  const order = new Map(manifests.map((manifest, at) => [identity(manifest), at]));
  const place = ({ member }: Tried<Manifest>): number => order.get(identity(member)) ?? 0;
  return [...first.tried, ...second.tried].sort((one, other) => place(one) - place(other));
}

/** Who writes for the other verbs of agentctl, and for autoRevert. */
const ownManagers: ReadonlySet<string> = new Set([
  fieldManager,
  'agentctl-create',
  'agentctl-edit',
  'agentctl-controller',
]);

/** Nobody else wants the fields: they were only changed, by verbs that end with the change. */
const isWithOneself = (found: readonly Rival[]): boolean =>
  mayTakeBack(found) && found.every(({ manager }) => ownManagers.has(manager));

/** Refusals with the place of each document and the remedy. A server that is out of reach is named once. */
export async function refusedTexts(client: Client, refused: readonly Refused<Manifest>[]): Promise<string[]> {
  const [away, others] = [true, false].map((isAway) =>
    refused.filter(({ reason }) => reason instanceof UnreachableError === isAway),
  );
  const unreachable = new Set(
    (away ?? []).map(({ reason }) => describeFailure(reason).text.replace(/^error: /, '')),
  );
  const texts = await Promise.all(
    (others ?? []).map(async ({ member: { document, text }, reason }) => {
      const told = describeFailure(reason).text.replace(/^error: /, '');
      const rival = isApiError(reason, 'Conflict') && rivals(reason).length > 0;
      const hint = rival ? `. ${await conflictHint(client, reason)}` : '';
      return `${document.source}:${document.line}: ${text}: ${told}${hint}`;
    }),
  );
  return [...texts, ...unreachable];
}

/** What a Sync applies is changed where it comes from, but for one that is gone: its name only stays on the fields. */
async function conflictHint(client: Client, conflict: ApiError): Promise<string> {
  const [sync] = rivals(conflict).flatMap(({ manager }) => syncOfManager(manager) ?? []);
  const takeOver = '--force-conflicts takes over these fields';
  return sync === undefined || (await found(client.get('Sync', sync))) === undefined
    ? takeOver
    : `Change it in the source of the Sync ${sync.name} (agentctl describe sync ${sync.name} -n ${sync.namespace}); ${takeOver}, and the Sync then reports a conflict`;
}
