# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What a kernel's build folder says of itself, and which of the compilers here
# are the kernel's. Read by the other scripts, not run.

# Where Ubuntu's package linux-lib-rust-RELEASE puts the Rust metadata.
ubuntu_metadata() {
	echo "${USR_SRC:-/usr/src}/linux-lib-rust-$release/rust"
}

# use_kernel KDIR: sets kdir, release, config (the file of CONFIG_ lines) and
# metadata (the folder of the Rust metadata); empty where it cannot be known.
use_kernel() {
	kdir=$1 release='' config='' metadata=''
	[ ! -r "$kdir/include/config/kernel.release" ] ||
		read -r release < "$kdir/include/config/kernel.release" || :
	if [ -z "$release" ]; then
		# Not there, or not prepared yet: the folder's name, the version.
		case $kdir in
		*/lib/modules/*/build) release=${kdir%/build} release=${release##*/} ;;
		*) release=$(tree_version "$kdir/Makefile") ;;
		esac
	fi
	# The last is the running kernel's own, where it was built so.
	for config in "$kdir/include/config/auto.conf" "$kdir/.config" "/boot/config-$release" \
		"/lib/modules/$release/config" /proc/config.gz; do
		[ ! -r "$config" ] || break
	done
	[ -r "$config" ] && { [ "$config" != /proc/config.gz ] || [ "$release" = "$(uname -r)" ]; } || config=
	# In Ubuntu 24.04 the link of the headers leads to a name that no package has.
	for metadata in "$kdir/rust" "$(ubuntu_metadata)"; do
		! any "$metadata"/*.rmeta || break
	done
	any "$metadata"/*.rmeta || metadata=
}

# any FILE...: does any of these files exist?
any() {
	for file; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# tree_version MAKEFILE: the version that a source tree's Makefile begins with.
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

# kernel_rustc: what the rustc that made the kernel's metadata calls itself: the
# metadata begins with it. The configuration can name an older one.
kernel_rustc() {
	made_by=
	! any "$metadata/libcore.rmeta" || made_by=$(head -c 256 "$metadata/libcore.rmeta" |
		LC_ALL=C tr -c '[:print:]' '\n' | sed -n 's/^.*\(rustc [0-9].*\)$/\1/p')
	if [ -n "$made_by" ]; then echo "$made_by"; else config RUSTC_VERSION_TEXT; fi
}

# rustc_number TEXT: 1.85 of "rustc 1.85.1 (...)".
rustc_number() {
	number=${1#rustc }
	number=${number%%[ -]*}
	echo "${number%.*}"
}

# find_rustc TEXT: the rustc that calls itself TEXT. The first one in PATH is
# often rustup's, while kernels are built with the distribution's.
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
