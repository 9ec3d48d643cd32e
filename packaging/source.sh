#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# source.sh FOLDER: writes the source archives of all packages into FOLDER: the last commit,
# and the crates that Cargo.lock names. It downloads the crates from crates.io, so that
# building the packages needs no network.
set -eu
cd "${0%/*}/.."

die() {
	echo "source: $*" >&2
	exit 1
}

[ $# -eq 1 ] || die "usage: $0 FOLDER"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
version=$(scripts/stage.sh version)
name=rdna1-kfd-guard
time=$(git log -1 --format=%ct) || die "packages are made from a commit: this is no git checkout"
[ -z "$(git status --porcelain)" ] || echo "source: note: what is not committed is left out" >&2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# pack NAME FOLDER: makes a reproducible archive.
pack() {
	tar -C "$work" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner \
		--format=gnu -c "$2" | xz -T0 -3 > "$folder/$1.part"
	mv "$folder/$1.part" "$folder/$1"
}

git archive --prefix="$name-$version/" HEAD | tar -C "$work" -x
[ "$("$work/$name-$version/scripts/stage.sh" version)" = "$version" ] ||
	die "the version was changed and not committed"
mv "$work/$name-$version/debian" "$work/debian"
pack "${name}_$version.orig.tar.xz" "$name-$version"

(
	cd "$work/$name-$version"
	cargo vendor --locked --quiet --versioned-dirs "$work/vendor" > /dev/null
) || die "the crates cannot be had: is there a network?"
pack "${name}_$version.orig-vendor.tar.xz" vendor

# dpkg-source makes the third part of the source package from debian/.
rm -rf "$folder/$name-$version"
mv "$work/$name-$version" "$folder/$name-$version"
mv "$work/vendor" "$folder/$name-$version/vendor"
mv "$work/debian" "$folder/$name-$version/debian"
