#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Provides the Rust metadata to DKMS for kernels whose headers lack it. For a Debian
# kernel it makes the metadata once, in minutes, and keeps it in the folder that
# dkms.conf names. DKMS then builds the next version of this module in seconds, even
# if the kernel's source is gone. On other systems it names the package to install.
#
# dkms-metadata.sh build KERNEL KDIR   before each build (PRE_BUILD)
# dkms-metadata.sh check               lists what each kernel lacks; builds nothing
# dkms-metadata.sh renew               after headers or sources are installed or
#                                      removed: builds for kernels that allow it now,
#                                      removes the metadata of removed kernels
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"
# shellcheck source-path=SCRIPTDIR source=remedies.sh
. "${0%/*}/remedies.sh"

module=rdna1_kfd_guard
makes=${0%/*}/debian-metadata.sh
kept=${DKMS_METADATA:-/var/cache/rdna1-kfd-guard/metadata}
modules=${DKMS_MODULES:-/lib/modules}
# The exit status of PRE_BUILD with which DKMS skips this kernel without a failure.
SKIPPED=77

say() {
	echo "$module: $*" >&2
}

version() {
	sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "${0%/*}/../dkms.conf"
}

# kernels: the kernels with a build folder here, the newest last.
kernels() {
	for build in "$modules"/*/build; do
		[ ! -e "$build/Makefile" ] || echo "$build"
	done | sed 's|/build$||; s|.*/||' | sort -V
}

# lacks KERNEL: does the kernel have Rust, but no metadata in its headers?
lacks() {
	use_kernel "$modules/$1/build"
	[ "$(config RUST)" = y ] && [ -z "$metadata" ]
}

# provide KERNEL [--check]: makes the metadata of the kernel that use_kernel has
# selected, or lists what is missing. It can make it for Debian's kernels only.
provide() {
	if is_debian_kernel "$1"; then
		"$makes" --installed ${2+"$2"} "$1" "$kept"
	else
		"${0%/*}/preflight.sh" "$kdir"
	fi
}

# is_spare KERNEL: is it neither running nor the newest? Such a kernel must not fail apt's
# transaction.
is_spare() {
	[ "$1" != "$(uname -r)" ] && [ "$1" != "$(kernels | tail -n 1)" ]
}

# While apt sets up another package, the missing headers or source may be in the same
# transaction. A failure would leave that transaction half done. dpkg's trigger runs
# `renew` once they are installed.
is_being_set_up() {
	case ${DPKG_MAINTSCRIPT_PACKAGE-} in
	'' | rdna1-kfd-guard-dkms) return 1 ;;
	esac
}

build() {
	use_kernel "$2"
	[ -z "$metadata" ] || return 0
	! provide "$1" || return 0
	if is_being_set_up; then
		say "kernel $1: left out for now, and built when what is missing comes"
		return $SKIPPED
	fi
	is_spare "$1" || return 1
	say "kernel $1 is neither running nor the newest here: left out"
	return $SKIPPED
}

check() {
	for kernel in $(kernels); do
		! lacks "$kernel" || provide "$kernel" --check || :
	done
}

renew() {
	for made in "$kept"/*; do
		kernel=${made##*/}
		case $kernel in
		'*' | *.lock) continue ;;
		esac
		kernel=${kernel%.partial}
		kernel=${kernel%.log}
		[ -e "$modules/$kernel/build/Makefile" ] || rm -rf "$made" "$kept/$kernel.lock"
	done
	for kernel in $(kernels); do
		! dkms status -m $module -k "$kernel" | grep -q ': installed' || continue
		! lacks "$kernel" || provide "$kernel" --check 2> /dev/null || continue
		[ "$(config RUST)" = y ] || continue
		dkms install -m $module -v "$(version)" -k "$kernel" || say "not built for $kernel"
	done
}

know_distribution
case $*-$# in
build\ *-3) build "$2" "$3" ;;
check-1) check ;;
renew-1) renew ;;
*)
	say "usage: $0 build KERNEL KDIR | check | renew"
	exit 2
	;;
esac
