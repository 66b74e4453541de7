import { rmSync } from 'node:fs';
import type { Session } from '../scenarios/support.ts';

/** Ends a session of which no agent runs, without the deletion of each. */
export async function discard(session: Session): Promise<void> {
  await session.run(['controller', 'stop']);
  rmSync(session.folder, { recursive: true, force: true });
}
