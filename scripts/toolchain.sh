#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# toolchain.sh KDIR: prints, as words for make, the compilers that the kernel
# of that build folder was built with. CC, LLVM and RUSTC in the environment
# are the user's own choice and win.
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"

use_kernel "$1"
words=$(compiler) || words=
rustc=$(find_rustc "$(config RUSTC_VERSION_TEXT)") && words="$words RUSTC=$rustc"
echo "$words"
