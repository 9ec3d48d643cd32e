#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# host-setup.sh [COMMAND=PACKAGE | FILE=PACKAGE]...: installs the host packages that modproof
# needs, and each PACKAGE whose command or file is missing. FILE is an absolute path and may
# have wildcards. Prints nothing if all is there. For Debian 12, 13 and derivatives.
set -eu

say() {
	echo "host-setup: $*" >&2
}

die() {
	say "$@"
	exit 2
}

# An ordinary user's PATH may lack the sbin folders.
PATH=$PATH:/usr/sbin:/sbin

missing=

# need COMMAND PACKAGE: PACKAGE is missing if COMMAND cannot be found.
need() {
	command -v "$1" > /dev/null 2>&1 || missing="$missing $2"
}

# need_file PATTERN PACKAGE: PACKAGE is missing if no file matches PATTERN.
need_file() {
	for file in $1; do
		[ ! -e "$file" ] || return 0
	done
	missing="$missing $2"
}

case $(uname -m) in
x86_64) ;;
*) die "the kernels that are booted are for x86_64; this is $(uname -m)" ;;
esac

need mmdebstrap mmdebstrap
need qemu-system-x86_64 qemu-system-x86
need xz xz-utils
need zstd zstd
need make make
need gcc gcc
need objcopy binutils
need dpkg-deb dpkg
need unshare util-linux
need setpriv util-linux
need flock util-linux
need_file /usr/include/stdio.h libc6-dev
need_file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
need_file '/etc/ssl/certs/ca-certificates.crt' ca-certificates

for wanted; do
	case $wanted in
	/*) need_file "${wanted%=*}" "${wanted##*=}" ;;
	*) need "${wanted%=*}" "${wanted##*=}" ;;
	esac
done

# rust_is_new_enough: cargo and rustc 1.85 or newer.
rust_is_new_enough() {
	command -v cargo > /dev/null 2>&1 || return 1
	version=$(rustc --version 2> /dev/null) || return 1
	version=${version#rustc }
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	[ "$major" -gt 1 ] || { [ "$major" -eq 1 ] && [ "$minor" -ge 85 ]; }
}

rust=
if ! rust_is_new_enough; then
	rust=wanted
fi

[ -n "$missing$rust" ] || exit 0

command -v apt-get > /dev/null 2>&1 ||
	die "missing:$missing${rust:+ cargo and rustc >= 1.85}. There is no apt-get here to install them with; install them by hand."

if [ "$(id -u)" = 0 ]; then
	sudo=
else
	sudo=sudo
	command -v sudo > /dev/null 2>&1 ||
		die "missing:$missing${rust:+ cargo and rustc >= 1.85}. Neither root nor sudo: install them as root."
fi

apt() {
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
say "fetching the package lists"
apt update > "$log" 2>&1 || {
	tail -n 15 "$log" >&2
	die "apt-get update failed"
}

# candidate PACKAGE: the version that apt would install.
candidate() {
	LC_ALL=C apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

if [ -n "$rust" ]; then
	# Debian 12's rustc is too old; its rustc-web and cargo-web are new enough.
	for suffix in '' -web; do
		version=$(candidate "rustc$suffix")
		if [ -n "$version" ] && [ "$version" != '(none)' ] &&
			dpkg --compare-versions "$version" ge 1.85; then
			rust="rustc$suffix cargo$suffix"
			break
		fi
	done
	[ "$rust" != wanted ] ||
		die "no cargo and rustc of 1.85 or newer in this system's package lists; install them by hand (rustup's will do)"
	missing="$missing $rust"
fi

say "installing:$missing"
# shellcheck disable=SC2086 # words are meant
apt install --yes --no-install-recommends $missing > "$log" 2>&1 || {
	tail -n 15 "$log" >&2
	die "apt-get could not install:$missing"
}
rust_is_new_enough || die "cargo and rustc are installed, but an older one comes first in PATH: $(command -v rustc)"
