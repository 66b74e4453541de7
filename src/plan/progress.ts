import type { Action } from './action.ts';
import type { Finding } from './conditions.ts';
import type { Context } from './context.ts';
import { instant } from './instant.ts';
import type { Part } from './status.ts';
import { alive, type Turn } from './turn.ts';
import { updateGate } from './update.ts';
import type { Instant } from './world.ts';

const type = 'Progressing';

/** Whether a change is under way, waits for its turn, or has got nowhere for Policy.update.progressDeadline. */
export function progress(context: Context, wanted: readonly Part[], actions: readonly Action[]): Finding {
  const { world, refusal } = context;
  const { replicas } = world.agent.spec;
  if (context.deleting) return { type, status: 'True', reason: 'Deleting', message: 'It is being deleted.' };
  if (refusal !== undefined)
    return { type, status: 'False', reason: refusal.reason, message: refusal.message };
  const turns = wanted.map(({ turn }) => turn);
  const coming = wanted.filter(({ desire, turn }) => desire.is === 'Running' && !settled(turn)).length;
  const going = wanted.filter(({ desire, turn }) => desire.is !== 'Running' && alive(turn)).length;
  const waiting = turns.find(
    (turn) => alive(turn) && turn.next.stop === undefined && turn.outdated !== undefined,
  );
  const scaling = wanted.length < replicas || world.instances.length > wanted.length;
  if (coming === 0 && going === 0 && !scaling) {
    if (waiting === undefined)
      return { type, status: 'False', reason: 'Complete', message: 'Nothing is left to do.' };
    const { waits } = updateGate(waiting);
    const message = `${waiting.name} is outdated. ${waits === '' ? 'It is next' : waits}.`;
    return { type, status: 'False', reason: 'AwaitingTurn', message };
  }
  if (deadlinePassed(context, turns, coming))
    return {
      type,
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `Revision ${context.revision.name} did not become Ready within ${context.settings.update.progressDeadline / 1000} s. Go back with agentctl rollout undo, or change the spec.`,
    };
  const updating =
    actions.some(({ type }) => type === 'CreateRevision') ||
    turns.some(({ outdated }) => outdated !== undefined);
  const reason = updating ? 'Updating' : scaling ? 'Scaling' : going > 0 ? 'Stopping' : 'Starting';
  const ready = wanted.filter(({ turn }) => turn.next.phase === 'Ready').length;
  return { type, status: 'True', reason, message: `${ready} of ${replicas} instances are Ready.` };
}

/** Ready, or ended for good by its own policy. */
const settled = ({ next }: Turn): boolean =>
  next.phase === 'Ready' || next.phase === 'Completed' || next.phase === 'Failed';

/** When the deadline of the change that is under way passes; undefined where none is. */
export function progressDeadline(context: Context, turns: readonly Turn[]): Instant | undefined {
  const { agent, now } = context.world;
  const { current } = context.revision;
  const condition = agent.status?.conditions?.find((one) => one.type === type);
  if (current === undefined || condition === undefined) return undefined;
  const exceeded = condition.reason === 'ProgressDeadlineExceeded';
  if (condition.status !== 'True' && !exceeded) return undefined;
  let last = Math.max(
    exceeded ? 0 : (instant(condition.lastTransitionTime) ?? now),
    instant(current.metadata.creationTimestamp) ?? 0,
  );
  for (const { next } of turns) last = Math.max(last, instant(next.readySince) ?? 0);
  return Math.min(last, now) + context.settings.update.progressDeadline;
}

function deadlinePassed(context: Context, turns: readonly Turn[], coming: number): boolean {
  if (coming === 0) return false;
  const deadline = progressDeadline(context, turns);
  return deadline !== undefined && deadline <= context.world.now;
}
