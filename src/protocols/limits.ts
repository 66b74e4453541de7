/**
 * Limits on what an agent sends. Texts in characters; numbers of `entries` of a plan, `tools` of a turn and their
 * `inputs`, `decided` permissions, `options` of a request.
 */
export const limits = {
  /** A longer id is refused: cut, it would be a different id. */
  id: 512,
  name: 200,
  currency: 16,
  title: 1_000,
  error: 2_000,
  toolInput: 64 * 1024,
  toolOutput: 64 * 1024,
  entries: 100,
  tools: 1_000,
  inputs: 200,
  options: 20,
  decided: 10_000,
  sessions: 1_000,
} as const;
