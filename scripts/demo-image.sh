#!/bin/sh
# Builds agentctl-quickstart:latest, which manifests/quickstart-docker runs.
#   BASE=debian:stable-slim sh scripts/demo-image.sh
# Where no base is named and none can be pulled, one is packed from busybox (Debian's busybox-static).
set -eu
cd "$(dirname "$0")/.."
default=debian:stable-slim

busybox_base() {
  if [ ! -x /bin/busybox ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    sh scripts/apt-install.sh busybox-static
  fi
  [ -x /bin/busybox ] || { echo "No base image: set BASE to an image that you have, or install busybox-static." >&2; exit 1; }
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root/bin" "$root/etc" "$root/tmp"
  cp /bin/busybox "$root/bin/"
  for applet in $(/bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
  tar -C "$root" --owner=0 --group=0 -c . | docker import --change 'ENV PATH=/bin' - agentctl-quickstart-base:latest >/dev/null
  echo agentctl-quickstart-base:latest
}

if [ -z "${BASE:-}" ]; then
  if docker image inspect "$default" >/dev/null 2>&1 || timeout 60 docker pull -q "$default" >/dev/null 2>&1; then
    BASE=$default
  else
    echo "$default cannot be pulled here; packing a base from busybox instead."
    BASE=$(busybox_base)
  fi
fi
echo "Building agentctl-quickstart:latest from $BASE"
if ! told=$(docker build -q --build-arg BASE="$BASE" -t agentctl-quickstart:latest manifests/quickstart-docker 2>&1); then
  echo "$told" >&2
  exit 1
fi
