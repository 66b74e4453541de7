interface Template {
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

/** The file that `agentctl init` writes. A test validates it. */
export const firstManifest = `# An agent. Apply it with: agentctl apply -f agents.yaml
apiVersion: agentctl.dev/v1
kind: Agent
metadata:
  name: hello
spec:
  template:
    # With an image it runs in a container, otherwise as a process on this host.
    # image: python:3.13-slim
    command: [sh, -c, 'while true; do echo "hello from $AGENTCTL_INSTANCE, run $AGENTCTL_RUN"; sleep 5; done']
    env:
      - name: GREETING
        value: hello
      # A key of a Secret: agentctl create secret generic model --from-literal=API_KEY=...
      # - name: API_KEY
      #   valueFrom:
      #     secretKeyRef: { name: model, key: API_KEY }
    # resources:
    #   limits: { cpu: "1", memory: 512Mi }
  # The number of instances.
  replicas: 1
  # When it is Ready. By default, it is Ready while it runs.
  # readiness:
  #   log: { pattern: hello }
  # How it is run. Every field has a default: agentctl explain policy.spec
  policy:
    restart:
      "on": Always # or OnFailure, Never. Quoted, as kubectl reads a bare on as true
      # maxRestarts: 5 # within the window; then it is Failed until agentctl resume
      # window: 10m
    backoff:
      schedule: [1s, 2s, 4s, 8s, 16s, 32s, 60s]
    # Restart it every night, once it has been idle for an hour.
    # scheduledRestart:
    #   cron: "30 4 * * *"
    #   timezone: Europe/Berlin
    #   whenIdleFor: 1h
`;
