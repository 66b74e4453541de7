import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { examples } from '../flags.ts';

export function define(command: Command, cli: Cli): void {
  command
    .description(
      'Print a script that completes commands, options, kinds and the names of objects in your shell.',
    )
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']))
    .action((shell: Shell) => cli.out(scripts[shell]));
  examples(
    command,
    ['bash, for this session; put it into ~/.bashrc for all', 'source <(agentctl completion bash)'],
    ['zsh', 'source <(agentctl completion zsh)'],
    ['fish', 'agentctl completion fish | source'],
  );
}

export type Shell = 'bash' | 'zsh' | 'fish';

/** Each script passes the words before the cursor to `agentctl __complete`, which prints one candidate a line. */
export const scripts: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for agentctl
_agentctl() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current
  read -ra words <<< "$line"
  current="\${words[-1]}"
  [[ "$line" == *" " ]] && { words+=(""); current=""; }
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 1 && ( "\${COMPREPLY[0]}" == */ || "\${COMPREPLY[0]}" == *= ) ]] && compopt -o nospace
  [[ "$current" == *[:=]* ]] && type __ltrim_colon_completions &>/dev/null && __ltrim_colon_completions "$current"
  return 0
}
complete -o default -F _agentctl agentctl
`,
  zsh: `#compdef agentctl
_agentctl() {
  local -a candidates
  candidates=("\${(@f)$(\${words[1]} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  candidates=(\${candidates:#})
  if (( \${#candidates} )); then
    compadd -Q -- "\${candidates[@]}"
  else
    _files
  fi
}
compdef _agentctl agentctl
`,
  fish: `# fish completion for agentctl
function __agentctl_complete
  set -l words (commandline -opc) (commandline -ct)
  agentctl __complete $words[2..-1] 2>/dev/null
end
complete -c agentctl -a '(__agentctl_complete)'
`,
};
