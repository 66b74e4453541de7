import { isApiError } from '../../api/errors.ts';
import { type Tried, tryAll } from '../../client/apply/compare.ts';
import { liveObjects } from '../../client/apply/live.ts';
import type { ApplyOptions, Refused } from '../../client/apply/member.ts';
import type { Client } from '../cli.ts';
import { CliError, tell } from '../failure.ts';
import type { Manifest } from '../manifests.ts';

/** The server tries every document without writing. Fails with all that it refuses. */
export async function tryManifests(
  client: Client,
  manifests: readonly Manifest[],
  options: ApplyOptions,
): Promise<Tried<Manifest>[]> {
  const { tried, refused } = await tryAll(client, manifests, await liveObjects(client, manifests), options);
  if (refused.length > 0)
    throw new CliError([...refused.map(refusedText), 'nothing was written'].join('\nerror: '));
  return tried;
}

/** A refusal with the place of its document, and what mends it. */
export function refusedText({ member: { document, text }, reason }: Refused<Manifest>): string {
  const told = tell(reason).text.replace(/^error: /, '');
  const hint = isApiError(reason, 'Conflict') ? '. --force-conflicts takes these fields over' : '';
  return `${document.source}:${document.line}: ${text}: ${told}${hint}`;
}
