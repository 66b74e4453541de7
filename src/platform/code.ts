/** Whether an error has one of these codes, as those of Node and of the system do. Any other one leaves open what was asked. */
export const isCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));
