export interface Template {
  name: string;
  /** What it is, in half a line. */
  what: string;
}

/** What `init` can write: manifests/<name>.yaml each. */
export const templates: readonly Template[] = [
  { name: 'opencode', what: 'OpenCode, by the Agent Client Protocol' },
  { name: 'claude', what: 'Claude Code, by the Agent Client Protocol' },
  { name: 'codex', what: 'Codex, by the Agent Client Protocol' },
  { name: 'gemini', what: 'Gemini CLI, by the Agent Client Protocol' },
  { name: 'jsonl', what: 'an agent of your own, in a few lines of Python' },
  { name: 'chat-pair', what: 'two agents that talk to each other, without any model' },
  { name: 'sync', what: 'a Git repository whose manifests are kept applied' },
];
