#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Installs the files of the packages below DESTDIR, for all package formats.
#
# stage.sh version                  prints the version in dkms.conf
# stage.sh dkms DESTDIR             the module's source for DKMS, and the udev rule
# stage.sh rdna1ctl PROGRAM DESTDIR
#                                   PROGRAM, its manual, completions, schemas, alerts
#
# ZSH_COMPLETIONS names another folder for zsh's completions: distributions differ.
set -eu
cd "${0%/*}/.."

module=rdna1_kfd_guard

# The module's sources. The other files in src are for the host only.
SOURCES='Kbuild Makefile dkms.conf rust-bindings/*.h rust-bindings/*.bindgen
	src/*.rs src/facts src/publish src/raw src/readers src/rules src/text'
SCRIPTS='debian-metadata.sh dkms-metadata.sh install.sh kernel.sh preflight.sh remedies.sh remedies.txt
	toolchain.sh'

version() {
	sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf
}

dkms() {
	folder=$1/usr/src/$module-$(version)
	# shellcheck disable=SC2086 # patterns are meant
	find $SOURCES -type f -name '[!.]*' ! -name '*.o' ! -name '*.ko' ! -name '*.mod*' ! -name lib.rs |
		while read -r file; do
			install -D -p -m 644 "$file" "$folder/$file"
		done
	for script in $SCRIPTS; do
		mode=755
		case $script in
		kernel.sh | remedies.*) mode=644 ;;
		esac
		install -D -p -m $mode "scripts/$script" "$folder/scripts/$script"
	done
	install -D -p -m 644 packaging/rdna1-kfd-guard.rules \
		"$1/usr/lib/udev/rules.d/60-rdna1-kfd-guard.rules"
}

rdna1ctl() {
	share=$2/usr/share
	made=$(mktemp -d)
	trap 'rm -rf "$made"' EXIT
	"$1" generate "$made"
	install -D -m 755 "$1" "$2/usr/bin/rdna1ctl"
	for page in "$made"/man/*.1; do
		install -D -m 644 "$page" "$share/man/man1/${page##*/}"
	done
	for schema in "$made"/schema/*.json; do
		install -D -m 644 "$schema" "$share/rdna1ctl/schema/${schema##*/}"
	done
	install -D -m 644 packaging/prometheus/rdna1.rules.yml "$share/rdna1ctl/prometheus/rdna1.rules.yml"
	install -D -m 644 packaging/grafana/rdna1.json "$share/rdna1ctl/grafana/rdna1.json"
	install -D -m 644 "$made/completions/rdna1ctl.bash" "$share/bash-completion/completions/rdna1ctl"
	install -D -m 644 "$made/completions/_rdna1ctl" \
		"$2/${ZSH_COMPLETIONS:-/usr/share/zsh/site-functions}/_rdna1ctl"
	install -D -m 644 "$made/completions/rdna1ctl.fish" \
		"$share/fish/vendor_completions.d/rdna1ctl.fish"
}

case $#-${1-} in
1-version) version ;;
2-dkms) dkms "$2" ;;
3-rdna1ctl) rdna1ctl "$2" "$3" ;;
*)
	echo "usage: $0 version | dkms DESTDIR | rdna1ctl PROGRAM DESTDIR" >&2
	exit 2
	;;
esac
