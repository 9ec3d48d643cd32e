#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# preflight.sh KDIR: checks that the module can be built for the kernel of that build
# folder. Lists everything that is missing, each item with its remedy, and fails;
# prints nothing if all is there.
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"
# shellcheck source-path=SCRIPTDIR source=remedies.sh
. "${0%/*}/remedies.sh"

if [ $# -ne 1 ]; then
	echo "usage: $0 KDIR" >&2
	exit 2
fi

list=
linker=

# missing WHAT DETAIL [REMEDY]: adds an item to the list. REMEDY is the item's name in
# remedies.txt; default: WHAT.
missing() {
	list="$list
- $1: $2
    next: $(remedy "${3:-$1}")"
}

check_folder() {
	if [ ! -e "$kdir/Makefile" ]; then
		missing 'kernel headers' "$kdir is no kernel build folder"
		return
	fi
	any "$kdir/scripts/module.lds" "$kdir"/arch/*/module.lds ||
		missing module.lds "$kdir/scripts has none: the folder is not prepared for modules"
	[ -e "$kdir/Module.symvers" ] ||
		missing Module.symvers "$kdir has none: what the kernel exports is not known"
}

# The oldest supported kernel.
floor=$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL_MIN="\(.*\)"$/\1/p' "${0%/*}/../dkms.conf")

check_version() {
	major=${release%%.*}
	minor=${release#*.}
	minor=${minor%%[!0-9]*}
	case $major.$minor in
	. | *[!0-9.]* | .* | *.) return ;;
	esac
	[ "$major" -gt "${floor%.*}" ] ||
		{ [ "$major" -eq "${floor%.*}" ] && [ "$minor" -ge "${floor#*.}" ]; } ||
		missing 'newer kernel' "this is $release; the module needs $floor or newer"
}

check_config() {
	if [ -z "$config" ]; then
		# check_folder has reported a missing build folder.
		[ ! -e "$kdir/Makefile" ] ||
			missing 'kernel configuration' "neither .config nor include/config/auto.conf in $kdir"
		return
	fi
	for name in RUST DEBUG_FS; do
		[ "$(config $name)" = y ] || missing "CONFIG_$name" "not set in $config"
	done
}

# Looks at suffixes only: the names of the files differ between kernels.
check_metadata() {
	# Missing headers are reported already. They bring the metadata, except Debian's and
# Ubuntu's.
	case $family in
	debian | ubuntu) ;;
	*) [ -e "$kdir/Makefile" ] || return 0 ;;
	esac
	# For a kernel without Rust there is no metadata to install or make.
	next=
	case $list in
	*'- newer kernel: '* | *'- CONFIG_RUST: '*) next='no Rust metadata' ;;
	esac
	if [ -z "$metadata" ]; then
		missing 'Rust metadata' "$kdir has no rust/*.rmeta$(dangling)" "$next"
	elif ! any "$metadata"/*.so; then
		missing 'Rust metadata' "$metadata has no *.so (the macros)" "$next"
	elif [ "$(config RUST_INLINE_HELPERS)" = y ] && [ ! -e "$kdir/rust/helpers/helpers_module.bc" ]; then
		missing 'Rust metadata' "$kdir has no rust/helpers/helpers_module.bc, which CONFIG_RUST_INLINE_HELPERS wants" 'Rust helpers'
	fi
}

# dangling: prints the target of the headers' link to the metadata, if it is broken.
dangling() {
	[ ! -h "$kdir/rust" ] || any "$kdir/rust" || echo " (rust is a link to $(readlink "$kdir/rust"), which is not there)"
}

check_rustc() {
	wanted=$(kernel_rustc)
	if [ -z "$wanted" ]; then
		have "${RUSTC:-rustc}" || missing rustc "no ${RUSTC:-rustc} in PATH" 'any rustc'
	elif ! find_rustc "$wanted" > /dev/null; then
		found=$("${RUSTC:-rustc}" --version 2> /dev/null) || found="none called ${RUSTC:-rustc}"
		missing rustc "the kernel's Rust code was built with \"$wanted\", here is ${found:-none}"
	fi
}

# bindgen loads libclang at run time, so only a run shows whether it is missing.
check_bindgen() {
	bindgen=${BINDGEN:-bindgen}
	if ! have "$bindgen"; then
		missing bindgen "no $bindgen in PATH"
		return
	fi
	said=$("$bindgen" /dev/null -- -x c 2>&1 > /dev/null) && return
	case $said in
	*libclang*) missing libclang "$bindgen does not find it" ;;
	*) missing bindgen "$(command -v "$bindgen") does not work: $said" ;;
	esac
}

check_compiler() {
	# Without a configuration the kernel's compiler is unknown: clang or gcc will do for now.
	[ -n "$config" ] || ! have clang || return 0
	if ! word=$(compiler); then
		named=$(config CC_VERSION_TEXT)
		kind=gcc
		[ "$(config CC_IS_CLANG)" != y ] || kind=clang word=LLVM=1
		missing 'C compiler' "no ${CC:-${named:-gcc}} here" $kind
	fi
	case $word in
	LLVM=-*) linker=ld.lld${word#LLVM=} ;;
	LLVM=*) linker=ld.lld ;;
	*) linker=ld ;;
	esac
	kind=ld
	[ "$linker" = ld ] || kind=lld
	have "$linker" || missing linker "no $linker in PATH" $kind
}

check_tools() {
	have make || missing make 'no make in PATH'
	# The kernel's build makes type information for modules, with pahole, if vmlinux is there.
	[ "$(config DEBUG_INFO_BTF_MODULES)" != y ] || [ ! -e "$kdir/vmlinux" ] ||
		have "${PAHOLE:-pahole}" || missing pahole "no ${PAHOLE:-pahole} in PATH"
}

use_kernel "$1"
know_distribution
check_folder
check_version
check_config
check_metadata
check_rustc
check_bindgen
check_compiler
check_tools

[ -n "$list" ] || exit 0
printf '%s\n' "The module cannot be built for kernel ${release:-(unknown)} in $kdir yet. Missing on ${system:-this system}:
$list
" >&2
exit 1
