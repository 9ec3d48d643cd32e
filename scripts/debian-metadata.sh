#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# debian-metadata.sh [--installed [--check]] ABI FOLDER: makes FOLDER/ABI, a build folder
# for the stock Debian kernel ABI (as uname -r prints it) with the Rust metadata
# that Debian's headers package lacks. It builds the source package of exactly the
# kernel's version, with the kernel's compilers. An interrupted run is resumed.
#
# --installed downloads and installs nothing, so that apt can run it: it lists the
# packages that are missing and fails. --check only looks for them.
set -eu
# shellcheck source-path=SCRIPTDIR source=kernel.sh
. "${0%/*}/kernel.sh"
# shellcheck source-path=SCRIPTDIR source=remedies.sh
. "${0%/*}/remedies.sh"

# The kernel's build must not join the jobs of the make that runs this.
unset MAKEFLAGS MAKELEVEL

NEEDED_MB=3000
BUILD_PACKAGES='make bison flex bc kmod pahole xz-utils binutils libc6-dev libelf-dev libdw-dev
	libssl-dev python3-minimal rustc rustfmt rust-src bindgen libclang-dev'

say() {
	echo "metadata: $*" >&2
}

die() {
	say "$@"
	exit 1
}

installed='' only_check=''
[ "${1-}" != --installed ] || { installed=yes && shift; }
[ "${installed:+${1-}}" != --check ] || { only_check=yes && shift; }
[ $# -eq 2 ] || die "usage: $0 [--installed [--check]] ABI FOLDER"
abi=$1 folder=$2
case $abi in
'' | */* | *[[:space:]]*) die "'$abi' is no kernel release: name it as uname -r does" ;;
esac
know_distribution
is_debian_kernel "$abi" ||
	die "this makes the metadata of Debian's kernels. $abi, on ${system:-another system}, is none of them: \`make\` tells what it needs"

final=$folder/$abi
work=$folder/$abi.partial
log=$folder/$abi.log

# need_root WHY: asks for the password now, before output goes to the log.
need_root() {
	[ "$(id -u)" != 0 ] || return 0
	have sudo || die "root's rights are needed and there is no sudo. $1"
	sudo -v || die "root's rights are needed and sudo does not give them. $1"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# logged COMMAND...: writes output to the log, and to stderr if that is a terminal.
logged() {
	rm -f "$log.failed"
	{ ("$@") < /dev/null 2>&1 || : > "$log.failed"; } |
		if [ -t 2 ]; then tee -a "$log" >&2; else cat >> "$log"; fi
	! rm "$log.failed" 2> /dev/null
}

# step WHAT COMMAND...
step() {
	what=$1
	shift
	say "$what"
	logged "$@" && return
	[ -t 2 ] || tail -n 15 "$log" >&2
	die "failed: $what. The log is $log"
}

# A package that is only unpacked counts: its files are in place. While apt sets up
# a new kernel, the headers and the source may not be configured yet.
installed_version() {
	dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2> /dev/null | sed -n 's/^.[UFWti] *//p'
}

candidate_version() {
	LC_ALL=C apt-cache policy "$1" 2> /dev/null | sed -n 's/^  Candidate: //p' | grep -v '^(none)$'
}

# kernel_version: the version of the kernel's package. The running kernel tells its
# own version, as the package may have been upgraded since. With --installed only
# the headers package counts.
kernel_version() {
	if [ -n "$installed" ]; then
		installed_version "linux-headers-$abi" | grep .
		return
	fi
	if [ "$abi" = "$(uname -r)" ]; then
		uname -v | sed -n 's/.* Debian \([^ ]*\) .*/\1/p' | grep . && return
	fi
	for package in "linux-image-$abi" "linux-binary-$abi" "linux-headers-$abi"; do
		installed_version "$package" | grep . && return
	done
	candidate_version "linux-headers-$abi"
}

# offered PACKAGE: is exactly our version in the package lists?
offered() {
	[ -n "$version" ] && apt-cache show "$1=$version" > /dev/null 2>&1
}

find_packages() {
	version=$(kernel_version) || version=
	source_package=$(echo "$version" | sed -n 's/^\([0-9]*\.[0-9]*\).*/linux-source-\1/p')
	if [ -n "$installed" ]; then
		[ -n "$version" ] || die "no linux-headers-$abi is installed, so this is no kernel of Debian's packages. Only for these can the Rust metadata be made."
		return
	fi
	offered "linux-headers-$abi" && offered "$source_package"
}

no_packages() {
	if [ -z "$version" ]; then
		die "no package list here names linux-headers-$abi. Is $abi a Debian kernel, and its suite (as trixie-backports) in /etc/apt/sources.list?"
	fi
	die "kernel $abi is of version $version, but the package lists have not both linux-headers-$abi and ${source_package} of it (newest source: $(candidate_version "$source_package" || echo none)). Upgrade the kernel, reboot into it, and try again."
}

