#!/bin/sh
# Starts and ends a container engine for the tests, apart from any that the machine already has.
#
#   engines.sh up docker|podman DIR    start one that keeps all it has under DIR; prints its endpoint
#   engines.sh down docker|podman DIR  end it and remove DIR
#
# As root on Debian or Ubuntu, `up` installs docker.io, or podman and runc, with apt where they are missing.
# Docker: dockerd on DIR/docker.sock, with data, exec root and pid file of its own; containers that it runs end with it.
# Podman: `podman system service` on DIR/podman.sock, with storage of its own.
set -eu

die() {
  echo "engines.sh: $*" >&2
  exit 1
}

[ $# -eq 3 ] || die "usage: engines.sh up|down docker|podman DIR"
action=$1 engine=$2 dir=$3

install_packages() {
  command -v apt-get >/dev/null || die "$engine is not installed, and this is no Debian: install it by hand"
  [ "$(id -u)" -eq 0 ] || die "$engine is not installed: install it, or run this as root"
  sh "$(dirname "$0")/apt-install.sh" "$@"
}

# Waits up to 30 s for an answer on the socket.
await() {
  tries=300
  until node -e '
    const call = require("node:http").get({ socketPath: process.argv[1], path: "/_ping" }, (r) => process.exit(r.statusCode === 200 ? 0 : 1));
    call.on("error", () => process.exit(1));
  ' "$1"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || die "$engine did not answer on $1; see $dir/log: $(tail -n 3 "$dir/log")"
    sleep 0.1
  done
}

# Whether a process runs; one that has ended but not been waited for does not.
runs() {
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

# Ends the process of a pid file, and waits until it has ended.
end() {
  [ -f "$1" ] || return 0
  pid=$(cat "$1")
  kill "$pid" 2>/dev/null || return 0
  tries=300
  while runs "$pid" && [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
  done
}

# Removes DIR, after what an engine that was killed has left running and mounted in it.
clear_away() {
  for process in /proc/[0-9]*; do
    { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -q "containerd-shim.* $dir/exec/" || continue
    shim=${process#/proc/}
    for child in $(cat "$process"/task/*/children 2>/dev/null); do kill -9 "$child" 2>/dev/null || true; done
    kill -9 "$shim" 2>/dev/null || true
  done
  # With a mount go those in it; the next round takes what was left.
  for _ in 1 2 3 4 5; do
    mounts=$(awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts)
    [ -n "$mounts" ] || break
    # shellcheck disable=SC2086 # one mount a word
    umount -l $mounts 2>/dev/null || true
  done
  rm -rf "$dir"
}

up_docker() {
  command -v dockerd >/dev/null || install_packages docker.io busybox-static
  # dockerd takes the pid of a killed process that nobody waited for as one that runs.
  for pidfile in "$dir/dockerd.pid" "$dir/exec/containerd/containerd.pid"; do
    if [ -f "$pidfile" ] && ! runs "$(cat "$pidfile")"; then rm -f "$pidfile"; fi
  done
  # docker.io from apt may start one of its own; this one shares nothing with it but the default bridge.
  nohup dockerd -H "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    -p "$dir/dockerd.pid" ${AGENTCTL_DOCKERD_FLAGS:-} >>"$dir/log" 2>&1 </dev/null &
  await "$dir/docker.sock"
  echo "unix://$dir/docker.sock"
}

up_podman() {
  command -v podman >/dev/null || install_packages podman runc catatonit busybox-static
  podman_environment
  nohup podman system service --time=0 "unix://$dir/podman.sock" >>"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/podman.pid"
  await "$dir/podman.sock"
  echo "unix://$dir/podman.sock"
}

# The default runtime crun fails on a host with cgroup v1, and so do the default ulimits where the host's are lower.
# Soft and hard limits are the same, since Podman 4's Docker API mixes the two up.
podman_environment() {
  cat >"$dir/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
$([ -f /sys/fs/cgroup/cgroup.controllers ] || echo 'runtime = "runc"')
CONF
  cat >"$dir/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$dir/data"
runroot = "$dir/run"
CONF
  export CONTAINERS_CONF="$dir/containers.conf" CONTAINERS_STORAGE_CONF="$dir/storage.conf"
}

down_docker() {
  end "$dir/dockerd.pid"
  clear_away
}

down_podman() {
  if [ -f "$dir/containers.conf" ]; then
    podman_environment
    podman rm --all --force --time 0 >/dev/null 2>&1 || true
  fi
  end "$dir/podman.pid"
  clear_away
}

case $action-$engine in
up-docker | up-podman)
  mkdir -p "$dir"
  # The full path goes into sockets and mounts.
  dir=$(cd "$dir" && pwd)
  "up_$engine"
  ;;
down-docker | down-podman)
  [ -d "$dir" ] || exit 0
  dir=$(cd "$dir" && pwd)
  "down_$engine"
  ;;
*) die "usage: engines.sh up|down docker|podman DIR" ;;
esac
