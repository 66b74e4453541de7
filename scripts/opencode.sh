#!/bin/sh
# Makes the image agentctl-opencode in Docker, unless it is there, of OpenCode as npm has it (agents.sh); prints its name.
#
#   opencode.sh image DIR    keeps in DIR what it fetches
#
# The image is Debian's or Ubuntu's smallest system, made with debootstrap (as root; installed with apt where it is
# missing), or what BASE names:  BASE=debian:stable-slim sh scripts/opencode.sh image DIR
set -eu
scripts=$(dirname "$0")
version=$(sh "$scripts/agents.sh" version opencode)
image=agentctl-opencode:$version

die() {
  echo "opencode.sh: $*" >&2
  exit 1
}

[ $# -eq 2 ] && [ "$1" = image ] || die "usage: opencode.sh image DIR"
mkdir -p "$2"
dir=$(cd "$2" && pwd)

# Prints the folder of a root file system.
debian() {
  if [ ! -f "$dir/root/complete" ]; then
    [ "$(id -u)" -eq 0 ] || die "debootstrap needs root: name a base image instead, as in BASE=debian:stable-slim"
    if ! command -v debootstrap >/dev/null; then
      command -v apt-get >/dev/null || die "debootstrap is missing: name a base image instead, as in BASE=debian:stable-slim"
      sh "$scripts/apt-install.sh" debootstrap
    fi
    rm -rf "$dir/root"
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$dir/root" >"$dir/debootstrap.log" 2>&1 ||
      die "debootstrap failed; see $dir/debootstrap.log: $(tail -n 1 "$dir/debootstrap.log")"
    rm -rf "$dir/root/var/cache/apt/archives" "$dir/root/var/lib/apt/lists"
    touch "$dir/root/complete"
  fi
  echo "$dir/root"
}

make_image() {
  if docker image inspect "$image" >/dev/null 2>&1; then return; fi
  bin=$(sh "$scripts/agents.sh" install opencode "$dir/npm")
  base=${BASE:-}
  if [ -z "$base" ]; then
    root=$(debian)
    base=agentctl-opencode-base:latest
    tar -C "$root" --exclude=./complete -c . | docker import - "$base" >/dev/null
  fi
  context=$(mktemp -d)
  trap 'rm -rf "$context"' EXIT
  cp -L "$bin/opencode" "$context/opencode"
  printf 'FROM %s\nCOPY opencode /usr/local/bin/opencode\nWORKDIR /work\nCMD ["opencode", "acp"]\n' "$base" >"$context/Dockerfile"
  told=$(docker build -q -t "$image" "$context" 2>&1) || die "docker build failed: $told"
}

make_image
echo "$image"