# check_installed: fails with a message about all that --installed needs and is missing.
check_installed() {
	of_source=$(installed_version "$source_package")
	if [ "$of_source" != "$version" ]; then
		say "kernel $abi is of version $version; its source is needed to make the Rust metadata that Debian's headers lack, and $source_package is ${of_source:-not installed}."
		if offered "$source_package"; then
			die "Install it: sudo apt install $source_package=$version"
		fi
		die "The package lists have it not (sudo apt update?). A kernel with its source: sudo apt install linux-image-amd64/SUITE linux-headers-amd64/SUITE linux-source/SUITE, all of one SUITE, as trixie-backports."
	fi
	lacking=$(lacking_packages)
	[ -z "$lacking" ] || die "these packages are needed: sudo apt install$lacking"
}

# fetch PACKAGE NAME: downloads our version of the package as NAME.
fetch() {
	[ ! -e "$work/$2" ] || return 0
	rm -rf "$work/download"
	mkdir "$work/download"
	(cd "$work/download" && step "downloading $1 $version" \
		apt-get -q -o APT::Sandbox::User="$(id -un)" download "$1=$version")
	mv "$work/download"/*.deb "$work/$2"
}

# Gets the stock kernel's configuration, exported symbols and type information. The
# headers package's vmlinux holds only the latter.
unpack_headers() {
	mkdir -p "$work/stock"
	if [ -n "$installed" ]; then
		for file in .config Module.symvers vmlinux; do
			cp "/usr/src/linux-headers-$abi/$file" "$work/stock"
		done
	else
		fetch "linux-headers-$abi" headers.deb
		dpkg-deb --fsys-tarfile "$work/headers.deb" |
			tar -C "$work/stock" --strip-components=4 --wildcards \
				-x './usr/src/*/.config' './usr/src/*/Module.symvers' './usr/src/*/vmlinux'
	fi
	kdir=$work/stock config=$work/stock/.config
	{ [ -s "$config" ] && [ -s "$work/stock/Module.symvers" ]; } ||
		die "linux-headers-$abi $version holds no configuration or no Module.symvers"
	[ "$(config RUST)" = y ] || {
		rm -rf "$work"
		die "kernel $abi is built without Rust (CONFIG_RUST); Debian's have it from 7.x on"
	}
}

unpack_source() {
	[ ! -e "$work/build" ] || return 0
	rm -rf "$work/unpacking"
	mkdir "$work/unpacking"
	if [ -n "$installed" ]; then
		step "unpacking the source" tar -C "$work/unpacking" --strip-components=1 \
			--no-same-owner -xJf "/usr/src/$source_package.tar.xz"
	else
		fetch "$source_package" source.deb
		# shellcheck disable=SC2016 # the inner shell expands
		step "unpacking the source" sh -c 'dpkg-deb --fsys-tarfile "$1" |
			tar -xO --wildcards "./usr/src/linux-source-*.tar.xz" |
			tar -C "$2" --strip-components=1 --no-same-owner -xJ' sh \
			"$work/source.deb" "$work/unpacking"
	fi
	mv "$work/unpacking" "$work/build"
}

# compiler_package: the Debian package of the kernel's C compiler, as gcc-14.
compiler_package() {
	named=$(config CC_VERSION_TEXT)
	named=${named%% *}
	echo "gcc${named##*gcc}"
}

lacking_packages() {
	for package in $BUILD_PACKAGES; do
		[ -n "$(installed_version "$package")" ] || printf ' %s' "$package"
	done
}

# With --installed check_installed has looked for these packages.
install_packages() {
	[ -z "$installed" ] || return 0
	lacking=$(lacking_packages)
	compiler=$(compiler_package)
	[ -n "$(installed_version "$compiler")" ] || lacking="$lacking $compiler"
	[ -n "$lacking" ] || return 0
	say "these packages are needed and will be installed:$lacking"
	need_root "Install them as root, then try again."
	# shellcheck disable=SC2086 # words are meant
	step "installing them" as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o Dpkg::Use-Pty=0 install --yes --no-install-recommends $lacking
}

