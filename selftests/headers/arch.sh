#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers laid out as Arch's: one folder with the kernel's Makefile, the
# files that it includes, and vmlinux. Their rust/ has only *.rmeta and *.so.
# Fedora's also has rust/Makefile.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

merged_headers
metadata "$headers/rust"
type_information
build
is_quiet
objdump -h /mnt/made/rdna1_kfd_guard.ko | grep -qF .BTF || fail "the module has no BTF"
