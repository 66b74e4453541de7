import { listed } from '../../api/listed.ts';
import { type AnyObject, isTerminating } from '../../api/objects.ts';
import { liveObjects } from '../../client/apply/live.ts';
import { identity } from '../../client/apply/member.ts';
import type { Cli, Client } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { Manifest } from '../manifests.ts';
import { deleted } from '../wait/conditions.ts';
import { waitEach } from '../wait/report.ts';
import type { Judge, Outcome } from '../wait/until.ts';

/**
 * The live objects of the manifests, once none of them is being deleted any more: what is written to such an object
 * goes with it. Throws CliError where that takes longer than the timeout; nothing has been written then.
 */
export async function liveOnceDeleted(
  client: Client,
  manifests: readonly Manifest[],
  timeout: number,
  cli: Cli,
): Promise<ReadonlyMap<string, AnyObject>> {
  const live = await liveObjects(client, manifests);
  const going = manifests.filter((manifest) => {
    const object = live.get(identity(manifest));
    return object !== undefined && isTerminating(object);
  });
  if (going.length === 0) return live;
  for (const { text } of going) cli.err(`${text} is being deleted; waiting to create it again\n`);
  const judgeOf = (manifest: Manifest): Judge<AnyObject> => {
    const uid = live.get(identity(manifest))?.metadata.uid;
    return (object) => (object?.metadata.uid === uid ? deleted(object) : 'met');
  };
  const late: string[] = [];
  const lateOf = ({ text, document }: Manifest, outcome: Outcome): number => {
    if (outcome.result !== 'met')
      late.push(
        `${document.source}:${document.line}: ${text}: timed out after ${timeout / 1000}s: ${outcome.why}`,
      );
    return 0;
  };
  await waitEach(client, going, judgeOf, timeout, cli, lateOf, { tellSlow: true });
  if (cli.signal.aborted) throw new CliError('interrupted; nothing was changed');
  if (late.length > 0) {
    const remedy = 'nothing was changed; apply again when they are gone, or wait longer with --timeout';
    throw new CliError([listed(late, { separator: '\nerror: ' }), remedy].join('\nerror: '));
  }
  return liveOnceDeleted(client, manifests, timeout, cli);
}
