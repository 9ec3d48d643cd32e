#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# set-maintainer.sh 'NAME <ADDRESS>': writes the packages' maintainer into every file that
# names one. tests/version.rs fails if those files differ.
set -eu
cd "${0%/*}/.."

case $#-${1-} in
1-?*' <'?*@?*'>') ;;
*)
	echo "usage: $0 'NAME <ADDRESS>'" >&2
	exit 2
	;;
esac
old=$(sed -n 's/^Maintainer: //p' debian/control)
for file in debian/control debian/changelog packaging/rpm/rdna1-kfd-guard.spec packaging/arch/PKGBUILD; do
	# index, not a pattern: an address has dots.
	OLD=$old NEW=$1 awk '{
		at = index($0, ENVIRON["OLD"])
		if (at) $0 = substr($0, 1, at - 1) ENVIRON["NEW"] substr($0, at + length(ENVIRON["OLD"]))
		print
	}' "$file" > "$file.new"
	mv "$file.new" "$file"
done
