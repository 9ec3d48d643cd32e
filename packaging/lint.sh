#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Looks over what RPM and Arch packages are made from, with the distributions'
# own tools as Debian has them. Any word of theirs is a failure. Namcap, Arch's
# linter, is in no Debian package: it is left out.
set -eu
cd "${0%/*}"

rpmlint --strict --config rpm/rpmlint.toml rpm/rdna1-kfd-guard.spec
# Is each macro defined, and does rpm take it for a spec? Debian lacks systemd's macros.
expanded=$(rpmspec --define '_udevrulesdir /usr/lib/udev/rules.d' --parse rpm/rdna1-kfd-guard.spec)
if left=$(echo "$expanded" | grep '%{'); then
	echo "rpmspec knows no such macro: $left" >&2
	exit 1
fi

shellcheck arch/PKGBUILD
# makepkg wants a folder that it may write to, not to be root, and a pacman,
# which it does not run for this.
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
