import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { kindInfo } from '../api/kinds.ts';
import type { Log } from '../platform/log.ts';
import { prefixOf } from '../registry/object.ts';
import type { Store } from '../store/store.ts';

/**
 * Where the state folder is a copy: parts it from all that runs for the original. Instances name processes, containers
 * and folders of the original by their uids, so they go, and the Agents get new ones; the copied folders of instances
 * are put aside. May be cut short anywhere, and is then done again at the next start. Returns the original's id.
 */
export async function partFromOriginal(store: Store, state: string, log: Log): Promise<string | undefined> {
  const { copyOf } = store;
  if (copyOf === undefined) return undefined;
  const folder = join(state, 'instances');
  const aside = freeName(join(state, `instances.of-${copyOf.slice(0, 8)}`));
  // Copied in part, or copied over once more: whatever is there is the original's until the copy is settled.
  if (existsSync(folder)) renameSync(folder, aside);
  const { rows } = await store.list(prefixOf(kindInfo('Instance')));
  await Promise.all(rows.map(({ key, modRevision }) => store.delete(key, modRevision)));
  store.settleCopy();
  log.warn(
    { original: copyOf, store: store.id, folders: aside },
    'this state folder is a copy: it gets a new identity, and starts its own agents. If it was moved or restored instead, keep its identity with: agentctl controller start --adopt',
  );
  return copyOf;
}

function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}-${number}`;
    if (!existsSync(name)) return name;
  }
}
