# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Finds in remedies.txt what to do about each thing that preflight.sh can miss.
# Read by other scripts, not run; uses what kernel.sh has set.

remedies=${0%/*}/remedies.txt

# know_distribution: sets the system's name, and by which names remedies.txt knows
# it, the most special first, from os-release. Relatives name what they are made from
# in ID_LIKE. The family is debian, ubuntu, fedora, arch, suse or other.
know_distribution() {
	system='' family=other kinds='' codename=''
	for about in "${OS_RELEASE:-/etc/os-release}" /usr/lib/os-release; do
		[ ! -r "$about" ] || break
	done
	[ -r "$about" ] || return 0
	# A program in the file must not reach our variables, so it is not run.
	system=$(os_release PRETTY_NAME)
	codename=$(os_release DEBIAN_CODENAME)
	[ -n "$codename" ] || codename=$(os_release VERSION_CODENAME)
	id=$(os_release ID)
	likes=$(os_release ID_LIKE)
	for like in $id $likes; do
		case $like in
		debian | ubuntu | fedora | arch | suse) family=$like && break ;;
		esac
	done
	kinds="$id-$codename $id-$(os_release VERSION_ID) $id ubuntu-$(os_release UBUNTU_CODENAME) $likes"
}

# is_debian_kernel RELEASE: is it one of Debian's? Proxmox says that it is Debian.
is_debian_kernel() {
	case $family-$1 in
	*-pve) return 1 ;;
	debian-*) ;;
	*) return 1 ;;
	esac
}

os_release() {
	sed -n "/^$1=/{s///;s/^[\"']\(.*\)[\"']\$/\1/;p;q;}" "$about"
}

# kinds_of_kernel: what the kernel tells of the system. Arch names each kernel's
# package, and after it that of the headers.
kinds_of_kernel() {
	case $release in
	*-pve) echo proxmox ;;
	esac
	[ "$family" != arch ] || echo "arch-$(kernel_package)"
}

kernel_package() {
	base=linux
	pkgbase=${kdir%/build}/pkgbase
	[ ! -r "$pkgbase" ] || read -r base < "$pkgbase"
	echo "$base"
}

# for_kernel: what to add where another kernel than the running one is meant.
for_kernel() {
	[ "$release" = "$(uname -r)" ] || echo " KERNEL=$release"
}

# remedy WHAT: one line, by the names that remedies.txt has.
remedy() {
	for kind in $(kinds_of_kernel) $kinds other; do
		text=$(sed -n "s/^$1	\([^	]*,\)\{0,1\}$kind\(,[^	]*\)\{0,1\}	//p" "$remedies")
		[ -z "$text" ] || break
	done
	# One remedy can hold another.
	for other in 'newer kernel' 'kernel headers'; do
		case $text in
		*"{$other}"*) text=${text%%"{$other}"*}$(remedy "$other")${text#*"{$other}"} ;;
		esac
	done
	printf '%s\n' "$text" | sed "$(stands_for release "$release")$(stands_for floor "${floor-}")
		$(stands_for kdir "$kdir")$(stands_for kernel "$(kernel_package)")
		$(stands_for 'for kernel' "$(for_kernel)")$(stands_for codename "${codename:-trixie}")
		$(stands_for 'local version' "${release#"${release%%-*}"}")
		$(stands_for rustc "$(rustc_number "$(kernel_rustc)")")$(stands_for gcc "$(gcc_package)")
		$(stands_for clang "$(clang_major)")$(stands_for lld "${linker#ld.lld}")"
}

# stands_for WORD VALUE: a command for sed that puts the value in the place of {WORD}.
stands_for() {
	printf '%s\n' "s|{$1}|$(printf '%s\n' "$2" | sed 's/[\\&|]/\\&/g')|g;"
}

# gcc_package: Debian's compilers are called by their full name: x86_64-linux-gnu-gcc-14.
gcc_package() {
	named=$(config CC_VERSION_TEXT)
	named=${named%% *}
	case $named in
	*-gcc | *-gcc-*) echo "gcc${named##*-gcc}" ;;
	*) echo "${named:-gcc}" ;;
	esac
}
