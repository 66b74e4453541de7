#!/bin/sh
# Sees to the programs that tests of Git repositories need: git, ssh and sshd, gpg. As root on Debian or Ubuntu it installs
# with apt what is missing; where nothing is, it does nothing. The tests start servers of their own, and end them.
set -eu

die() {
  echo "git-servers.sh: $*" >&2
  exit 1
}

# sshd stands where users do not look.
PATH=$PATH:/usr/sbin:/sbin
missing=
need() {
  command -v "$1" >/dev/null || missing="$missing $2"
}
need git git
need ssh openssh-client
need ssh-keygen openssh-client
need sshd openssh-server
need gpg gnupg
need gpgconf gnupg
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || die "missing, and this is no Debian, install by hand:$missing"
[ "$(id -u)" -eq 0 ] || die "missing, install, or run this as root:$missing"
# In runlevel 1 the package's own sshd is not started.
export RUNLEVEL=1
# shellcheck disable=SC2086 # one package a word
sh "$(dirname "$0")/apt-install.sh" $missing
