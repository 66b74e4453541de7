/** Whether an error has one of these codes (of Node or errno). Any other error says nothing about the question. */
export const isCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));
