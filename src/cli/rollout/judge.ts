import type { AnyObject } from '../../api/objects.ts';
import { curable } from '../wait/conditions.ts';
import type { Judgement } from '../wait/until.ts';

/** Whether all instances of an Agent are Ready on the newest spec, as kubectl judges a Deployment. */
export function judgeRollout(object: AnyObject | undefined): Exclude<Judgement, { met: string }> {
  if (object === undefined || object.kind !== 'Agent') return { never: 'it was deleted' };
  const { metadata, spec, status = {} } = object;
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return { pending: 'the new spec has not been observed yet' };
  const [accepted, progressing] = [condition('Accepted'), condition('Progressing')];
  if (accepted?.status === 'False' && !curable.has(accepted.reason))
    return { never: `${accepted.reason}: ${accepted.message}` };
  if (spec.suspend) return { never: `it is suspended; agentctl resume ${metadata.name} starts it` };
  if (progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded') {
    return { never: `${progressing.reason}: ${progressing.message}` };
  }
  const stalled = condition('Stalled');
  if (stalled?.status === 'True') return { never: `${stalled.reason}: ${stalled.message}` };
  const { updatedReplicas = 0, readyReplicas = 0, replicas = 0 } = status;
  // One that sleeps has nothing to do, and takes the newest revision when it wakes.
  const asleep = status.phase === 'Asleep' && progressing?.reason === 'Complete';
  if (updatedReplicas < spec.replicas && !asleep) {
    return { pending: `${updatedReplicas} of ${spec.replicas} instances are up to date` };
  }
  if (replicas > spec.replicas)
    return { pending: `${replicas - spec.replicas} old instances are being deleted` };
  if (status.phase === 'Failed')
    return { never: [status.phase, status.reason, status.message].filter(Boolean).join(': ') };
  if (readyReplicas < spec.replicas && !asleep)
    return { pending: `${readyReplicas} of ${spec.replicas} instances are Ready` };
  return 'met';
}
