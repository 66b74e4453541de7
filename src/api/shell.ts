/** One word for a POSIX shell, in single quotes. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** One word for a POSIX shell, for people to read: without quotes where it needs none. */
export const shellWord = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : quote(word));
