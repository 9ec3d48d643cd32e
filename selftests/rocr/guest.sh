#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh: builds for the guest what stands in for a card's driver, and the
# programs beside it. `cc` is the kernel's C compiler. Their libraries come from
# the release that is tried.
set -eu

made=/mnt/made/guest/rocr
mkdir -p "$made"
cd /mnt/from
build() {
	"${cc:?}" -std=gnu11 -O2 -Wall -Wextra -Werror "$@"
}
build -shared -fPIC -o "$made/stand_in.so" stand_in.c kfd.c events.c render.c
build -shared -fPIC -o "$made/other_file.so" other_file.c
build -o "$made/pools" pools.c -lhsa-runtime64
