# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Finds in remedies.txt what to do about each thing that preflight.sh can miss.
# Read by other scripts, not run; uses what kernel.sh has set.

remedies=${0%/*}/remedies.txt

# know_distribution: sets the system's name, and by which names remedies.txt knows
# it, the most special first, from os-release and from the kernel. Relatives name
# their family in ID_LIKE. The family is debian, ubuntu, fedora, arch, suse or other.
know_distribution() {
	about=${OS_RELEASE:-/etc/os-release}
	system='' family=other kinds='' codename='' version_id=''
	[ ! -r "$about" ] || {
		# A program in the file must not reach our variables, so it is not run.
		system=$(os_release PRETTY_NAME)
		codename=$(os_release VERSION_CODENAME)
		version_id=$(os_release VERSION_ID)
		id=$(os_release ID)
		for like in $id $(os_release ID_LIKE); do
			case $like in
			debian | ubuntu | fedora | arch | suse) family=$like && break ;;
			esac
		done
		kinds="$id-$codename $id-$version_id $id $family"
	}
}

os_release() {
	sed -n "/^$1=/{s///;s/^[\"']\(.*\)[\"']\$/\1/;p;q;}" "$about"
}

# kinds_of_kernel: what the kernel tells of the system. Proxmox says that it is
# Debian. Arch names each kernel's package, and after it that of the headers.
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
	case $text in
	*'{newer kernel}'*) text=${text%%'{newer kernel}'*}$(remedy 'newer kernel')${text#*'{newer kernel}'} ;;
	*'{kernel headers}'*) text=${text%%'{kernel headers}'*}$(remedy 'kernel headers')${text#*'{kernel headers}'} ;;
	esac
	echo "$text" | sed -e "s|{release}|$release|" -e "s|{floor}|${floor-}|" -e "s|{kdir}|$kdir|" \
		-e "s|{kernel}|$(kernel_package)|" -e "s|{for kernel}|$(for_kernel)|" \
		-e "s|{codename}|${codename:-trixie}|" -e "s|{version}|$version_id|" \
		-e "s|{rustc}|$(rustc_number "$(kernel_rustc)")|" -e "s|{gcc}|$(gcc_package)|" \
		-e "s|{clang}|$(clang_major)|g" -e "s|{lld}|${linker#ld.lld}|"
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
