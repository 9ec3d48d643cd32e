# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What a kernel's build folder says of itself, and which of the compilers here
# are the kernel's. Read by the other scripts, not run.

# use_kernel KDIR: sets kdir, release, source (the tree with rust/Makefile)
# and config (the file of CONFIG_ lines); empty where it cannot be known.
use_kernel() {
	kdir=$1 release='' source='' config=''
	[ ! -r "$kdir/include/config/kernel.release" ] ||
		read -r release < "$kdir/include/config/kernel.release" || :
	if [ -z "$release" ]; then
		# Not there, or not prepared yet: the folder's name, the version.
		case $kdir in
		*/lib/modules/*/build) release=${kdir%/build} release=${release##*/} ;;
		*) release=$(tree_version "$kdir/Makefile") ;;
		esac
	fi
	included=$(sed -n 's|^include \(/.*\)/Makefile$|\1|p' "$kdir/Makefile" 2> /dev/null) || :
	for source in "$kdir" "$kdir/source" "$included"; do
		[ ! -r "$source/rust/Makefile" ] || break
	done
	[ -r "$source/rust/Makefile" ] || source=
	for config in "$kdir/include/config/auto.conf" "$kdir/.config" "/boot/config-$release"; do
		[ ! -r "$config" ] || break
	done
	[ -r "$config" ] || config=
}

# tree_version MAKEFILE: the version that a source tree's Makefile begins with.
tree_version() {
	sed -n -e '/^VERSION *= */{s///;h;}' -e '/^PATCHLEVEL *= */{s///;H;}' \
		-e '/^SUBLEVEL *= */{s///;H;x;s/\n/./gp;q;}' "$1" 2> /dev/null || :
}

# config NAME: the value of CONFIG_NAME, without quotes.
config() {
	[ -z "$config" ] || sed -n "/^CONFIG_$1=/{s///;s/^\"\(.*\)\"\$/\1/;p;q;}" "$config"
}

have() {
	command -v "$1" > /dev/null 2>&1
}

# find_rustc TEXT: the rustc that calls itself TEXT. The first one in PATH is
# often rustup's, while kernels are built with the distribution's.
find_rustc() {
	number=${1#rustc }
	number=${number%%[ -]*}
	for candidate in ${RUSTC:-rustc "rustc-${number%.*}" /usr/bin/rustc}; do
		if [ "$("$candidate" --version 2> /dev/null)" = "$1" ]; then
			echo "$candidate"
			return
		fi
	done
	return 1
}

# clang_major: 19 for a kernel built with clang 19.
clang_major() {
	number=$(config CLANG_VERSION)
	echo $((${number:-0} / 10000))
}

# compiler: how the kernel's C compiler is called here, as a word for make;
# fails where it is absent. Clang's version text does not tell its command.
compiler() {
	if [ -n "${CC-}" ]; then
		have "$CC" && echo "CC=$CC"
	elif [ -n "${LLVM-}" ]; then
		echo "LLVM=$LLVM"
	elif [ "$(config CC_IS_CLANG)" = y ]; then
		if have "clang-$(clang_major)"; then
			echo "LLVM=-$(clang_major)"
		else
			have clang && echo LLVM=1
		fi
	else
		named=$(config CC_VERSION_TEXT)
		named=${named%% *}
		have "${named:=gcc}" && echo "CC=$named"
	fi
}
