#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers of another build of the kernel: one Rust symbol that the module
# imports has another version. The mismatch shows only when the module is loaded.
# shellcheck source-path=SCRIPTDIR source=versions.sh
. "${0%/*}/versions.sh"

sed "/	$symbol	/s/^0x[0-9a-f]*/0x0badbad0/" /mnt/object/Module.symvers > "$headers/Module.symvers"
build
is_quiet
