#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# set-version.sh VERSION: writes the version into every file that names it.
# tests/version.rs fails if those files differ.
set -eu
cd "${0%/*}/.."

[ $# -eq 1 ] || {
	echo "usage: $0 VERSION" >&2
	exit 2
}
new=$1
old=$(scripts/stage.sh version)
case $new in
*[!0-9.]* | .* | *. | *..*) echo "$new is no version, as $old is" >&2 && exit 1 ;;
esac

replace() {
	grep -q "$1" "$3" || { echo "$3 does not say version $old" >&2 && exit 1; }
	sed -i "s/$1/$2/" "$3"
}

dots=$(echo "$old" | sed 's/\./\\./g')
replace "^PACKAGE_VERSION=\"$dots\"" "PACKAGE_VERSION=\"$new\"" dkms.conf
replace "^version = \"$dots\"" "version = \"$new\"" Cargo.toml
# The array's length is that of "version=", the number and a NUL.
replace "\[u8; [0-9]*\] = \*b\"version=$dots" "[u8; $((${#new} + 9))] = *b\"version=$new" src/rdna1_kfd_guard.rs
replace "^Version: *$dots" "Version:        $new" packaging/rpm/rdna1-kfd-guard.spec
replace "^pkgver=$dots" "pkgver=$new" packaging/arch/PKGBUILD

# The workspace's own crates have no `source` in the lock file.
awk -v old="version = \"$old\"" -v new="version = \"$new\"" '
	function flush() {
		if (block !~ /\nsource = /) sub("\n" old, "\n" new, block)
		printf "%s", block
		block = ""
	}
	/^$/ { flush() }
	{ block = block $0 "\n" }
	END { flush() }
' Cargo.lock > Cargo.lock.new
mv Cargo.lock.new Cargo.lock

maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
{
	printf 'rdna1-kfd-guard (%s-1) unstable; urgency=medium\n\n' "$new"
	printf '  * New version; docs/changelog.md says what is new.\n\n'
	printf ' -- %s  %s\n\n' "$maintainer" "$(LC_ALL=C date -R)"
	cat debian/changelog
} > debian/changelog.new
mv debian/changelog.new debian/changelog
