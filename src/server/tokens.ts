import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Role, Token } from './access.ts';
import { readText, writePrivate } from './private-file.ts';

const roles: readonly Role[] = ['admin', 'edit', 'view'];

/** One token for each role, kept in `folder`; made where there are none. Removing the file revokes them all. */
export async function ensureTokens(folder: string): Promise<Token[]> {
  const path = join(folder, 'tokens.json');
  const kept = await readText(path);
  if (kept !== undefined) return JSON.parse(kept);
  const made = roles.map(
    (role): Token => ({ name: role, role, token: randomBytes(32).toString('base64url') }),
  );
  await writePrivate(path, JSON.stringify(made, null, 2));
  return made;
}
