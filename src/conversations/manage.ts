import { ApiError } from '../api/errors.ts';
import type { Fleet } from '../client/fleet.ts';

/** Runs a `mgmt_request` of the line protocol: spawn (name, content), stop, start, remove (targetId), list. */
export async function manage(
  fleet: Fleet,
  action: string,
  params: Record<string, unknown>,
): Promise<unknown> {
  const text = (name: string): string => {
    const value = params[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new ApiError('BadRequest', `mgmt_request ${action}: ${name} must be a text`);
  };
  switch (action) {
    case 'list':
      return (await fleet.list()).map(({ name, phase, model, identity }) => ({
        id: name,
        state: phase,
        model,
        identity,
      }));
    case 'spawn':
      return fleet.apply(text('content'));
    case 'start':
      return fleet.start(text('targetId')).then(() => ({ ok: true }));
    case 'stop':
      return fleet.stop(text('targetId')).then(() => ({ ok: true }));
    case 'remove':
      return fleet.remove(text('targetId')).then(() => ({ ok: true }));
    default:
      throw new ApiError(
        'BadRequest',
        `mgmt_request: there is no action ${JSON.stringify(action)}: spawn, stop, start, remove, list`,
      );
  }
}
