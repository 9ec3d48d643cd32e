#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What DKMS needs beside the sources, where a kernel's headers lack the Rust
# metadata, as Debian's do. It is made once for each kernel, in minutes, and
# kept in the folder that dkms.conf names: the next version of this module is
# then built in seconds, also for a kernel whose source is gone by then.
#
# dkms-metadata.sh build KERNEL KDIR   before each build (PRE_BUILD)
# dkms-metadata.sh check               says which kernels lack what; builds nothing
# dkms-metadata.sh renew               after headers or sources came or went:
#                                      builds what can be built now, and removes
#                                      the metadata of kernels that are gone
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"

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

has_metadata() {
	for file in "$1"/rust/*.rmeta; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# concerns KERNEL: has it Rust, but not the metadata in its headers?
concerns() {
	use_kernel "$modules/$1/build"
	[ "$(config RUST)" = y ] && ! has_metadata "$kdir"
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
	! has_metadata "$2" || return 0
	have dpkg-query || {
		say "$2 has no Rust metadata (rust/*.rmeta). Install headers that have it, or build with: dkms build --kernelsourcedir FOLDER"
		return 1
	}
	mkdir -p "$kept"
	! "$makes" --installed "$1" "$kept" || return 0
	if is_being_set_up; then
		say "kernel $1: left out for now, and built when what is missing comes"
		return $SKIPPED
	fi
	is_spare "$1" || return 1
	say "kernel $1 is neither running nor the newest here: left out"
	return $SKIPPED
}

check() {
	mkdir -p "$kept"
	for kernel in $(kernels); do
		concerns "$kernel" || continue
		"$makes" --installed --check "$kernel" "$kept" || :
	done
}

renew() {
	mkdir -p "$kept"
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
		concerns "$kernel" || continue
		! dkms status -m $module -k "$kernel" | grep -q ': installed' || continue
		"$makes" --installed --check "$kernel" "$kept" 2> /dev/null || continue
		dkms install -m $module -v "$(version)" -k "$kernel" || say "not built for $kernel"
	done
}

case $*-$# in
build\ *-3) build "$2" "$3" ;;
check-1) check ;;
renew-1) renew ;;
*)
	say "usage: $0 build KERNEL KDIR | check | renew"
	exit 2
	;;
esac
