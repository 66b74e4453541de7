#!/bin/sh
# Installs packages with apt, as root on Debian or Ubuntu. While another apt or dpkg is at work it waits, for ten minutes.
#
#   apt-install.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
end=$(($(date +%s) + 600))
told=$(mktemp)
trap 'rm -f "$told"' EXIT

# DPkg::Lock::Timeout is for dpkg's locks alone: those of the lists and of the archives fail at once.
apt() {
  until apt-get -o DPkg::Lock::Timeout=600 "$@" 2>"$told"; do
    cat "$told" >&2
    grep -Eq 'Could not get lock|Unable to (lock|acquire)' "$told" || return 1
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 1
  done
  cat "$told" >&2
}

{
  apt update -q
  apt install -qy --no-install-recommends "$@"
} >&2
