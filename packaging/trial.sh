# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Tests the Debian packages: installs, upgrades and removes them in a new root of the
# release, as a user would. Reads the variables abi, suite and flavour. /mnt/debs has the
# packages, /mnt/higher those of a higher version, /mnt/docs README.md; /mnt/module
# receives DKMS's module. Each check prints a line that begins with `ok `, `not ok `
# or `skip `.

export DEBIAN_FRONTEND=noninteractive
module=rdna1_kfd_guard
place=/lib/modules/$abi/updates/dkms
metadata=/var/cache/rdna1-kfd-guard/metadata/$abi

apt() {
	apt-get "$@"
}

# check WHAT COMMAND...: if the command fails, prints its last lines.
check() {
	what=$1
	shift
	if said=$("$@" 2>&1); then
		echo "ok $what"
	else
		echo "not ok $what: $(echo "$said" | tail -n 3 | tr '\n' ' ')"
	fi
}

# refuses WORDS COMMAND...: does it fail and print WORDS?
refuses() {
	words=$1
	shift
	! said=$("$@" 2>&1) || { echo "it did not fail: $said" && return 1; }
	case $said in
	*"$words"*) ;;
	*) echo "it said: $said" && return 1 ;;
	esac
}

# all_files: all files of the root, without the lists that apt and dpkg keep.
all_files() {
	find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /mnt -o -path /run \
		-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache/apt -o -path /var/log \
		\) -prune -o -print | sort
}

status_is() {
	said=$(dkms status -m $module)
	[ "$said" = "$1" ] || { echo "dkms status: ${said:-nothing}" && return 1; }
}

# build_again: lets DKMS build and install the module again.
build_again() {
	! dkms status -m $module -k "$abi" | grep -q installed || dkms uninstall -m $module -v "$version" -k "$abi"
	dkms unbuild -m $module -v "$version" -k "$abi" || :
	dkms install -m $module -v "$version" -k "$abi"
}

nothing() {
	[ -z "$1" ] || { echo "$1" && return 1; }
}

has_version() {
	found=$(modinfo -k "$abi" -F version $module)
	[ "$found" = "$1" ] || { echo "modinfo: $found" && return 1; }
}

# ours: all files of this project in the root.
ours() {
	all_files | grep -i -e rdna1 | grep -v -e '^/kept' -e '^/from-source' || :
}

# shown NAME: the commands that README.md marks with that name, without modprobe: the
# new kernel does not run here.
shown() {
	awk -v mark="<!-- tested: $1 -->" '
		$0 == mark { wanted = 1; next }
		wanted && /^```sh$/ { inside = 1; next }
		inside && /^```$/ { exit }
		inside
	' /mnt/docs/README.md | grep -v '^sudo modprobe '
}

as_newcomer() {
	runuser -l newcomer -c "$1" < /dev/null
}

# follow NAME: runs README.md's commands of that name and stops at a failure.
follow() {
	shown "$1" > "/tmp/$1.sh"
	[ -s "/tmp/$1.sh" ] || { echo "README.md marks nothing as $1" && return 1; }
	as_newcomer "sh -ex /tmp/$1.sh" > "/tmp/$1.log" 2>&1 || { tail -n 20 "/tmp/$1.log" && return 1; }
}

# ends STATUS WORDS COMMAND: does the shell line exit with STATUS and print WORDS?
ends() {
	status=0
	said=$(as_newcomer "$3" 2>&1) || status=$?
	[ $status = "$1" ] || { echo "status $status: $said" && return 1; }
	case $said in
	*"$2"*) ;;
	*) echo "it said: $said" && return 1 ;;
	esac
}

# of_suite PACKAGE: the package's newest version in the suite.
of_suite() {
	apt-cache madison "$1" | awk -v suite="$suite/" 'index($0, suite) { print $3; exit }'
}

# source_of ABI
source_of() {
	echo "linux-source-$(echo "$1" | cut -d . -f 1,2)"
}

