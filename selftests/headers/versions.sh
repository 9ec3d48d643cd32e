# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Lays out headers without Module.symvers, for scripts that write a changed one. Sets
# `symbol` to a Rust symbol that the module imports.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

separate_headers
rm "$headers/Module.symvers"
metadata "$headers/rust"
symbol=$(nm --undefined-only /mnt/built/module/rdna1_kfd_guard.ko | sed -n 's/^ *U \(_R.*\)$/\1/p' | head -n 1)
[ -n "$symbol" ] || fail "the module takes no Rust symbol"
