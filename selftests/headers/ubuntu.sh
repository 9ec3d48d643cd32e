#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers like Ubuntu's: rust/ links to the package linux-lib-rust-RELEASE.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

merged_headers
metadata "$USR_SRC/linux-lib-rust-$release/rust"
ln -s "../linux-lib-rust-$release/rust" "$headers/rust"
build
is_quiet
