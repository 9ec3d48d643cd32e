# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
#
# What to do about each thing that preflight.sh can miss, by distribution.
# Read by it, not run; uses what kernel.sh has set.

# know_distribution: sets the system's name, its id and its family, from
# os-release. Relatives name their family in ID_LIKE.
know_distribution() {
	about=${OS_RELEASE:-/etc/os-release}
	system='' family=other distribution='' codename='' version_id=''
	[ -r "$about" ] || return 0
	# A program in the file must not reach our variables, so it is not run.
	system=$(os_release PRETTY_NAME)
	codename=$(os_release VERSION_CODENAME)
	version_id=$(os_release VERSION_ID)
	distribution=$(os_release ID)
	for id in $distribution $(os_release ID_LIKE); do
		case $id in
		debian | ubuntu | fedora | arch | suse) family=$id && return ;;
		esac
	done
}

os_release() {
	sed -n "/^$1=/{s///;s/^[\"']\(.*\)[\"']\$/\1/;p;q;}" "$about"
}

# remedy WHAT: one line, by the names that preflight.sh gives to things.
remedy() {
	case $1 in
	'kernel headers') headers_remedy ;;
	'newer kernel') kernel_remedy ;;
	CONFIG_RUST) rust_kernel_remedy ;;
	CONFIG_DEBUG_FS) echo "boot a kernel that has it, or set CONFIG_DEBUG_FS=y in your own; the distributions' kernels have it" ;;
	'kernel configuration') echo "configure and prepare the folder: make -C $kdir olddefconfig modules_prepare" ;;
	module.lds) echo "reinstall the headers ($(headers_remedy)); in a tree of your own: make -C $kdir modules_prepare" ;;
	Module.symvers) echo "reinstall the headers ($(headers_remedy)); in a tree of your own: build the kernel, which makes it" ;;
	'Rust metadata') metadata_remedy ;;
	rustc) rustc_remedy ;;
	'C compiler') compiler_remedy ;;
	bindgen) install bindgen bindgen bindgen-cli rust-bindgen rust-bindgen 'bindgen (cargo install bindgen-cli)' ;;
	libclang) install libclang-dev libclang-dev clang-libs clang clang-devel 'libclang, or set LIBCLANG_PATH to its folder' ;;
	linker) linker_remedy ;;
	make) install make make make make make 'GNU make' ;;
	pahole) install pahole pahole dwarves pahole dwarves 'pahole (dwarves)' ;;
	esac
}

# install DEBIAN UBUNTU FEDORA ARCH SUSE OTHER: each family's package, its command.
install() {
	case $family in
	debian) echo "sudo apt install $1" ;;
	ubuntu) echo "sudo apt install $2" ;;
	fedora) echo "sudo dnf install $3" ;;
	arch) echo "sudo pacman -S $4" ;;
	suse) echo "sudo zypper install $5" ;;
	*) echo "install $6" ;;
	esac
}

# Arch names the headers after the kernel's package, and says which that is.
arch_headers() {
	base=linux
	pkgbase=${kdir%/build}/pkgbase
	[ ! -r "$pkgbase" ] || read -r base < "$pkgbase"
	echo "$base-headers"
}

headers_remedy() {
	case $distribution-$release in
	nixos-*) nixos_headers && return ;;
	*-*-pve) echo "sudo apt install proxmox-headers-$release" && return ;;
	esac
	install "linux-headers-$release" "linux-headers-$release" "kernel-devel-$release" \
		"$(arch_headers)" "kernel-default-devel" \
		"the headers of kernel $release, or name its build folder with KDIR="
}

# NixOS has what the kernel was built with in an output of the kernel's package.
nixos_headers() {
	echo "name the kernel's dev output with KDIR=\$(nix-build '<nixpkgs>' -A linuxPackages_latest.kernel.dev)/lib/modules/$release/build"
}

# for_kernel: what to add where another kernel than the running one is meant.
for_kernel() {
	[ "$release" = "$(uname -r)" ] || echo " KERNEL=$release"
}

metadata_remedy() {
	# A kernel without Rust has none to install or make.
	case $list in
	*'- newer kernel: '* | *'- CONFIG_RUST: '*)
		echo "boot another kernel, as above; then \`make\` says what that one lacks"
		return
		;;
	esac
	case $distribution-$release in
	nixos-*) nixos_headers && return ;;
	*-*-pve)
		echo "Proxmox's headers lack it: prepare the source of this very kernel (make modules_prepare, with its .config and Module.symvers), then make KDIR=that folder"
		return
		;;
	esac
	case $family in
	debian) echo "make metadata$(for_kernel)   (Debian's headers lack it; this makes it from the kernel's source)" ;;
	*) install '' "linux-lib-rust-$release" "kernel-devel-$release" "$(arch_headers)" kernel-default-devel \
		"the kernel's Rust metadata, or name with KDIR= the folder that the kernel was built in" ;;
	esac
}

