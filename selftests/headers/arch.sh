#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Arch's headers: one folder, with the kernel's Makefile, what it includes, and
# vmlinux. Of rust/ there are *.rmeta and *.so alone, not its Makefile. Fedora's
# differ in having that.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

merged_headers
metadata "$headers/rust"
type_information
build
is_quiet
objdump -h /mnt/made/rdna1_kfd_guard.ko | grep -qF .BTF || fail "the module has no BTF"
