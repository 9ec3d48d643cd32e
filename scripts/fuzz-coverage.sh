#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Reports which lines of the core the fuzzer's corpus in the cache reaches. Needs the
# tools of rustc's LLVM version, which `rustc -vV` prints (Debian: package llvm-22).
set -euo pipefail

cd "$(dirname "$0")/.."
cache=${RDNA1_CACHE:?names the folder where builds are kept}
fuzz=$cache/fuzz
version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
for tool in llvm-profdata llvm-cov; do
	command -v "$tool-$version" > /dev/null || {
		echo "$tool-$version is needed: sudo apt install llvm-$version" >&2
		exit 1
	}
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:?where to build}/fuzz-coverage
# Build scripts are instrumented, too: discard their profiles.
LLVM_PROFILE_FILE=/dev/null RUSTFLAGS=-Cinstrument-coverage \
	cargo build --quiet --locked --release --manifest-path fuzz/Cargo.toml --example corpus
program=$CARGO_TARGET_DIR/release/examples/corpus
LLVM_PROFILE_FILE=$work/corpus.profraw "$program" "$fuzz/corpus"
"llvm-profdata-$version" merge -sparse "$work/corpus.profraw" -o "$work/corpus.profdata"
"llvm-cov-$version" report "$program" -instr-profile="$work/corpus.profdata" \
	src/facts src/rules src/text src/observe.rs
