#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh RUNS [LENGTH]: fuzzes the core with that many inputs, 0 for as long as
# nobody stops it, of at most LENGTH bytes. What it learns is kept in the cache,
# and so is an input that it finds to be bad: give that to fuzz.sh in the place
# of RUNS to try it again.
set -euo pipefail

cd "$(dirname "$0")/.."
cache=${RDNA1_CACHE:?names the folder where builds are kept}
fuzz=$cache/fuzz
# The version is pinned as those of all crates are, in a file of its own.
version=0.13.2

if ! "$fuzz/tools/bin/cargo-fuzz" --version 2> /dev/null | grep -qw "$version"; then
	echo "installing cargo-fuzz $version into the cache"
	CARGO_TARGET_DIR=$fuzz/tools/target cargo install --quiet --locked --root "$fuzz/tools" \
		--version "$version" cargo-fuzz
	rm -rf "$fuzz/tools/target"
fi
export PATH=$fuzz/tools/bin:$PATH CARGO_TARGET_DIR=${CARGO_TARGET_DIR:?where to build}/fuzz
mkdir -p "$fuzz/corpus" "$fuzz/found"

# Sanitizers need a nightly compiler, and the core has no unsafe code to find
# fault with: overflows and other panics are what is looked for.
# Without traces of comparisons it is several times as quick: the words that
# the core compares with are in the dictionary.
build=(--sanitizer none --no-trace-compares --fuzz-dir fuzz topology)
if [ -f "${1:?how many runs, or which input}" ]; then
	exec cargo fuzz run "${build[@]}" "$1"
fi
cargo run --quiet --locked --manifest-path fuzz/Cargo.toml --example seed selftests/captures "$fuzz/corpus"
words=("-dict=fuzz/topology.dict" "-artifact_prefix=$fuzz/found/" -max_len=${2:-4096} -timeout=10
	-print_final_stats=1)
[ "$1" = 0 ] || words+=("-runs=$1")
exec cargo fuzz run "${build[@]}" "$fuzz/corpus" -- "${words[@]}"
