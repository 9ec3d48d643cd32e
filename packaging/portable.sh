# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Tests the portable archive of rdna1ctl, for systems without a package: in the root of a
# Debian release, and in a chroot without any library. The archive is in /mnt/portable.
# Each check prints a line that begins with `ok ` or `not ok `.

work=$(mktemp -d)
tar -xzf /mnt/portable/rdna1ctl-*-x86_64-linux.tar.gz -C "$work"
set -- "$work"/rdna1ctl-*
folder=$1
mkdir "$work/empty"
cp "$folder/bin/rdna1ctl" "$work/empty"

# check STATUS WORDS COMMAND...: does it exit with STATUS and print WORDS?
check() {
	wanted=$1 words=$2
	shift 2
	status=0
	said=$("$@" 2>&1) || status=$?
	name="${where}: rdna1ctl $(echo "$*" | sed 's/.*rdna1ctl *//')"
	case $status-$said in
	"$wanted"-*"$words"*) echo "ok $name" ;;
	*) echo "not ok $name: status $status, $(echo "$said" | tail -n 3 | tr '\n' ' ')" ;;
	esac
}

# There is no card and no KFD here: expect each command to say so.
commands() {
	none='no 0x731f card'
	check 0 "$none" "$@" status
	check 1 "$none" "$@" doctor
	check 1 "$none" "$@" env
	check 125 "$none" "$@" run -- true
	check 2 amdgpu "$@" requests --seconds 1
}

where="with this release's libraries"
commands "$folder/bin/rdna1ctl"
where='without any library'
commands chroot "$work/empty" /rdna1ctl
for file in share/man/man1/rdna1ctl.1.gz share/bash-completion/completions/rdna1ctl \
	share/rdna1ctl/schema; do
	if [ -e "$folder/$file" ]; then
		echo "ok $file is there"
	else
		echo "not ok $file is there: it is not in the archive"
	fi
done
echo "trial: done"
