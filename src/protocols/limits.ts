/** What is kept of a text that an agent sends, in characters; `entries` of a plan, `tools` of a turn and the `inputs` of these, `decided` permissions, `options` of a request. */
export const limits = {
  /** An id that is longer is no id: cut, it would be another one. */
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
