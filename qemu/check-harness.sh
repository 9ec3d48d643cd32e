#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check-harness.sh HARNESS REPO CACHE KERNEL WORK: what the harness promises of
# saved guests, of interrupts and of modules of anybody. WORK, an empty folder,
# is a cache of its own, which borrows all that takes long to make from CACHE,
# so that no other run is disturbed.
set -eu

[ $# -eq 5 ] || {
	echo "usage: $0 HARNESS REPO CACHE KERNEL WORK" >&2
	exit 2
}
harness=$1 repo=$2 real=$3 kernel=$4 work=$5
case=$kernel:tree/no-card
# If this script is killed, nothing that it started goes on in WORK.
dying='setpriv --pdeathsig KILL --'

pid=
trap '[ -z "$pid" ] || kill -s KILL "$pid" 2> /dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

for folder in "$real"/kernels/* "$real"/roots/*; do
	[ -d "$folder" ] || continue
	borrowed=$work${folder#"$real"}
	mkdir -p "$borrowed/logs"
	for stage in "$folder"/*; do
		case ${stage##*/} in
		warm-* | logs | *.partial | *.old) ;;
		*) ln -s "$stage" "$borrowed/" ;;
		esac
	done
done
cp "$real/accelerator.toml" "$work" 2> /dev/null || :
cp -P "$real/uapi" "$work"

fail() {
	echo "check-harness: $*"
	sed 's/^/  | /' "$work/out"
	exit 1
}

# run [OPTIONS]: the case passes.
run() {
	$dying "$harness" --repo "$repo" --cache "$work" test --filter "$case" "$@" > "$work/out" 2>&1 ||
		fail "the case does not pass ($*)"
}

says() {
	grep -q "$1" "$work/out" || fail "expected the harness to say: $1"
}

says_not() {
	! grep -q "$1" "$work/out" || fail "expected the harness not to say: $1"
}

# until_true TRIES CONDITION...: waits for something that is on its way, ten
# tries a second.
until_true() {
	tries=$1
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "waited for nothing: $*"
		sleep 0.1
	done
}

any_file() {
	for file in $1; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

# Nobody has our folder in its command line, but for this script's own programs.
printf %s "$work/" > "$work/pattern"
nobody_left() {
	! (cd "$work" && grep -qsFf pattern /proc/[0-9]*/cmdline)
}

# interrupted TARGET OPTIONS...: is interrupted when QEMU runs, and leaves
# nothing; TARGET is - for the process group, or nothing for the harness alone.
interrupted() {
	target=$1 sign=$2
	shift 2
	setsid $dying "$harness" --repo "$repo" --cache "$work" test --filter "$case" "$@" > "$work/out" 2>&1 &
	pid=$!
	# Built first is what is to boot.
	until_true 3000 any_file "$work/kernels/*/warm-*.partial/tree/console.log"
	! nobody_left || fail "expected a QEMU that works in $work"
	kill -s INT -- "$target$pid"
	status=0
	wait "$pid" || status=$?
	pid=
	[ $status -eq 130 ] || fail "interrupted ($sign), it ended with $status"
	# Not for long: a guest that is left alone comes to an end by itself.
	until_true 50 nobody_left
	! any_file "$work/kernels/*/warm-*" || fail "interrupted ($sign), it left a snapshot"
}

echo "interrupted while a guest is being saved"
interrupted - "its process group"
interrupted '' "it alone"

echo "the first run saves a guest, the second starts from it"
run
says 'a booted guest to start from: done'
run
says_not 'a booted guest to start from'

echo "a guest that cannot be restored is made anew, and that is said"
for state in "$work"/kernels/*/warm-plain-*/tree/state; do
	cp -p "$state" "$work/state"
	printf garbage | dd of="$state" bs=1 conv=notrunc 2> /dev/null
	touch -r "$work/state" "$state"
done
run
says 'cannot go on, making it anew'

echo "so is one whose files were touched"
for state in "$work"/kernels/*/warm-plain-*/tree/state; do
	truncate -s 1000 "$state"
done
run
says 'were changed: making it anew'

echo "one whose kernel complained is not used"
for console in "$work"/kernels/*/warm-plain-*/tree/console.log; do
	echo '[    9.000000] WARNING: planted' >> "$console"
done
run
says 'none to start from.*complained'
says 'making it anew'

echo "two runs at once, each with its own logs"
ls "$work/runs" > "$work/runs-before"
$dying "$harness" --repo "$repo" --cache "$work" test --filter "$case" > "$work/out-other" 2>&1 &
other=$!
run
wait "$other" || {
	cp "$work/out-other" "$work/out"
	fail "the other of two runs does not pass"
}
[ "$(ls "$work/runs" | grep -cvxFf "$work/runs-before")" -eq 2 ] ||
	fail "two runs, and not two folders of logs"

echo "what was kept boots again by hand"
run --keep
[ -x "$work/runs/latest/$case/again.sh" ] || fail "no script to boot it again"
! grep -qF "$work" "$work/runs/latest/$case/again.sh" || fail "the script needs more than its folder"
$dying "$work/runs/latest/$case/again.sh" < /dev/null > "$work/out" 2>&1 || fail "it does not boot by hand"
grep -q '^# rdna1 verdict: pass' "$work/runs/latest/$case/ktap.again" || fail "it did not pass by hand"
run
[ ! -e "$work/runs/latest/$case/again.sh" ] || fail "the script was left by a run that passed"

theirs=$work/theirs
mkdir "$theirs"
cp "$repo/selftests/hello/Kbuild" "$repo/selftests/hello/hello.c" "$theirs"
cat > "$theirs/modules.toml" << 'EOF'
[[module]]
name = "hello"
log = ["saying hello"]
EOF

# tried STATUS WORDS [CASE]: the module in $theirs comes to that, and that is said.
tried() {
	status=0
	$dying "$harness" --repo "$repo" --cache "$work" --kernel "$kernel" test --modules "$theirs/modules.toml" \
		--filter "hello/${3-load-read-unload}" > "$work/out" 2>&1 || status=$?
	[ $status -eq "$1" ] || fail "a module of anybody: expected status $1, seen $status"
	says "$2"
}

echo "a module of anybody passes; one that leaks, is silent, warns or cannot be built fails"
tried 0 '^1 passed, 0 failed$'
tried 0 '^1 passed, 0 failed$' over-and-over
cp "$theirs/hello.c" "$work"
sed -i -e 's/pr_info("saying/barrier_data(kmalloc(8, GFP_KERNEL)); &/' \
	-e 's/^#include <linux.module.h>/&\n#include <linux\/slab.h>/' "$theirs/hello.c"
tried 1 'leak: more is held than 200 rounds before: .*kmalloc[^ ]*-8 by 2[0-9][0-9] objects' over-and-over
cp "$work/hello.c" "$theirs"
sed -i 's/saying hello/saying nothing/' "$theirs/modules.toml"
tried 1 'expected a line that matches "saying nothing"'
sed -i 's/pr_info("saying/WARN_ON(1); &/' "$theirs/hello.c"
tried 1 'kernel warning: .* hello_init'
echo "a saved guest is in doubt after a crash of what was started from it"
run
says 'came to grief.*: making it anew'
sed -i 's/WARN_ON(1)/no_such_function()/' "$theirs/hello.c"
tried 1 'hello.c.* error: .*no_such_function'
