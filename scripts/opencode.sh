#!/bin/sh
# Fetches OpenCode, a published agent that speaks ACP, for the scenario that runs it and for whoever wants it in a container.
#
#   opencode.sh install DIR  npm install into DIR, unless it is there (350 MB); prints the folder of the program
#   opencode.sh image DIR    makes the image agentctl-opencode of it in Docker, unless it is there; prints its name
#
# The image is Debian's or Ubuntu's smallest system, made with debootstrap (as root; installed with apt where it is
# missing), or what BASE names:  BASE=debian:stable-slim sh scripts/opencode.sh image DIR
set -eu
version=1.18.33
image=agentctl-opencode:$version

die() {
  echo "opencode.sh: $*" >&2
  exit 1
}

[ $# -eq 2 ] || die "usage: opencode.sh install|image DIR"
mkdir -p "$2"
dir=$(cd "$2" && pwd)
bin=$dir/node_modules/.bin

install_opencode() {
  if [ "$("$bin/opencode" --version 2>/dev/null)" = "$version" ]; then return; fi
  command -v npm >/dev/null || die "npm is missing; it comes with Node"
  npm install --prefix "$dir" --no-fund --no-audit --loglevel=error "opencode-ai@$version" >&2
  [ "$("$bin/opencode" --version)" = "$version" ] || die "npm did not install opencode $version in $dir"
}

# Prints the folder of a root file system.
debian() {
  if [ ! -f "$dir/root/complete" ]; then
    [ "$(id -u)" -eq 0 ] || die "debootstrap needs root: name a base image instead, as in BASE=debian:stable-slim"
    if ! command -v debootstrap >/dev/null; then
      command -v apt-get >/dev/null || die "debootstrap is missing: name a base image instead, as in BASE=debian:stable-slim"
      sh "$(dirname "$0")/apt-install.sh" debootstrap
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
  install_opencode
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

case $1 in
install)
  install_opencode
  echo "$bin"
  ;;
image)
  make_image
  echo "$image"
  ;;
*) die "usage: opencode.sh install|image DIR" ;;
esac
