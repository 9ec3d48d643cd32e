#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# bench-others.sh CACHE KERNEL RUNS: times virtme-ng and vmtest, to compare them with
# modproof. CACHE is modproof's cache, KERNEL a stock kernel that modproof has provisioned.
# Each run times `uname -r` in a guest without KVM, from the tool's start to its end. The
# two tools take turns. Prints on standard output:
#
#   # virtme-ng VERSION, vmtest VERSION, QEMU VERSION, kernel RELEASE, TCG
#   virtme-ng SECONDS
#   vmtest SECONDS
#
# Needs root, mmdebstrap and cargo. The first call fills CACHE/bench-others: a
# Debian root with virtme-ng and QEMU, and vmtest. Remove that folder to start over.
set -eu

vmtest_version=0.18.0

# The longest that a run may take, in seconds.
limit=600

# Beside the dependencies of its package, virtme-ng needs busybox-static for its
# initramfs. Its init needs mount, udevd and ip in the guest, which runs on this
# root: without mount it ignores the command and waits at a prompt; without udevd
# it does not find its ports. vmtest needs the guest agent.
packages=virtme-ng,qemu-system-x86,busybox-static,mount,udev,iproute2,qemu-guest-agent

die() {
	echo "bench-others: $*" >&2
	exit 2
}

# make_root: makes the Debian root, from the mirror of modproof's own root, the host's mirror.
make_root() {
	command -v mmdebstrap > /dev/null || die "mmdebstrap is missing; install it"
	list=$cache/roots/trixie/root/tree/etc/apt/sources.list
	mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' "$list" 2> /dev/null | head -n 1)
	[ -n "$mirror" ] || die "$list names no mirror; run \`modproof provision\` first"
	echo "bench-others: making a Debian root, for some minutes" >&2
	rm -rf --one-file-system "$root.partial"
	mkdir -p "$root.partial"
	mmdebstrap --quiet --mode=root --variant=apt --format=directory \
		--include="$packages" --dpkgopt=force-unsafe-io \
		--aptopt='Acquire::Languages "none"' \
		trixie "$root.partial" "$mirror" > "$root.log" 2>&1 || {
		tail -n 15 "$root.log" >&2
		die "mmdebstrap failed; its output is in $root.log"
	}
	mkdir -p "$root.partial/usr/lib/modules"
	# virtme-ng's init ends a guest with poweroff. Without it the guest panics.
	[ -e "$root.partial/usr/sbin/poweroff" ] ||
		ln -s ../bin/busybox "$root.partial/usr/sbin/poweroff"
	mv "$root.partial" "$root"
}

# make_vmtest: builds vmtest statically, since the root's libc may be older than the host's.
make_vmtest() {
	command -v cargo > /dev/null || die "cargo is missing; install it"
	echo "bench-others: building vmtest $vmtest_version, for some minutes" >&2
	RUSTFLAGS='-C target-feature=+crt-static' cargo install vmtest --version "$vmtest_version" \
		--locked --quiet --target x86_64-unknown-linux-gnu \
		--root "$others" --target-dir "$others/target" > "$others/vmtest.log" 2>&1 || {
		tail -n 15 "$others/vmtest.log" >&2
		die "cargo could not install vmtest; its output is in $others/vmtest.log"
	}
	rm -rf "$others/target"
}

# in_root COMMAND...: runs the command in the root, with a fixed environment.
in_root() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb "$@"
}

