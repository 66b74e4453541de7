export interface Template {
  name: string;
  /** A description of a few words. */
  what: string;
}

/** The templates of `init`, in manifests/<name>.yaml. */
export const templates: readonly Template[] = [
  { name: 'opencode', what: 'OpenCode (Agent Client Protocol)' },
  { name: 'claude', what: 'Claude Code (Agent Client Protocol)' },
  { name: 'codex', what: 'Codex (Agent Client Protocol)' },
  { name: 'gemini', what: 'Gemini CLI (Agent Client Protocol)' },
  { name: 'qwen', what: 'Qwen Code (Agent Client Protocol)' },
  { name: 'pi', what: 'Pi (Agent Client Protocol)' },
  { name: 'jsonl', what: 'your own agent, in a few lines of Python' },
  { name: 'chat-pair', what: 'two agents that talk to each other, without any model' },
  { name: 'sync', what: 'a Git repository to sync from' },
];
