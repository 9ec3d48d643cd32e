# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# The common part of the scripts here. Each lays out header folders as a distribution does, and
# builds the module there with the repository's Makefile. modproof runs it in the build root of a
# kernel (see qemu/README.md), with these folders below /mnt: the kernel's `source` and build folder
# (`object`), the headers package of a stock kernel (`stock`), this repository (`from`) and the
# module as modproof built it (`built/module`).
set -eu

release=$(cat /mnt/object/include/config/kernel.release)
# Replaces /usr/src, which belongs to the build root.
export USR_SRC=/mnt/src
headers=$USR_SRC/linux-headers-$release
mkdir "$USR_SRC"

# fail WORD...: prints the reason and exits with 1; the harness then fails.
fail() {
	echo "$*" >&2
	exit 1
}

# separate_headers: a build folder whose source is elsewhere, without metadata.
separate_headers() {
	mkdir "$headers"
	printf '%s\n' "export KBUILD_OUTPUT = $headers" 'include /mnt/source/Makefile' > "$headers/Makefile"
	for file in /mnt/object/.config /mnt/object/*; do
		case ${file##*/} in
		Makefile | rust | source) ;;
		*) ln -s "$file" "$headers" ;;
		esac
	done
}

# merged_headers: one folder with the kernel's Makefile and what it includes, without
# metadata and vmlinux.
merged_headers() {
	mkdir "$headers"
	cp -as /mnt/object/. "$headers"
	for path in Makefile Kbuild Kconfig include scripts arch; do
		cp -as --remove-destination "/mnt/source/$path" "$headers"
	done
	rm -rf "$headers/rust" "$headers/vmlinux" "$headers/source"
}

# metadata FOLDER: copies the Rust metadata that kernel packages contain.
metadata() {
	mkdir -p "$1"
	cp /mnt/object/rust/*.rmeta /mnt/object/rust/*.so "$1"
}

# type_information: links the kernel's vmlinux, from which modules get their BTF.
type_information() {
	for vmlinux in /mnt/stock/vmlinux /mnt/object/vmlinux; do
		[ -e "$vmlinux" ] || continue
		ln -s "$vmlinux" "$headers/vmlinux"
		return
	done
	fail "there is no vmlinux for $release"
}

# build WORD...: runs `make` for these headers. Its output goes to /mnt/made/said, the
# module to the guest.
build() {
	cd /mnt/from
	cp -R Makefile Kbuild dkms.conf scripts src rust-bindings /mnt/made
	cd /mnt/made
	rm -f rust-bindings/kfd_uapi.rs
	if ! make KDIR="$headers" "$@" > said 2>&1; then
		cat said
		fail "the module is not built"
	fi
	cat said
	mkdir -p guest/modules
	objcopy --strip-debug rdna1_kfd_guard.ko guest/modules/rdna1_kfd_guard.ko
}

# is_quiet: fails if the build printed a warning.
is_quiet() {
	! grep -i warning: /mnt/made/said || fail "the build warns"
}
