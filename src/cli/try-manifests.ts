import { syncOfManager } from '../api/annotations.ts';
import { type ApiError, isApiError, UnreachableError } from '../api/errors.ts';
import type { AnyObject } from '../api/objects.ts';
import { type Tried, tryAll } from '../client/compare-objects.ts';
import { found } from '../client/resources.ts';
import { type ApplyOptions, identity, type Refused } from '../client/write-objects.ts';
import { mayTakeBack, type Rival, rivals } from '../plan/sync-bounds.ts';
import { fieldManager } from './changing.ts';
import type { Client } from './cli.ts';
import { CliError, failureText } from './failure.ts';
import type { Manifest } from './read-manifests.ts';

/**
 * Dry-runs every document on the server. Throws with all refusals. Takes over fields that the user changed with other
 * verbs, as `kubectl apply` does.
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

/** The field managers of agentctl's other verbs, and of autoRevert. */
const ownManagers: ReadonlySet<string> = new Set([
  fieldManager,
  'agentctl-create',
  'agentctl-edit',
  'agentctl-controller',
]);

/** No other manager will set these fields again: verbs of agentctl changed them once. */
const isWithOneself = (found: readonly Rival[]): boolean =>
  mayTakeBack(found) && found.every(({ manager }) => ownManagers.has(manager));

/** Returns the refusals, with the position of each document and the remedy. An unreachable server is reported once. */
export async function refusedTexts(client: Client, refused: readonly Refused<Manifest>[]): Promise<string[]> {
  const [away, others] = [true, false].map((isAway) =>
    refused.filter(({ reason }) => reason instanceof UnreachableError === isAway),
  );
  const unreachable = new Set((away ?? []).map(({ reason }) => failureText(reason)));
  const texts = await Promise.all(
    (others ?? []).map(async ({ member: { document, text }, reason }) => {
      const rival = isApiError(reason, 'Conflict') && rivals(reason).length > 0;
      const hint = rival ? `. ${await conflictHint(client, reason)}` : '';
      return `${document.source}:${document.line}: ${text}: ${failureText(reason)}${hint}`;
    }),
  );
  return [...texts, ...unreachable];
}

/**
 * An object that a Sync applies should be changed in its source, unless the Sync is gone and only its name remains on
 * the fields.
 */
async function conflictHint(client: Client, conflict: ApiError): Promise<string> {
  const [sync] = rivals(conflict).flatMap(({ manager }) => syncOfManager(manager) ?? []);
  const takeOver = '--force-conflicts takes over these fields';
  return sync === undefined || (await found(client.get('Sync', sync))) === undefined
    ? takeOver
    : `Change it in the source of the Sync ${sync.name} (agentctl describe sync ${sync.name} -n ${sync.namespace}); ${takeOver}, and the Sync then reports a conflict`;
}
