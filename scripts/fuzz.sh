#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh RUNS [LENGTH]: fuzzes the core with RUNS inputs of at most LENGTH bytes; with
# 0, until Ctrl-C. fuzz.sh FILE: tries one input again. The cache keeps the corpus
# (fuzz/corpus) and the inputs that failed (fuzz/found).
set -euo pipefail

cd "$(dirname "$0")/.."
cache=${RDNA1_CACHE:?names the folder where builds are kept}
fuzz=$cache/fuzz
version=0.13.2

if ! "$fuzz/tools/bin/cargo-fuzz" --version 2> /dev/null | grep -qw "$version"; then
	echo "installing cargo-fuzz $version into the cache"
	CARGO_TARGET_DIR=$fuzz/tools/target cargo install --quiet --locked --root "$fuzz/tools" \
		--version "$version" cargo-fuzz
	rm -rf "$fuzz/tools/target"
fi
export PATH=$fuzz/tools/bin:$PATH CARGO_TARGET_DIR=${CARGO_TARGET_DIR:?where to build}/fuzz
mkdir -p "$fuzz/corpus" "$fuzz/found"

# No sanitizer: those need a nightly compiler, and the core has no unsafe code. The
# fuzzer looks for overflows and other panics. Without traces of comparisons it is
# several times as fast; the dictionary has the words that the core compares with.
build=(--sanitizer none --no-trace-compares --fuzz-dir fuzz topology)
if [ -f "${1:?how many runs, or which input}" ]; then
	exec cargo fuzz run "${build[@]}" "$1"
fi
cargo run --quiet --locked --manifest-path fuzz/Cargo.toml --example seed selftests/captures "$fuzz/corpus"
words=("-dict=fuzz/topology.dict" "-artifact_prefix=$fuzz/found/" -max_len=${2:-4096} -timeout=10
	-print_final_stats=1)
[ "$1" = 0 ] || words+=("-runs=$1")
exec cargo fuzz run "${build[@]}" "$fuzz/corpus" -- "${words[@]}"
