/** Quotes one word for a POSIX shell, with single quotes. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Quotes one word for a POSIX shell only if it needs quotes. For people. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word));
