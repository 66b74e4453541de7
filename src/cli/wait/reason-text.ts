import { revisionText } from '../../api/annotations.ts';
import { listed } from '../../api/text.ts';
import type { Reason } from '../../views/judges.ts';

/** Returns a clause such as `Ready is False: ImagePull: ...`. */
export function reasonText(why: Reason): string {
  switch (why.is) {
    case 'Unknown':
      return 'nothing is known about it yet';
    case 'Missing':
      return 'it does not exist';
    case 'Deleted':
      return 'it was deleted';
    case 'NotDeleted':
      return 'it is not being deleted';
    case 'Deleting':
      return 'it is being deleted';
    case 'DeletionPending':
      return why.message === undefined
        ? `it is being deleted; ${listed(why.finalizers) || 'the server'} has not finished yet`
        : `it is being deleted: ${why.message}`;
    case 'NoReplicas':
      return 'it has no replicas';
    case 'Suspended':
      return why.kind === 'Sync'
        ? `it is suspended; agentctl resume sync/${why.name} continues it`
        : `it is suspended; agentctl resume ${why.name} starts it`;
    case 'Unobserved':
      return why.by === 'Rollout'
        ? 'the new spec has not been observed yet'
        : 'its latest spec has not been observed yet';
    case 'NoCondition':
      return `it has no condition ${why.type} yet`;
    case 'Condition':
      return parts(
        `${why.condition.type} is ${why.condition.status}`,
        why.condition.reason,
        why.condition.message,
      );
    case 'Reported':
      return parts(why.phase, why.reason, why.message);
    case 'Field':
      return `${why.path} is ${why.values.length === 0 ? 'not set' : listed(why.values)}`;
    case 'NotUpdated':
      return `${why.count} of ${why.of} instances are up to date`;
    case 'Surplus':
      return `${why.count} old instances are being deleted`;
    case 'NotReady':
      return `${why.count} of ${why.of} instances are Ready`;
    case 'Reverted':
      return `Reverted: Revision ${why.revision} did not become Ready in time, so the agent went back to the spec of an earlier one. See agentctl describe agent ${why.agent}`;
    case 'SourceUnread':
      return 'its source is being read';
    case 'NothingApplied':
      return 'no revision has been applied';
    case 'OtherApplied':
      return [
        appliedText(why.applied),
        ...(why.ready ? [parts(why.ready.reason, why.ready.message)] : []),
      ].join('; ');
  }
}

/** Returns what objects have in common that fail for the same cause: without names, times and details. */
export function causeText(why: Reason): string {
  switch (why.is) {
    case 'Condition':
      return `${why.condition.type} is ${why.condition.status}: ${why.condition.reason}`;
    case 'Reported':
      return parts(why.phase, why.reason);
    case 'DeletionPending':
      return reasonText({ ...why, message: why.message?.split(/[.:;] /)[0] });
    case 'Suspended':
      return 'it is suspended';
    case 'Reverted':
      return 'Reverted';
    case 'OtherApplied':
      return parts(appliedText(why.applied), why.ready?.reason);
    default:
      return reasonText(why);
  }
}

type Applied = Extract<Reason, { is: 'OtherApplied' }>['applied'];

const appliedText = (applied: Applied): string =>
  applied === undefined
    ? 'nothing is applied'
    : `${revisionText(applied.revision, applied.reference)} is applied`;

const parts = (...all: readonly (string | undefined)[]): string =>
  all.filter((part) => part !== undefined && part !== '').join(': ');
