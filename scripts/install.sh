#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install|uninstall KDIR STAGE: installs the built module, or removes it. The
# folder is the one that the kernel's build uses for external modules, below STAGE if
# that is not empty. SUDO names the command that gives root's rights, if one is
# needed. INSTALL_MOD_DIR and INSTALL_MOD_STRIP are as in the kernel's build.
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

# Runs depmod only in a folder with the kernel's own modules, not in a package's
# staging folder.
renew_list() {
	[ -e "$stage/lib/modules/$release/modules.order" ] || return 0
	PATH=$PATH:/usr/sbin:/sbin
	have depmod || die "there is no depmod here: install kmod, then run: depmod $release"
	$SUDO depmod ${stage:+-b "$stage"} "$release"
}

install_module() {
	[ -e $module.ko ] || die "there is no $module.ko to install: run \`make\` first"
	# The kernel's build would install a module for another kernel, too; it would not load.
	grep -aq "vermagic=$release " $module.ko ||
		die "$module.ko is not for kernel $release: run \`make\` for it first"
	set -- INSTALL_MOD_PATH="$stage" INSTALL_MOD_DIR="${INSTALL_MOD_DIR:-updates}" \
		INSTALL_MOD_STRIP="${INSTALL_MOD_STRIP:-1}"
	# Distributions do not ship their signing key. Without it, signing only prints errors.
	[ -e "$kdir/certs/signing_key.pem" ] || [ -e "$kdir/$(config MODULE_SIG_KEY)" ] ||
		set -- "$@" CONFIG_MODULE_SIG_ALL=
	# The kernel's build cannot run depmod here, as there is no System.map: renew_list does.
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
