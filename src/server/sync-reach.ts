import { deepEqual } from '../api/equal.ts';
import { isApiError } from '../api/errors.ts';
import { kindInfo } from '../api/kinds.ts';
import type { Sync } from '../api/objects.ts';
import { readsHost, syncAnnotations, takingOver } from '../api/sync.ts';
import type { AnyResource } from '../registry/object.ts';
import { forbidden, mayUse } from './access.ts';
import { type Asked, askedText, keyOf } from './asked.ts';

/**
 * A Sync applies what it finds as the controller, which may do everything. Whoever writes the spec of one, approves what
 * it deletes, or has it take over what others apply, must be allowed to create each kind that it may hold, before and
 * after. Folders of this host are read with the controller's permissions, and their contents show in objects and errors:
 * they are for admins alone. `tried`: the write, without writing.
 */
export async function checkReach(asked: Asked, tried: () => Promise<AnyResource>): Promise<void> {
  const { user } = asked.request;
  const mayCreate = (kind: Sync['spec']['allowedKinds'][number]): boolean =>
    mayUse(user.role, 'create', kindInfo(kind));
  if (asked.info.kind !== 'Sync' || user.role === 'admin') return;
  const before = asked.name === undefined ? undefined : ((await found(asked)) as unknown as Sync | undefined);
  const after = (await tried()) as unknown as Sync; // valid for the route's kind
  if (deepEqual(before?.spec, after.spec) && deepEqual(orders(before), orders(after))) return;
  const kinds = [...(before?.spec.allowedKinds ?? []), ...after.spec.allowedKinds];
  const beyond = [...new Set(kinds.filter((kind) => !mayCreate(kind)))];
  if (beyond.length > 0)
    throw forbidden(user, 'write', `${askedText(asked)} with ${beyond.join(', ')} in spec.allowedKinds`);
  if ([before?.spec, after.spec].some((spec) => spec !== undefined && readsHost(spec)))
    throw forbidden(user, 'write', `${askedText(asked)} with a folder of this host as spec.source`);
}

/** Annotations by which a person lets a Sync do what it would not do by itself; any other asks for a look at most. */
function orders(sync: Sync | undefined): readonly (string | undefined)[] {
  const { [syncAnnotations.approved]: approved, [syncAnnotations.requested]: requested } =
    sync?.metadata.annotations ?? {};
  return [approved, requested?.endsWith(takingOver) === true ? requested : undefined];
}

const found = (asked: Asked): Promise<AnyResource | undefined> =>
  asked.registry.get(asked.info.kind, keyOf(asked)).catch((error) => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
