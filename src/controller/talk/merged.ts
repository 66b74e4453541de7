import type { Entry } from '../../messages/journal.ts';

/** The same entries with all changes of one message in one, and each conversation only as it last was. */
export function merged(entries: readonly Entry[]): Entry[] {
  if (entries.length < 2) return [...entries];
  const last = new Map<string, number>();
  const out: (Entry | undefined)[] = [];
  for (const entry of entries) {
    const key =
      entry.type === 'Change'
        ? `m ${entry.id}`
        : entry.type === 'Conversation'
          ? `c ${entry.conversation.id}`
          : undefined;
    const at = key === undefined ? undefined : last.get(key);
    const before = at === undefined ? undefined : out[at];
    if (at !== undefined) out[at] = undefined;
    if (key !== undefined) last.set(key, out.length);
    out.push(
      entry.type === 'Change' && before?.type === 'Change'
        ? { ...entry, set: { ...before.set, ...entry.set } }
        : entry,
    );
  }
  return out.filter((entry) => entry !== undefined);
}