# set_up MODULES: mounts file systems in the root. This shell has its own mount namespace,
# so the mounts end with it.
set_up() {
	# A /dev without kvm: vmtest takes KVM if that file exists, usable or not.
	mount -t tmpfs tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		: > "$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount -t tmpfs tmpfs "$root/tmp"
	mount -t tmpfs tmpfs "$root/run"
	# vng looks for modules by the release that it reads in the image.
	mount -t tmpfs tmpfs "$root/usr/lib/modules"
	mkdir "$root/usr/lib/modules/$release"
	mount --bind "$1" "$root/usr/lib/modules/$release"
	mount -o remount,bind,ro "$root/usr/lib/modules/$release"

	# vmtest has no initramfs, and Debian's kernels have 9p as modules. virtme-ng's
	# initramfs loads them and mounts the root that vmtest exports.
	mkdir "$root/tmp/vmtest"
	cp "$others/bin/vmtest" "$root/tmp/vmtest/vmtest"
	in_root virtme-mkinitramfs --mod-kversion "$release" --outfile /tmp/vmtest/initramfs ||
		die "virtme-mkinitramfs failed"
	# The same CPUs and memory as virtme-ng's default.
	cat > "$root/tmp/vmtest/vmtest.toml" << END
[[target]]
name = "stock"
kernel = "/usr/lib/modules/$release/vmlinuz"
kernel_args = "ro"
command = "uname -r"
[target.vm]
num_cpus = $(nproc)
memory = "1G"
extra_args = ["-initrd", "/tmp/vmtest/initramfs"]
END
}

# timed NAME COMMAND...: runs the command in the root, checks its output, prints its time.
# The output goes to a file: vng opens its standard streams again, and a socket cannot be
# opened that way.
timed() {
	name=$1
	shift
	status=0
	start=$(date +%s%N)
	timeout --kill-after=5 "$limit" chroot "$root" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb "$@" \
		< /dev/null > "$root/tmp/out" 2>&1 || status=$?
	end=$(date +%s%N)
	case $status in
	0) ;;
	124 | 137) failed "$name did not end within $limit s" ;;
	*) failed "$name ended with status $status" ;;
	esac
	tr -d '\r' < "$root/tmp/out" | grep -qFx "$release" ||
		failed "the guest of $name did not print its release, $release"
	awk -v name="$name" -v ns=$((end - start)) 'BEGIN { printf "%s %.1f\n", name, ns / 1e9 }'
}

failed() {
	tail -n 20 "$root/tmp/out" >&2
	die "$@"
}

# measure MODULES RUNS: measures; runs in its own namespaces (see unshare at the end).
measure() {
	release=${1##*/}
	set_up "$1"
	# shellcheck disable=SC2016 # dpkg-query expands it
	virtme_version=$(in_root dpkg-query -W -f '${Version}' virtme-ng)
	qemu=$(in_root qemu-system-x86_64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')
	echo "# virtme-ng $virtme_version, vmtest $vmtest_version, QEMU $qemu, kernel $release, TCG"
	# The root has no virtiofsd, so vng would fall back to 9p anyway: say so.
	image=/usr/lib/modules/$release/vmlinuz
	run=0
	while [ "$run" -lt "$2" ]; do
		run=$((run + 1))
		timed virtme-ng vng --disable-kvm --force-9p -r "$image" -- uname -r
		timed vmtest sh -c 'cd /tmp/vmtest && exec ./vmtest'
	done
}

if [ "${1-}" = --measure ] && [ $# -eq 4 ]; then
	others=$2
	root=$others/trixie
	measure "$3" "$4"
	exit
fi

[ $# -eq 3 ] || die "usage: $0 CACHE KERNEL RUNS"
kernel=$2
runs=$3
case $runs in
'' | 0* | *[!0-9]*) die "RUNS must be a number from 1 on, not '$runs'" ;;
esac
[ "$(id -u)" = 0 ] || die "needs root, for a chroot; use sudo"
cache=$(cd "$1" 2> /dev/null && pwd) || die "there is no folder $1"
others=$cache/bench-others
root=$others/trixie

set -- "$cache/kernels/$kernel/packages/tree/usr/lib/modules"/*/vmlinuz
{ [ $# -eq 1 ] && [ -e "$1" ]; } ||
	die "$cache has no stock image of kernel '$kernel'; run \`modproof provision --kernel $kernel\` first"
modules=${1%/vmlinuz}

mkdir -p "$others"
[ -d "$root" ] || make_root
[ -x "$others/bin/vmtest" ] || make_vmtest
exec unshare --mount --propagation private --pid --fork --kill-child --net \
	sh "$0" --measure "$others" "$modules" "$runs"