kernel_remedy() {
	case $family in
	debian) debian_kernel_remedy ;;
	ubuntu) ubuntu_kernel_remedy ;;
	fedora) echo "sudo dnf upgrade kernel kernel-devel, then reboot" ;;
	arch) arch_kernel_remedy ;;
	*) echo "boot kernel $floor or newer" ;;
	esac
}

# Older releases have no such kernel, not even in their backports.
debian_kernel_remedy() {
	case $release-$codename in
	*-pve-*) echo "sudo apt install proxmox-kernel-7.0 proxmox-headers-7.0, or newer ones, then reboot" ;;
	*-buster | *-bullseye | *-bookworm) echo "upgrade to Debian 13, whose backports have newer kernels" ;;
	*) echo "sudo apt install -t ${codename:-trixie}-backports linux-image-amd64, then reboot" ;;
	esac
}

# The kernels of a long-term release's later point releases go by its number.
ubuntu_kernel_remedy() {
	case $distribution-$version_id in
	ubuntu-*.04) echo "sudo apt install linux-generic-hwe-$version_id, then reboot; if that is no newer one, move to a newer release" ;;
	*) echo "sudo apt full-upgrade, then reboot; if that brings no newer kernel, move to a newer release" ;;
	esac
}

# linux-lts is older than linux.
arch_kernel_remedy() {
	case $(arch_headers) in
	linux-headers) echo "sudo pacman -Syu, then reboot" ;;
	*) echo "sudo pacman -S linux linux-headers, then reboot into it" ;;
	esac
}

rust_kernel_remedy() {
	case $distribution in
	cachyos)
		echo "CachyOS builds its default kernels with Clang's LTO, which excludes Rust. Install one of those built with GCC, as linux-cachyos-bore: sudo pacman -S linux-cachyos-bore linux-cachyos-bore-headers, then reboot into it"
		return
		;;
	esac
	case $family in
	debian) echo "Debian's kernels have it from 7.x on: $(kernel_remedy)" ;;
	ubuntu) echo "sudo apt install linux-image-generic (it has it), then reboot" ;;
	fedora) echo "build a kernel of your own with CONFIG_RUST=y, if the newest one (sudo dnf upgrade kernel) has it not either" ;;
	arch) echo "sudo pacman -S linux linux-headers (it has it), then reboot" ;;
	suse) echo "openSUSE's kernels have no Rust: use rdna1ctl alone, which needs no module, or build a kernel of your own with CONFIG_RUST=y" ;;
	*) echo "boot a kernel that has it, or set CONFIG_RUST=y in your own" ;;
	esac
}

# Ubuntu has many versions side by side, named by their number. Where there is but
# one, it can have moved on since the kernel was built.
rustc_remedy() {
	number=$(rustc_number "$(kernel_rustc)")
	case $distribution/$family-${number:+known} in
	pop/*-known) same="install the rustc that the kernel was built with (Pop!_OS has no package of it)" ;;
	*/ubuntu-known) same="sudo apt install rustc-$number" ;;
	*/fedora-known) same="sudo dnf upgrade rust kernel kernel-devel, then reboot; if rust is still another, install the kernel's from Fedora's build system (koji download-build)" ;;
	*/arch-known) same="sudo pacman -Syu, then reboot; if rust is still another, install $number from the Arch Linux Archive" ;;
	*) same=$(install rustc rustc rust rust rust "the rustc that the kernel was built with") ;;
	esac
	echo "$same, or name the right one with RUSTC="
}

compiler_remedy() {
	named=$(config CC_VERSION_TEXT)
	if [ "$(config CC_IS_CLANG)" = y ]; then
		number=$(clang_major)
		apt="clang-$number lld-$number llvm-$number"
		all='clang lld llvm'
		remedy_text=$(install "$apt" "$apt" "$all" "$all" "$all" "$all")
	else
		# Debian's compilers are called by their full name: x86_64-linux-gnu-gcc-14.
		apt=${named%% *}
		case $apt in
		*-gcc | *-gcc-*) apt=gcc${apt##*-gcc} ;;
		esac
		remedy_text=$(install "${apt:-gcc}" "${apt:-gcc}" gcc gcc gcc 'the compiler that the kernel was built with')
	fi
	echo "$remedy_text, or name another with CC="
}

linker_remedy() {
	case $linker in
	ld) install binutils binutils binutils binutils binutils 'GNU binutils' ;;
	*) install "lld${linker#ld.lld}" "lld${linker#ld.lld}" lld lld lld 'lld' ;;
	esac
}
