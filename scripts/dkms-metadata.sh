#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What DKMS needs beside the sources, where a kernel's headers lack the Rust
# metadata, as Debian's do. It is made once for each kernel, in minutes, and
# kept in the folder that dkms.conf names: the next version of this module is
# then built in seconds, also for a kernel whose source is gone by then. On other
# systems it is to be installed, and this says which package.
#
# dkms-metadata.sh build KERNEL KDIR   before each build (PRE_BUILD)
# dkms-metadata.sh check               says which kernels lack what; builds nothing
# dkms-metadata.sh renew               after headers or sources came or went:
#                                      builds what can be built now, and removes
#                                      the metadata of kernels that are gone
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"
# shellcheck source-path=SCRIPTDIR source=remedies.sh
. "${0%/*}/remedies.sh"

module=rdna1_kfd_guard
makes=${0%/*}/debian-metadata.sh
kept=${DKMS_METADATA:-/var/cache/rdna1-kfd-guard/metadata}
modules=${DKMS_MODULES:-/lib/modules}
# What DKMS takes for: not to be built for this kernel, and no failure.
SKIPPED=77

say() {
	echo "$module: $*" >&2
}

version() {
	sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "${0%/*}/../dkms.conf"
}

# kernels: those that modules can be built for here, the newest last.
kernels() {
	for build in "$modules"/*/build; do
		[ ! -e "$build/Makefile" ] || echo "$build"
	done | sed 's|/build$||; s|.*/||' | sort -V
}

# lacks KERNEL: has it Rust, but not the metadata in its headers?
lacks() {
	use_kernel "$modules/$1/build"
	[ "$(config RUST)" = y ] && [ -z "$metadata" ]
}

# provide KERNEL [--check]: makes the metadata of the kernel that use_kernel was
# asked about, or says what is missing. Only Debian's can be made.
provide() {
	if is_debian_kernel "$1"; then
		"$makes" --installed ${2+"$2"} "$1" "$kept"
	else
		"${0%/*}/preflight.sh" "$kdir"
	fi
}

# One that is kept beside a newer one need not fail what apt is doing.
is_spare() {
	[ "$1" != "$(uname -r)" ] && [ "$1" != "$(kernels | tail -n 1)" ]
}

# A kernel that apt is setting up must not fail for want of what may be on its
# way, and leave all of that run half done: we are told when it is there (renew).
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
