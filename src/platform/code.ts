/** Whether an error has one of these codes (of Node or errno). Any other error says nothing about the question. */
export const isCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

/** Returns what `work` returns; undefined if it throws an error with one of these codes. */
export function ignoring<T>(work: () => T, ...codes: string[]): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isCode(error, ...codes)) return undefined;
    throw error;
  }
}

/** The same for a promise that rejects. */
export const ignoringAsync = <T>(work: Promise<T>, ...codes: string[]): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    if (isCode(error, ...codes)) return undefined;
    throw error;
  });
