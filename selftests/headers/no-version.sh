#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers that lack one Rust symbol that the module imports. The build
# fails; with KBUILD_MODPOST_WARN=1 it warns.
# shellcheck source-path=SCRIPTDIR source=versions.sh
. "${0%/*}/versions.sh"

sed "/	$symbol	/d" /mnt/object/Module.symvers > "$headers/Module.symvers"
! (build) > /mnt/made/refused 2>&1 || fail "the build does not fail"
grep "ERROR: .*$symbol.* undefined" /mnt/made/refused || fail "the build does not say why it fails"
build KBUILD_MODPOST_WARN=1
grep "WARNING: .*$symbol.* undefined" /mnt/made/said || fail "the build does not warn"
