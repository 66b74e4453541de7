#!/bin/sh
# A session to look at, in a state folder for each Runtime: apply, get, describe, a crash and its restart.
set -eu
cd "$(dirname "$0")/.."
RUNTIME=${RUNTIME:-process}
export AGENTCTL_STATE_DIR="${AGENTCTL_STATE_DIR:-$PWD/.demo/$RUNTIME}"
agentctl="node dist/agentctl.mjs"
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi

say() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
show() { printf '%s$ agentctl %s%s\n' "$bold" "$*" "$plain"; $agentctl "$@"; }

case $RUNTIME in
process) manifests=manifests/quickstart ;;
docker)
  manifests=manifests/quickstart-docker
  say "The image that the agents run in (BASE chooses what it is built from)"
  sh scripts/demo-image.sh ;;
*) echo "RUNTIME is process or docker, not $RUNTIME" >&2; exit 64 ;;
esac

say "The controller, in the background, with its state in $AGENTCTL_STATE_DIR"
$agentctl controller status >/dev/null 2>&1 || show controller start

if [ "$RUNTIME" = docker ] && ! $agentctl get runtime docker >/dev/null 2>&1; then
  # A controller makes this Runtime itself at its first start; this one was there before the engine.
  say "Where they should run: the engine at ${DOCKER_HOST:=unix:///var/run/docker.sock}"
  show apply -f - <<YAML
apiVersion: agentctl.dev/v1
kind: Runtime
metadata:
  name: docker
spec:
  driver: docker
  endpoint: $DOCKER_HOST
YAML
fi

say "What should run: $manifests"
show apply -f "$manifests"
show wait --for=condition=Ready agent --all --timeout=5m
show get agents

say "One of them, whole"
show describe agent ticker

say "Its process is killed behind the controller's back"
before=$($agentctl get instance ticker-0 -o 'jsonpath={.status.run.number}')
if [ "$RUNTIME" = docker ]; then
  id=$($agentctl get instance ticker-0 -o 'jsonpath={.status.run.ref}')
  echo "\$ docker kill $(echo "$id" | cut -c1-12)"
  docker kill "$id" >/dev/null
else
  pid=$($agentctl get instance ticker-0 -o 'jsonpath={.status.run.startedAt}' | cut -d: -f2)
  echo "\$ kill -9 $pid"
  kill -9 "$pid"
fi
# What is waited for stays true once it is: a slow machine may see it late, and still sees it.
show wait --for=jsonpath='{.status.lastExit.run}'="$before" instance/ticker-0 --timeout=2m
show get agents
say "It comes back by its backoff schedule"
show wait --for=jsonpath='{.status.run.number}'=$((before + 1)) instance/ticker-0 --timeout=2m
show wait --for=condition=Ready agent/ticker --timeout=5m
show get agents
show events --for agent/ticker

say "To go on"
cat <<TXT
  alias agentctl='AGENTCTL_STATE_DIR=$AGENTCTL_STATE_DIR PATH=$PWD/node_modules/.bin:\$PATH node $PWD/dist/agentctl.mjs'
  agentctl logs -f ticker              what it prints
  agentctl init                        a first manifest of your own
  agentctl explain agent.spec          every field
To stop
  agentctl delete -f $manifests        these agents
  agentctl controller stop             the controller (agents run on; with --agents they stop too)
TXT
