# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Installs, upgrades and removes the packages, as a user would, in a new root
# of the release. Reads abi, suite and flavour; the packages are in /mnt/debs,
# those of a higher version in /mnt/higher. The module that DKMS built goes to
# /mnt/module. Each check is a line that begins with `ok ` or `not ok `.

export DEBIAN_FRONTEND=noninteractive
module=rdna1_kfd_guard
place=/lib/modules/$abi/updates/dkms
metadata=/var/cache/rdna1-kfd-guard/metadata/$abi

apt() {
	apt-get -q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 --yes "$@"
}

# check WHAT COMMAND...: what it says is shown if it fails.
check() {
	what=$1
	shift
	if said=$("$@" 2>&1); then
		echo "ok $what"
	else
		echo "not ok $what: $(echo "$said" | tail -n 3 | tr '\n' ' ')"
	fi
}

# refuses WORDS COMMAND...: does it fail, and say these words?
refuses() {
	words=$1
	shift
	! said=$("$@" 2>&1) || { echo "it did not fail: $said" && return 1; }
	case $said in
	*"$words"*) ;;
	*) echo "it said: $said" && return 1 ;;
	esac
}

# all_files: of packages and of what they made; no list that apt or dpkg keeps.
all_files() {
	find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /mnt -o -path /run \
		-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache/apt -o -path /var/log \
		\) -prune -o -print | sort
}

status_is() {
	said=$(dkms status -m $module)
	[ "$said" = "$1" ] || { echo "dkms status: ${said:-nothing}" && return 1; }
}

nothing() {
	[ -z "$1" ] || { echo "$1" && return 1; }
}

has_version() {
	found=$(modinfo -k "$abi" -F version $module)
	[ "$found" = "$1" ] || { echo "modinfo: $found" && return 1; }
}

# ours: files of this project, wherever they are.
ours() {
	all_files | grep -i -e rdna1 || :
}

# in_lists: does depmod's list of that kernel name the module?
in_lists() {
	grep -l $module "/lib/modules/$abi"/modules.* || :
}

version=$(dpkg-deb -f /mnt/debs/rdna1-kfd-guard-dkms_*.deb Version)
version=${version%-*}
higher=$(dpkg-deb -f /mnt/higher/rdna1-kfd-guard-dkms_*.deb Version)
higher=${higher%-*}

echo "== the kernel, as users have it"
apt update
# That suite's rustc is newer than the kernel's: `-t` would take it, too.
apt install "linux-image-$flavour/$suite" "linux-headers-$flavour/$suite"
check "the kernel is $abi" test -e "/lib/modules/$abi/build/Makefile"
check "without linux-source, apt says that it is needed" \
	refuses "linux-source" apt install /mnt/debs/*.deb
apt install "linux-source/$suite"
# All that the packages bring along first, so that what they themselves leave
# can be told from what others do.
others=$(apt -s install /mnt/debs/*.deb | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -v rdna1)
# shellcheck disable=SC2086 # words are meant
apt install $others
all_files > /before

echo "== install"
check "apt installs the packages" sh -c 'apt-get -q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
	--yes install /mnt/debs/*.deb > /install.log 2>&1 || { tail -n 20 /install.log; false; }'
cat /install.log
echo "== checks"
check "DKMS has built and installed it" status_is "$module/$version, $abi, x86_64: installed"
check "the module is of this version" has_version "$version"
check "the module is for this kernel" sh -c "modinfo -k '$abi' -F vermagic $module | grep -q '^$abi '"
check "DKMS has signed it" sh -c "modinfo -k '$abi' -F signer $module | grep -q DKMS"
# As udev would when it sees the card.
check "the card's modalias loads it" sh -c "modprobe -S '$abi' --show-depends \
	pci:v00001002d0000731Fsv00001002sd00000B36bc03sc00i00 | grep -q $module"
check "rdna1ctl is of this version" sh -c "[ \"\$(rdna1ctl --version)\" = 'rdna1ctl $version' ]"
# No card, no module in this kernel: that is what it has to say, and no more.
check "rdna1ctl runs" sh -c 'rdna1ctl status; [ $? -lt 4 ]'
check "the manual is there" test -e /usr/share/man/man1/rdna1ctl.1.gz
check "udev finds no fault with the rule" sh -c \
	'! command -v udevadm || udevadm verify /usr/lib/udev/rules.d/60-rdna1-kfd-guard.rules'
xz -dc "$place/$module.ko.xz" > "/mnt/module/$module.ko"
cp -a "$metadata" /kept

echo "== upgrade to $higher"
apt install /mnt/higher/*.deb
check "an upgrade leaves DKMS with the new version" \
	status_is "$module/$higher, $abi, x86_64: installed"
check "the upgraded module is of the new version" has_version "$higher"
check "an upgrade leaves nothing of the old version" \
	nothing "$(ours | grep -F -e "$version" | grep -v -F -e "$higher" || :)"
check "an upgrade takes the metadata that is there" grep -q 'is there, made from' \
	"/var/lib/dkms/$module/$higher/$abi/x86_64/log/make.log"

echo "== purge"
apt purge rdna1-kfd-guard-dkms rdna1ctl
check "a purge leaves no file of ours" nothing "$(ours | grep -v '^/kept' || :)"
check "a purge leaves no module in depmod's lists" nothing "$(in_lists)"
all_files > /after
# The machine's key is DKMS's own, and stays.
check "a purge leaves all as it was" nothing \
	"$(comm -13 /before /after | grep -v -e '^/kept' -e '^/after$' -e '^/before$' -e '^/install.log$' \
		-e '^/var/lib/dkms/mok.' || :)"

echo "== no source"
mkdir -p "${metadata%/*}"
mv /kept "$metadata"
apt install /mnt/debs/*.deb
check "installed again, with the metadata that is there" \
	status_is "$module/$version, $abi, x86_64: installed"
mv "$metadata" /kept
dkms uninstall -m $module -v "$version" -k "$abi"
dkms unbuild -m $module -v "$version" -k "$abi"
source_package=linux-source-$(echo "$abi" | cut -d . -f 1,2)
dpkg --remove --force-depends linux-source "$source_package"
check "without the source, DKMS fails" refuses "pre_build" dkms build -m $module -v "$version" -k "$abi"
check "and its log says what to install" grep -q 'sudo apt install linux-source-[0-9.]*=[^ ]*$' \
	"/var/lib/dkms/$module/$version/build/make.log"
mv /kept "$metadata"
# dpkg says to our package that something in /usr/src has changed.
apt install "linux-source/$suite" "$source_package/$suite"
check "when the source is there, the module is built" \
	status_is "$module/$version, $abi, x86_64: installed"

echo "== the kernel goes"
apt purge "linux-image-$flavour" "linux-headers-$flavour" "linux-image-$abi" "linux-headers-$abi" \
	"linux-headers-${abi%-*}-common"
check "a kernel takes its module along" nothing "$(find /lib/modules -name "$module*" -o -name dkms)"
check "DKMS has it for no kernel" status_is "$module/$version: added"
check "the metadata of a kernel goes with it" nothing "$(find /var/cache/rdna1-kfd-guard -mindepth 2 || :)"
apt purge rdna1-kfd-guard-dkms rdna1ctl
check "nothing is left of the packages" nothing "$(ours)"
echo "trial: done"
