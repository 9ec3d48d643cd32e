#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Builds in headers like those of Ubuntu 24.04's newer kernels: the link rust/ is
# dangling, although linux-lib-rust-RELEASE is installed under another name.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "${0%/*}/common.sh"

merged_headers
metadata "$USR_SRC/linux-lib-rust-$release/rust"
ln -s ../linux-hwe-7.0-lib-rust-7.0.0-1/rust "$headers/rust"
build
is_quiet