# older_kernel: version and ABI of the newest kernel that is older than this one and
# whose source is in the suite, too.
older_kernel() {
	now=$(of_suite "linux-headers-$abi")
	apt-cache search --names-only "^linux-headers-[0-9][^-]*-$flavour\$" | while read -r package _; do
		found=$(of_suite "$package")
		older_abi=${package#linux-headers-}
		if [ -n "$found" ] && dpkg --compare-versions "$found" lt "$now" &&
			apt-cache show "$(source_of "$older_abi")=$found" > /dev/null 2>&1; then
			echo "$found $older_abi"
		fi
	done | sort -V | tail -n 1
}

# in_lists: does depmod's list of that kernel name the module?
in_lists() {
	grep -l $module "/lib/modules/$abi"/modules.* || :
}

version=$(dpkg-deb -f /mnt/debs/rdna1-kfd-guard-dkms_*.deb Version)
version=${version%-*}
higher=$(dpkg-deb -f /mnt/higher/rdna1-kfd-guard-dkms_*.deb Version)
higher=${higher%-*}

# Make apt answer yes to every question.
printf '%s "%s";\n' APT::Get::Assume-Yes true APT::Sandbox::User root Dpkg::Use-Pty 0 quiet 1 \
	> /etc/apt/apt.conf.d/90trial
apt update
apt install passwd sudo
useradd -m newcomer
printf '%s\n' 'Defaults env_keep += DEBIAN_FRONTEND' 'newcomer ALL=(ALL) NOPASSWD: ALL' \
	> /etc/sudoers.d/newcomer
ln -s /mnt/debs /tmp/rdna1

echo "== a newcomer, with README.md alone"
check "without a kernel that has Rust, apt says what is needed" \
	refuses "linux-source" apt install /mnt/debs/*.deb
check "what README.md says to install installs" follow install
cat /tmp/install.log
check "the kernel is $abi" test -e "/lib/modules/$abi/build/Makefile"
check "DKMS has built and installed it" status_is "$module/$version, $abi, x86_64: installed"
check "the module is of this version" has_version "$version"
check "the module is for this kernel" sh -c "modinfo -k '$abi' -F vermagic $module | grep -q '^$abi '"
check "DKMS has signed it" sh -c "modinfo -k '$abi' -F signer $module | grep -q DKMS"
# As udev would when it sees the card.
check "the card's modalias loads it" sh -c "modprobe -S '$abi' --show-depends \
	pci:v00001002d0000731Fsv00001002sd00000B36bc03sc00i00 | grep -q $module"
check "rdna1ctl is of this version" sh -c "[ \"\$(rdna1ctl --version)\" = 'rdna1ctl $version' ]"
check "the manual is there" test -e /usr/share/man/man1/rdna1ctl.1.gz
check "udev finds no fault with the rule" sh -c \
	'! command -v udevadm || udevadm verify /usr/lib/udev/rules.d/60-rdna1-kfd-guard.rules'
# There is no card here: expect each command to say so.
none='no 0x731f card'
shown ask > /tmp/ask.sh
check "README.md has six lines to ask with" [ "$(grep -c rdna1ctl /tmp/ask.sh)" = 6 ]
while read -r line; do
	case $line in
	*" status"*) status=0 says=$none ;;
	*" doctor"* | *" env"*) status=1 says=$none ;;
	*" check "*) status=3 says='name a folder' ;;
	*" run "*) status=125 says=$none ;;
	*" report"*) status=0 says=rdna1-report.tar.gz ;;
	*) status=0 says=none ;;
	esac
	check "README.md: ${line%%  *}" ends $status "$says" "$line"
done < /tmp/ask.sh
rm /home/newcomer/rdna1-report.tar.gz
xz -dc "$place/$module.ko.xz" > "/mnt/module/$module.ko"
cp -a "$metadata" /kept
cp -a "/usr/src/$module-$version" /from-source
check "what README.md says to remove removes" follow remove
check "a newcomer's removal leaves no file of ours" nothing "$(ours)"
check "a newcomer's removal leaves no module in depmod's lists" nothing "$(in_lists)"

echo "== install"
# All dependencies are installed by now: a new file after the purge is one of our
# packages'.
all_files > /before
mkdir -p "${metadata%/*}"
cp -a /kept "$metadata"
apt install /mnt/debs/*.deb
check "installed with the metadata that is there" \
	status_is "$module/$version, $abi, x86_64: installed"

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
check "a purge leaves no file of ours" nothing "$(ours)"
check "a purge leaves no module in depmod's lists" nothing "$(in_lists)"
all_files > /after
# DKMS keeps its own signing key.
check "a purge leaves all as it was" nothing \
	"$(comm -13 /before /after | grep -v -e '^/after$' -e '^/before$' -e '^/var/lib/dkms/mok.' || :)"

echo "== from the source"
all_files > /before
cd /from-source || exit 1
make "KERNEL=$abi" KDIR=/kept
check "make install puts the module where the kernel's build does" sh -c \
	"make install 'KERNEL=$abi' KDIR=/kept && test -e '/lib/modules/$abi/updates/$module.ko'*"
check "the module that make installed is of this version" has_version "$version"
check "make uninstall removes it" sh -c \
	"make uninstall 'KERNEL=$abi' KDIR=/kept | grep -q 'removed /lib/modules/$abi/updates/$module.ko'"
check "make uninstall leaves no module in depmod's lists" nothing "$(in_lists)"
cd / || exit 1
all_files > /after
check "make uninstall leaves all as it was" nothing \
	"$(comm -13 /before /after | grep -v '^/from-source' || :)"

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
# dpkg's trigger tells our package that /usr/src has changed.
apt install "linux-source/$suite" "$source_package/$suite"
check "when the source is there, the module is built" \
	status_is "$module/$version, $abi, x86_64: installed"

echo "== headers as Ubuntu's"
# The same kernel, with its Rust metadata in the folder of Ubuntu's linux-lib-rust-RELEASE.
headers=/usr/src/linux-headers-$abi
ubuntu=/usr/src/linux-lib-rust-$abi
mkdir -p "$ubuntu/rust"
cp "$metadata"/rust/*.rmeta "$metadata"/rust/*.so "$ubuntu/rust"
# Ubuntu's headers have target.json, Debian's lack it.
target=$headers/scripts/target.json made_target=
[ -e "$target" ] || { cp "$metadata/scripts/target.json" "$target" && made_target=$target; }
mv "$metadata" /kept
mv /etc/os-release /os-release
printf '%s\n' ID=ubuntu ID_LIKE=debian > /etc/os-release
ln -s "../linux-lib-rust-$abi/rust" "$headers/rust"
check "DKMS builds with a link to that package" build_again
ln -sfn ../linux-hwe-lib-rust/rust "$headers/rust"
check "DKMS builds where that link leads nowhere" build_again
check "and no metadata is made" test ! -e "$metadata"
mv "$ubuntu" /elsewhere
check "without that package, DKMS fails" refuses "pre_build" build_again
check "and its log names the package" grep -q "sudo apt install linux-lib-rust-$abi" \
	"/var/lib/dkms/$module/$version/build/make.log"
rm -r /etc/os-release "$headers/rust" ${made_target:+"$made_target"} /elsewhere
mv /os-release /etc/os-release
mv /kept "$metadata"
check "DKMS builds as before" build_again

echo "== the kernel goes"
apt purge "linux-image-$flavour" "linux-headers-$flavour" "linux-image-$abi" "linux-headers-$abi" \
	"linux-headers-${abi%-*}-common"
check "a kernel takes its module along" nothing "$(find /lib/modules -name "$module*" -o -name dkms)"
check "DKMS has it for no kernel" status_is "$module/$version: added"
check "the metadata of a kernel goes with it" nothing "$(find /var/cache/rdna1-kfd-guard -mindepth 2 || :)"
apt purge rdna1-kfd-guard-dkms rdna1ctl linux-source "$source_package"
check "nothing is left of the packages" nothing "$(ours)"

echo "== a kernel upgrade"
older=$(older_kernel)
if [ -n "$older" ]; then
	older_abi=${older#* }
	older=${older% *}
	apt install "linux-image-$older_abi" "linux-headers-$older_abi" "linux-source=$older" \
		"$(source_of "$older_abi")=$older" /mnt/debs/*.deb
	check "DKMS has built it for $older_abi" status_is "$module/$version, $older_abi, x86_64: installed"
	apt install "linux-image-$flavour/$suite" "linux-headers-$flavour/$suite" "linux-source/$suite"
	check "a newer kernel brings its module along" sh -c \
		"dkms status -m $module -k '$abi' | grep -q ': installed'"
	check "the newer kernel's module is for it" sh -c \
		"modinfo -k '$abi' -F vermagic $module | grep -q '^$abi '"
	check "the older kernel keeps its module" sh -c \
		"modinfo -k '$older_abi' -F vermagic $module | grep -q '^$older_abi '"
	# The release's own kernel has no Rust.
	own=$(apt-cache search --names-only "^linux-headers-6[.]12[.][^-]*-$flavour\$" |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	check "headers of a kernel without Rust install: $own" apt install "$own"
	check "DKMS leaves that kernel out" nothing \
		"$(dkms status -m $module | grep -F "${own#linux-headers-}" || :)"
	apt purge "linux-image-$older_abi" "linux-headers-$older_abi" "$own"
	check "the older kernel takes its module along" nothing \
		"$(find "/lib/modules/$older_abi" "/var/cache/rdna1-kfd-guard/metadata/$older_abi" \
			-name "$module*" -o -name .config 2> /dev/null || :)"
	check "the newer one keeps its own" status_is "$module/$version, $abi, x86_64: installed"
	apt purge rdna1-kfd-guard-dkms rdna1ctl
	check "nothing is left after a kernel upgrade" nothing "$(ours)"
else
	echo "skip a kernel upgrade: $suite has one kernel with its source, and no other"
fi
echo "trial: done"
