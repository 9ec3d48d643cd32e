#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers like Proxmox's: without Rust metadata, for a kernel with symbol
# versions. Makes the metadata from the kernel's source, as scripts/remedies.txt says.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

mkdir "$headers"
cp /mnt/object/.config "$headers"
version=$(make -s -C /mnt/source kernelversion)
make -C /mnt/source O="$headers" LOCALVERSION="${release#"$version"}" -j"$(nproc)" \
	olddefconfig modules_prepare > /mnt/made/prepared 2>&1 || {
	tail /mnt/made/prepared
	fail "the kernel's source is not prepared"
}
cp /mnt/object/Module.symvers "$headers"
build
is_quiet
