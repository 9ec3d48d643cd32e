#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# licences.sh VENDOR: prints the licence and the notices of each crate in rdna1ctl.
# Packages must ship them with the program. VENDOR is the folder that
# `cargo vendor --versioned-dirs` filled; cargo must be configured to use it.
set -eu
cd "${0%/*}/.."

[ -d "${1-}" ] || {
	echo "usage: $0 VENDOR" >&2
	exit 2
}
echo 'rdna1ctl is made of these crates, each under its own licence:'
cargo tree --locked --offline -p rdna1ctl -e normal --prefix none --no-dedupe --format '{p}|{l}' |
	sed 's/ (proc-macro)//' | sort -u | while IFS='|' read -r crate licence; do
	case $crate in
	# Cargo prints a folder after our own crates: LICENSE covers those.
	*'('*) continue ;;
	esac
	folder=$1/$(echo "$crate" | sed 's/ v/-/')
	[ -d "$folder" ] || { echo "$folder is not there" >&2 && exit 1; }
	printf '\n== %s: %s\n' "$crate" "$licence"
	find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \
		-o -iname 'unlicense*' -o -iname 'copyright*' \) | sort | while read -r file; do
		printf '\n-- %s\n\n' "${file##*/}"
		cat "$file"
	done
done
