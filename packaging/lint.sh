#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Checks the sources of the RPM and Arch packages with the distributions' own linters, as
# packaged for Debian. Any finding fails. Arch's linter, namcap, is not packaged for Debian.
set -eu
cd "${0%/*}"

rpmlint --strict --config rpm/rpmlint.toml rpm/rdna1-kfd-guard.spec
# Can rpm parse the spec, and is each macro defined? Debian lacks systemd's macros.
expanded=$(rpmspec --define '_udevrulesdir /usr/lib/udev/rules.d' --parse rpm/rdna1-kfd-guard.spec)
if left=$(echo "$expanded" | grep '%{'); then
	echo "rpmspec knows no such macro: $left" >&2
	exit 1
fi

shellcheck arch/PKGBUILD
# makepkg needs a writable folder and refuses to run as root. It also looks for a pacman,
# which it does not run here: `true` will do.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp arch/PKGBUILD "$work"
chmod 777 "$work"
user=
[ "$(id -u)" != 0 ] || user='runuser -u nobody --'
# shellcheck disable=SC2086 # words are meant
described=$(cd "$work" && HOME=$work PACMAN=true $user makepkg --printsrcinfo)
[ "$(echo "$described" | grep -c '^pkgname = ')" = 2 ] || {
	echo "makepkg sees other packages than two: $described" >&2
	exit 1
}
