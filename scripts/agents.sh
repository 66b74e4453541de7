#!/bin/sh
# Installs published agents that speak ACP, at the versions that the scenarios run, each into a folder of its own.
#
#   agents.sh names             lists them
#   agents.sh version NAME      prints its version
#   agents.sh install NAME DIR  installs it into DIR, unless it is there; prints the folder of its programs
#
# Those of PyPI need Python 3.12 or newer, from the system or from pyenv. What they depend on is taken as of the day below.
# Ends with 69 where this machine cannot have an agent: the registry does not have it, or there is no such Python; and with
# 75 where the registry cannot be reached.
set -eu
day=2026-11-29

# The registry, then the packages; the version of the first one is the agent's.
packages() {
  case $1 in
  opencode) echo npm opencode-ai@1.18.33 ;;
  codex) echo npm @agentclientprotocol/codex-acp@2.6.0 ;;
  claude) echo npm @agentclientprotocol/claude-agent-acp@0.101.0 ;;
  gemini) echo npm @google/gemini-cli@0.61.0 ;;
  qwen) echo npm @qwen-code/qwen-code@0.24.4 ;;
  pi) echo npm pi-acp@0.0.34 @earendil-works/pi-coding-agent@1.6.0 ;;
  copilot) echo npm @github/copilot@1.0.102 ;;
  # 3.0.3 wants a certifi that PyPI does not have.
  vibe) echo pypi mistral-vibe@3.0.2 ;;
  # A library: the scenarios have a program of a few lines with it.
  deepagents) echo pypi deepagents-acp@0.0.13 langgraph-checkpoint-sqlite@3.1.2 ;;
  *) die "there is no agent $1 here" ;;
  esac
}

die() {
  echo "agents.sh: $*" >&2
  exit 1
}

unavailable() {
  echo "agents.sh: $*" >&2
  exit 69
}

# Runs an installer; tells apart that the registry does not have a package.
from_registry() {
  log=$dir/install.log
  if "$@" >"$log" 2>&1; then return; fi
  cat "$log" >&2
  if grep -Eq 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|establish a new connection|error sending request' "$log"; then
    echo "agents.sh: the registry cannot be reached for $wanted" >&2
    exit 75
  fi
  if grep -Eq 'E404|ETARGET|No solution found|No matching distribution' "$log"; then
    unavailable "the registry does not have $wanted"
  fi
  die "$1 did not install $wanted in $dir"
}

python() {
  for found in python3.14 python3.13 python3.12 python3 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do
    if "$found" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
      echo "$found"
      return
    fi
  done
}

install_npm() {
  command -v npm >/dev/null || die "npm is missing; it comes with Node"
  from_registry npm install --prefix "$dir" --before="$day" --no-fund --no-audit --loglevel=error "$@"
  mkdir -p "$dir/bin"
  for program in "$dir"/node_modules/.bin/*; do ln -sf "$program" "$dir/bin/"; done
}

install_pypi() {
  python=$(python)
  [ -n "$python" ] || unavailable "$name needs Python 3.12 or newer"
  "$python" -m venv "$dir"
  from_registry "$dir/bin/pip" install --disable-pip-version-check uv==0.13.9
  pins=$(for package in "$@"; do echo "$package" | sed 's/@/==/'; done)
  # shellcheck disable=SC2086 # words
  from_registry "$dir/bin/uv" pip install --python "$dir/bin/python" --exclude-newer "$day" $pins
}

install_agent() {
  if [ "$(cat "$dir/installed" 2>/dev/null)" = "$wanted" ]; then return; fi
  rm -rf "$dir"
  mkdir -p "$dir"
  # shellcheck disable=SC2086 # words
  set -- $wanted
  registry=$1
  shift
  "install_$registry" "$@"
  echo "$wanted" >"$dir/installed"
}

case ${1:-}/$# in
names/1) echo opencode codex claude gemini qwen pi copilot vibe deepagents ;;
version/2)
  wanted=$(packages "$2")
  echo "$wanted" | cut -d ' ' -f 2 | sed 's/.*@//'
  ;;
install/3)
  name=$2
  wanted=$(packages "$name")
  mkdir -p "$3"
  dir=$(cd "$3" && pwd)
  install_agent >&2
  echo "$dir/bin"
  ;;
*) die "usage: agents.sh names | version NAME | install NAME DIR" ;;
esac
