# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
#
# What to do about each thing that preflight.sh can miss, by distribution.
# Read by it, not run; uses what kernel.sh has set.

# know_distribution FILE: sets family and the system's name from an os-release
# file. Relatives name their family in ID_LIKE.
know_distribution() {
	system='' family=other
	[ -r "$1" ] || return 0
	# A program in the file must not reach our variables, so it is not run.
	system=$(os_release PRETTY_NAME "$1")
	codename=$(os_release VERSION_CODENAME "$1")
	for id in $(os_release ID "$1") $(os_release ID_LIKE "$1"); do
		case $id in
		debian | ubuntu | fedora | arch) family=$id && return ;;
		esac
	done
}

os_release() {
	sed -n "/^$1=/{s///;s/^[\"']\(.*\)[\"']\$/\1/;p;q;}" "$2"
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
	bindgen) install bindgen bindgen bindgen-cli rust-bindgen 'bindgen (cargo install bindgen-cli)' ;;
	libclang) install libclang-dev libclang-dev clang-libs clang 'libclang, or set LIBCLANG_PATH to its folder' ;;
	linker) linker_remedy ;;
	make) install make make make make 'GNU make' ;;
	pahole) install pahole pahole dwarves pahole 'pahole (dwarves)' ;;
	esac
}

# install DEBIAN UBUNTU FEDORA ARCH OTHER: each family's package, its command.
install() {
	case $family in
	debian) echo "sudo apt install $1" ;;
	ubuntu) echo "sudo apt install $2" ;;
	fedora) echo "sudo dnf install $3" ;;
	arch) echo "sudo pacman -S $4" ;;
	*) echo "install $5" ;;
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
	install "linux-headers-$release" "linux-headers-$release" "kernel-devel-$release" \
		"$(arch_headers)" "the headers of kernel $release, or name its build folder with KDIR="
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
	case $family in
	debian) echo "make metadata$(for_kernel)   (Debian's headers lack it; this makes it from the kernel's source)" ;;
	*) install '' "linux-lib-rust-$release" "kernel-devel-$release" "$(arch_headers)" \
		"the kernel's Rust metadata, or name with KDIR= the folder that the kernel was built in" ;;
	esac
}

kernel_remedy() {
	case $family in
	debian) debian_kernel_remedy ;;
	ubuntu) echo "move to a release with a newer kernel, or its hardware enablement kernel (linux-generic-hwe-*), then reboot" ;;
	fedora) echo "sudo dnf upgrade kernel kernel-devel, then reboot" ;;
	arch) echo "sudo pacman -Syu, then reboot" ;;
	*) echo "boot kernel $floor or newer" ;;
	esac
}

# Older releases have no such kernel, not even in their backports.
debian_kernel_remedy() {
	case $codename in
	buster | bullseye | bookworm) echo "upgrade to Debian 13, whose backports have newer kernels" ;;
	*) echo "sudo apt install -t ${codename:-trixie}-backports linux-image-amd64, then reboot" ;;
	esac
}

rust_kernel_remedy() {
	case $family in
	debian) echo "Debian's kernels have it from 7.x on: $(kernel_remedy)" ;;
	ubuntu) echo "sudo apt install linux-image-generic (it has it), then reboot" ;;
	fedora) echo "build a kernel of your own with CONFIG_RUST=y, if the newest one (sudo dnf upgrade kernel) has it not either" ;;
	arch) echo "sudo pacman -S linux linux-headers (it has it), then reboot" ;;
	*) echo "boot a kernel that has it, or set CONFIG_RUST=y in your own" ;;
	esac
}

# Ubuntu has many versions side by side, named by their number.
rustc_remedy() {
	number=$(config RUSTC_VERSION_TEXT)
	number=${number#rustc }
	number=${number%%[ -]*}
	other="the rustc that the kernel was built with"
	echo "$(install rustc "rustc${number:+-${number%.*}}" rust rust "$other"), or name the right one with RUSTC="
}

compiler_remedy() {
	named=$(config CC_VERSION_TEXT)
	if [ "$(config CC_IS_CLANG)" = y ]; then
		number=$(clang_major)
		apt="clang-$number lld-$number llvm-$number"
		all='clang lld llvm'
		remedy_text=$(install "$apt" "$apt" "$all" "$all" "$all")
	else
		# Debian's compilers are called by their full name: x86_64-linux-gnu-gcc-14.
		apt=${named%% *}
		case $apt in
		*-gcc | *-gcc-*) apt=gcc${apt##*-gcc} ;;
		esac
		remedy_text=$(install "${apt:-gcc}" "${apt:-gcc}" gcc gcc 'the compiler that the kernel was built with')
	fi
	echo "$remedy_text, or name another with CC="
}

linker_remedy() {
	case $linker in
	ld) install binutils binutils binutils binutils 'GNU binutils' ;;
	*) install "lld${linker#ld.lld}" "lld${linker#ld.lld}" lld lld 'lld' ;;
	esac
}
