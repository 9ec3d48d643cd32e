# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions that read a kernel's build folder and find the compilers that the kernel
# was built with. The other scripts source this file.

# ubuntu_metadata: the metadata folder of Ubuntu's package linux-lib-rust-RELEASE.
ubuntu_metadata() {
	echo "${USR_SRC:-/usr/src}/linux-lib-rust-$release/rust"
}

# use_kernel KDIR: sets kdir, release, config (the file of CONFIG_ lines) and
# metadata (the folder of the Rust metadata). A value that it cannot find is empty.
use_kernel() {
	kdir=$1 release='' config='' metadata=''
	[ ! -r "$kdir/include/config/kernel.release" ] ||
		read -r release < "$kdir/include/config/kernel.release" || :
	if [ -z "$release" ]; then
		# The folder is missing or not prepared: use its path, or the Makefile's version.
		case $kdir in
		*/lib/modules/*/build) release=${kdir%/build} release=${release##*/} ;;
		*) release=$(tree_version "$kdir/Makefile") ;;
		esac
	fi
	# /proc/config.gz counts only if KDIR is for the running kernel.
	for config in "$kdir/include/config/auto.conf" "$kdir/.config" "/boot/config-$release" \
		"/lib/modules/$release/config" /proc/config.gz; do
		[ ! -r "$config" ] || break
	done
	[ -r "$config" ] && { [ "$config" != /proc/config.gz ] || [ "$release" = "$(uname -r)" ]; } || config=
	# In Ubuntu 24.04 the headers' link `rust` is broken: no package has its target.
	for metadata in "$kdir/rust" "$(ubuntu_metadata)"; do
		! any "$metadata"/*.rmeta || break
	done
	any "$metadata"/*.rmeta || metadata=
}

any() {
	for file; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# tree_version MAKEFILE: the kernel version at the start of a source tree's Makefile.
tree_version() {
	sed -n -e '/^VERSION *= */{s///;h;}' -e '/^PATCHLEVEL *= */{s///;H;}' \
		-e '/^SUBLEVEL *= */{s///;H;x;s/\n/./gp;q;}' "$1" 2> /dev/null || :
}

# config NAME: the value of CONFIG_NAME, without quotes.
config() {
	case $config in
	'') ;;
	*.gz) gzip -dc "$config" ;;
	*) cat "$config" ;;
	esac | sed -n "/^CONFIG_$1=/{s///;s/^\"\(.*\)\"\$/\1/;p;}" | head -n 1
}

have() {
	command -v "$1" > /dev/null 2>&1
}

# kernel_rustc: the version text of the kernel's rustc. Prefer the text at the start of
# the metadata: the configuration may name an older rustc.
kernel_rustc() {
	made_by=
	! any "$metadata/libcore.rmeta" || made_by=$(head -c 256 "$metadata/libcore.rmeta" |
		LC_ALL=C tr -c '[:print:]' '\n' | sed -n 's/^.*\(rustc [0-9].*\)$/\1/p')
	if [ -n "$made_by" ]; then echo "$made_by"; else config RUSTC_VERSION_TEXT; fi
}

# rustc_number TEXT: for "rustc 1.85.1 (...)" it prints 1.85.
rustc_number() {
	number=${1#rustc }
	number=${number%%[ -]*}
	echo "${number%.*}"
}

# find_rustc TEXT: the rustc whose version text is TEXT. The first rustc in PATH is
# often rustup's, but kernels are built with the distribution's.
find_rustc() {
	for candidate in ${RUSTC:-rustc "rustc-$(rustc_number "$1")" /usr/bin/rustc}; do
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

# compiler: the kernel's C compiler as a word for make (CC= or LLVM=); fails if it is
# missing. Clang's version text does not contain the command's name.
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
