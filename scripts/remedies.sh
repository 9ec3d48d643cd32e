# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Functions that find in remedies.txt the remedy for each item that preflight.sh can
# report. Other scripts source this file after kernel.sh, whose variables it uses.

remedies=${0%/*}/remedies.txt

# know_distribution: reads os-release and sets system (its name), family (debian,
# ubuntu, fedora, arch, suse or other), codename, and kinds: the system's names in
# remedies.txt, the most specific first. Derivatives name their base in ID_LIKE.
know_distribution() {
	system='' family=other kinds='' codename=''
	for about in "${OS_RELEASE:-/etc/os-release}" /usr/lib/os-release; do
		[ ! -r "$about" ] || break
	done
	[ -r "$about" ] || return 0
	# Parse the file, do not source it: it could set our variables.
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

# is_debian_kernel RELEASE: is it one of Debian's? Proxmox's os-release says Debian, too.
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

# kinds_of_kernel: names in remedies.txt that depend on the kernel. On Arch each kernel
# has its own package, and the headers' package is named after it.
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

# for_kernel: the argument to add to `make` for a kernel that is not running.
for_kernel() {
	[ "$release" = "$(uname -r)" ] || echo " KERNEL=$release"
}

# remedy WHAT: the remedy of the most specific system, on one line.
remedy() {
	for kind in $(kinds_of_kernel) $kinds other; do
		text=$(sed -n "s/^$1	\([^	]*,\)\{0,1\}$kind\(,[^	]*\)\{0,1\}	//p" "$remedies")
		[ -z "$text" ] || break
	done
	# A remedy can include one of these two.
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

# stands_for WORD VALUE: a sed command that replaces {WORD} with VALUE.
stands_for() {
	printf '%s\n' "s|{$1}|$(printf '%s\n' "$2" | sed 's/[\\&|]/\\&/g')|g;"
}

# gcc_package: the compiler's package. Debian's kernels name x86_64-linux-gnu-gcc-14.
gcc_package() {
	named=$(config CC_VERSION_TEXT)
	named=${named%% *}
	case $named in
	*-gcc | *-gcc-*) echo "gcc${named##*-gcc}" ;;
	*) echo "${named:-gcc}" ;;
	esac
}