# other_rustc: fails and names the right rustc. Backports have a newer rustc than the
# kernel's; apt installs that one if the user takes all packages from backports.
other_rustc() {
	number=${wanted#rustc }
	number=${number%% *}
	offer=$(LC_ALL=C apt-cache madison rustc 2> /dev/null |
		awk -v number="$number" '$1 == "rustc" && index($3, number "+") == 1 { print $3; exit }')
	die "the kernel was built with \"$wanted\", and no rustc here calls itself so (the package rustc: $(installed_version rustc)). ${offer:+Install it: sudo apt install rustc=$offer rust-src=$offer rustfmt=$offer. }Is this system of the kernel's own Debian release?"
}

check_compilers() {
	wanted=$(kernel_rustc)
	rustc=$(find_rustc "$wanted") || other_rustc
	cc=$(compiler) || die "the kernel was built with $(config CC_VERSION_TEXT), which is not here"
	found=$("${cc#CC=}" --version | head -n 1)
	[ "$found" = "$(config CC_VERSION_TEXT)" ] ||
		say "note: the kernel was built with $(config CC_VERSION_TEXT), here is $found"
}

prepare() {
	upstream=$(make -s -C "$work/build" kernelversion)
	case $abi in
	"$upstream"*) ;;
	*) die "the source is of kernel $upstream, not of $abi" ;;
	esac
	cp "$work/stock/.config" "$work/build/.config"
	step "preparing the kernel's source, two minutes or more" make -C "$work/build" \
		"$cc" RUSTC="$rustc" HOSTRUSTC="$rustc" LOCALVERSION="${abi#"$upstream"}" \
		-j"$(nproc)" olddefconfig modules_prepare
	cp "$work/stock/Module.symvers" "$work/stock/vmlinux" "$work/build"
	made=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$work/build/include/generated/utsrelease.h")
	[ "$made" = "$abi" ] ||
		die "the prepared source calls itself $made, not $abi: modules built with it would not load"
}

# A mangled name contains a hash of its crate. If the names are equal, modules built
# with this metadata link against the stock kernel.
compare_symbols() {
	awk -F '\t' '$2 ~ /^_R/ { print $2 }' "$work/stock/Module.symvers" | sort -u > "$work/exported"
	nm --defined-only --extern-only "$work"/build/rust/*.o |
		awk '$3 ~ /^_R/ { print $3 }' | sort -u > "$work/made"
	all=$(wc -l < "$work/exported")
	absent=$(comm -23 "$work/exported" "$work/made" | wc -l)
	equal="$((all - absent)) of $all Rust symbols equal"
	[ "$all" -gt 0 ] || die "the stock kernel exports no Rust symbol; there is nothing to compare"
	[ "$absent" -eq 0 ] ||
		die "$equal: this is not the stock kernel's metadata. The first missing: $(comm -23 "$work/exported" "$work/made" | head -n 1)"
}

# Removes the kernel's C code, which modules do not need: 2 GB shrink to a tenth.
trim() {
	(
		cd "$work/build"
		rm -rf Documentation LICENSES block certs crypto drivers fs init io_uring ipc kernel lib \
			mm net samples security sound usr virt
		for other in arch/*/; do
			[ -e "${other}include/generated" ] || rm -rf "$other"
		done
		find tools -mindepth 1 -maxdepth 1 ! -name objtool ! -name bpf ! -name include \
			-exec rm -rf {} +
		find arch -type f -name '*.c' -delete
	)
}

mkdir -p "$folder"
exec 9> "$folder/$abi.lock"
if have flock && ! flock -n 9; then
	say "waiting for another run that makes this"
	flock 9
fi

find_packages || {
	: > "$log"
	need_root "Run \`apt-get update\` as root, then try again."
	step "fetching the package lists" as_root apt-get -q update
	find_packages || no_packages
}
if [ "$(cat "$final/.package-version" 2> /dev/null)" = "$version" ]; then
	[ -n "$only_check" ] || say "$final is there, made from $version"
	exit 0
fi
if [ -n "$installed" ]; then
	check_installed
	use_kernel "/usr/src/linux-headers-$abi"
	check_compilers
	[ -z "$only_check" ] || exit 0
fi
# An interrupted run can be resumed only for the same version.
[ "$(cat "$work/version" 2> /dev/null)" = "$version" ] || rm -rf "$work"
mkdir -p "$work"
echo "$version" > "$work/version"
: > "$log"
free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
[ "$free" -ge $NEEDED_MB ] || [ -e "$work/build" ] ||
	die "$folder has $free MB free, $NEEDED_MB MB are needed; RDNA1_CACHE=folder takes another place"

unpack_headers
install_packages
check_compilers
unpack_source
prepare
compare_symbols
trim
echo "$version" > "$work/build/.package-version"
rm -rf "$final"
mv "$work/build" "$final"
rm -rf "$work"
say "$equal"
ready="$final is ready ($(du -sh "$final" | cut -f 1))"
[ -z "$installed" ] || { say "$ready" && exit 0; }
say "$ready; now: make$([ "$abi" = "$(uname -r)" ] || echo " KERNEL=$abi")"
