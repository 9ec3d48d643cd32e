#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh: builds the program that calls libhsakmt in the build root of a kernel.
# Copies it to the guest with its libraries and their loader. If the release has no
# libhsakmt, the guest gets the reason instead. `cc` is the kernel's C compiler.
set -eu

made=/mnt/made/guest
mkdir -p "$made/hsakmt"
if ! version=$(dpkg-query -W -f '${Version}' libhsakmt-dev 2> /dev/null); then
	. /etc/os-release
	echo "$PRETTY_NAME has no libhsakmt" > "$made/hsakmt/none"
	exit
fi
echo "$version" > "$made/hsakmt/version"
program=$made/hsakmt/topology
"${cc:?}" -std=gnu11 -O2 -Wall -Wextra -Werror -o "$program" /mnt/from/*.c -lhsakmt
# Keep each path: the guest's loader has no configuration.
for library in $(ldd "$program" | grep -o '/[^ ]*'); do
	install -D "$library" "$made$library"
done
