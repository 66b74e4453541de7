/** `agentctl help <topic>`. */
export const topics: Readonly<Record<string, string>> = {
  'exit-codes': `Exit codes, for scripts:

  0    success
  1    failure; the message on standard error gives the reason
  3    the controller cannot be reached ('agentctl controller start' starts one)
  64   the command line is invalid: an unknown command, kind or option, or an invalid value
  130  interrupted by Ctrl-C; 0 where Ctrl-C is the usual way to quit: serve, apply --watch

  diff
  0    there are no differences
  1    there are differences
  2+   failure, or the revision of the sync would be refused (3 and 64 as above)

  sync
  0    the newest revision is applied
  1    it could not be applied, or not within --timeout; the message gives the reason
  2    the sync was deleted in the meantime

  wait, apply --wait, delete --wait, rollout status
  0    the condition is met
  1    the condition was not met within --timeout
  2    the condition can no longer be met; the message gives the reason

  send --wait, send --stream, messages follow, run
  0    the message is completed; the answer is on standard output
  1    the message failed or expired; the message on standard error gives the reason
  4    the agent ended its turn without a whole answer (Refusal, MaxTokens,
       MaxTurnRequests, EmptyAnswer); what it said is on standard output

  controller status (as systemctl status)
  0    the controller runs
  3    the controller does not run
`,
};
