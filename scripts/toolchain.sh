#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# toolchain.sh KDIR: prints, as words for make, the compilers that the kernel of that
# build folder was built with. Adds the path of the Rust metadata if it lies outside of
# the folder. CC, LLVM and RUSTC in the environment are the user's choice and win.
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"

use_kernel "$1"
words=$(compiler) || words=
rustc=$(find_rustc "$(kernel_rustc)") && words="$words RUSTC=$rustc"
case $metadata in
"$kdir/rust" | '') ;;
*) words="$words KRUSTFLAGS=-L$metadata" ;;
esac
echo "$words"
