#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install|uninstall KDIR STAGE: puts the built module where the
# kernel's own build installs modules from outside, below STAGE if that is not
# empty; or removes it from there. SUDO names the command that gives root's
# rights, if any is needed. INSTALL_MOD_DIR and INSTALL_MOD_STRIP are as in the
# kernel's build.
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"

module=rdna1_kfd_guard

die() {
	echo "$@" >&2
	exit 1
}

[ $# -eq 3 ] || die "usage: $0 install|uninstall KDIR STAGE"
action=$1 stage=$3
use_kernel "$2"
[ -n "$release" ] || die "which kernel is $kdir of? Name its build folder with KDIR="
place=$stage/lib/modules/$release/${INSTALL_MOD_DIR:-updates}

# The list of modules is only renewed where the kernel's own modules are, not
# in a folder that is to become a package.
renew_list() {
	[ -e "$stage/lib/modules/$release/modules.order" ] || return 0
	PATH=$PATH:/usr/sbin:/sbin
	have depmod || die "there is no depmod here: install kmod, then run: depmod $release"
	$SUDO depmod ${stage:+-b "$stage"} "$release"
}

install_module() {
	[ -e $module.ko ] || die "there is no $module.ko to install: run \`make\` first"
	# A module for another kernel would be installed as readily, and not load.
	grep -aq "vermagic=$release " $module.ko ||
		die "$module.ko is not for kernel $release: run \`make\` for it first"
	set -- INSTALL_MOD_PATH="$stage" INSTALL_MOD_DIR="${INSTALL_MOD_DIR:-updates}" \
		INSTALL_MOD_STRIP="${INSTALL_MOD_STRIP:-1}"
	# Distributions keep their signing key: without it signing only complains.
	[ -e "$kdir/certs/signing_key.pem" ] || [ -e "$kdir/$(config MODULE_SIG_KEY)" ] ||
		set -- "$@" CONFIG_MODULE_SIG_ALL=
	# The kernel's build would renew the list by a System.map that is not there.
	said=$($SUDO env -u MAKEFLAGS -u MAKELEVEL make -C "$kdir" M="$PWD" "$@" \
		modules_install 2>&1) || die "$said"
	set -- "$place/$module.ko"*
	[ -e "$1" ] || die "the kernel's build has installed no $place/$module.ko"
	renew_list
	echo "installed $1"
}

uninstall_module() {
	removed=
	for file in "$place/$module.ko" "$place/$module.ko.gz" "$place/$module.ko.xz" \
		"$place/$module.ko.zst"; do
		[ -e "$file" ] || continue
		$SUDO rm -f "$file"
		removed="$removed $file"
	done
	if [ -z "$removed" ]; then
		echo "no $module.ko in $place: nothing to remove"
		return
	fi
	$SUDO rmdir --ignore-fail-on-non-empty "$place"
	renew_list
	echo "removed$removed"
}

case $action in
install) install_module ;;
uninstall) uninstall_module ;;
*) die "usage: $0 install|uninstall KDIR STAGE" ;;
esac
