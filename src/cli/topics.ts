/** `agentctl help <topic>`. */
export const topics: Readonly<Record<string, string>> = {
  'exit-codes': `Exit codes, which scripts may rely on:

  0    done
  1    failed: the message on standard error says why
  3    the controller is out of reach ('agentctl controller start' starts one)
  64   the command line is wrong: an unknown verb, kind or flag, or a bad value

  diff
  0    the manifests and what is are the same
  1    they differ
  2+   it failed, or the revision of a sync would be refused (3 and 64 as above)

  sync
  0    what stands in the source is applied
  1    it is not, or was not within --timeout: the message says why
  2    the sync was deleted meanwhile

  wait, and apply --wait, delete --wait, rollout status
  0    the condition is met
  1    it was not met within --timeout
  2    it can no longer be met: the message says why

  send --wait, send --stream, messages follow, run
  0    the message is completed: the answer is on standard output
  1    it failed or expired: the message says why, and what can be done
  4    the agent ended its turn without a whole answer (Refused, MaxTokens,
       MaxTurnRequests, EmptyAnswer): what it said is on standard output

  controller status, as systemctl status
  0    it runs
  3    it does not run

  130  interrupted by Ctrl-C; 0 where that is the regular end: serve, apply --watch
`,
};
