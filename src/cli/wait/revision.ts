import { syncAnnotations } from '../../api/annotations.ts';
import type { AnyObject, Sync } from '../../api/objects.ts';
import { revisionText } from '../../api/sync-names.ts';
import { conditionOf } from '../../views/sync-view.ts';
import { UsageError } from '../failure.ts';
import type { Judge, Judgement } from './until.ts';

/** Parses the SHA of --for=revision=SHA: a prefix of a commit's id, or of a folder's hash. */
export function revision(text: string): Judge<AnyObject> {
  const wanted = text.toLowerCase();
  if (!/^(sha256:)?[0-9a-f]{7,64}$/.test(wanted)) {
    throw new UsageError(
      `--for=revision: found ${JSON.stringify(text)}, expected a commit of at least 7 hexadecimal digits, or sha256:DIGITS for a folder`,
    );
  }
  return (object) => {
    if (object === undefined) return { never: 'it does not exist' };
    if (object.kind !== 'Sync') throw new UsageError(notSync);
    return judge(object, wanted);
  };
}

export const notSync = '--for=revision is for syncs: agentctl wait sync/fleet --for=revision=3f1c2a90';

/** Reasons of Ready, for the revision that was found, that only another commit can fix. */
const hopeless: ReadonlySet<string> = new Set([
  ...['InvalidManifests', 'NotAllowed'],
  ...['NotVerified', 'PathMissing', 'TooLarge', 'RenderFailed', 'OutsideTree'],
]);

function judge(sync: Sync, wanted: string): Judgement {
  const { metadata, spec, status = {} } = sync;
  if (status.revision?.startsWith(wanted) === true) return 'met';
  if (metadata.deletionTimestamp !== undefined) return { never: 'it is being deleted' };
  const idle = metadata.annotations?.[syncAnnotations.requested] === status.lastHandledRequest;
  if (spec.suspend && idle && status.pendingApproval === undefined)
    return { never: `it is suspended; agentctl resume sync/${metadata.name} continues it` };
  const now = status.revision === undefined ? 'nothing is applied' : `${shown(sync)} is applied`;
  const ready = conditionOf(sync, 'Ready');
  if (ready === undefined || ready.status === 'True') return { pending: now };
  const why = `${ready.reason}: ${ready.message}`;
  const tried = status.attempted?.revision.startsWith(wanted) === true;
  const isCurrent = (ready.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (tried && isCurrent && ready.status === 'False' && hopeless.has(ready.reason)) return { never: why };
  return { pending: `${now}; ${why}` };
}

const shown = ({ status: { revision = '', reference } = {} }: Sync): string =>
  revisionText(revision, reference);
