#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# check.sh MODPROOF CACHE KERNEL WORK: tests the installed program modproof outside of any
# checkout: its verdicts on good and bad modules, its snapshots, and Ctrl-C. WORK, an empty
# folder, becomes a separate cache, so that other runs are not disturbed; it also holds
# the test projects. It links to CACHE's kernels and roots, which take long to make. The
# links are valid only with the build roots of CACHE's project: the variable MORE has these,
# and the script appends it to each test project's modproof.toml.
set -eu

[ $# -eq 4 ] || {
	echo "usage: $0 MODPROOF CACHE KERNEL WORK" >&2
	exit 2
}
modproof=$1 real=$2 kernel=$3 work=$4
examples=$(cd "$(dirname "$0")/examples" && pwd)
case=hello/load-read-unload
# If this script is killed, the programs that it started die, too.
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
		# `stock` has the modules that CACHE's own project needs: this one needs others.
		warm-* | logs | stock | build | *.partial | *.old) ;;
		*) ln -s "$stage" "$borrowed/" ;;
		esac
	done
done
cp "$real/accelerator.toml" "$work" 2> /dev/null || :
cp -R "$examples" "$work/projects"
for project in "$work"/projects/*; do
	printf '%s\n' "${MORE-}" >> "$project/modproof.toml"
done
examples=$work/projects
project=$work/projects/hello

fail() {
	echo "check: $*"
	sed 's/^/  | /' "$work/out"
	exit 1
}

# modproof WORDS...: runs modproof in the project's folder, with the cache and the kernel.
modproof() {
	(cd "$project" && exec $dying "$modproof" --cache "$work" --kernel "$kernel" "$@")
}

# run [OPTIONS]: runs the case, which must pass.
run() {
	modproof test --filter "$case" "$@" > "$work/out" 2>&1 ||
		fail "the case does not pass ($*)"
}

says() {
	grep -q "$1" "$work/out" || fail "expected modproof to say: $1"
}

says_not() {
	! grep -q "$1" "$work/out" || fail "expected modproof not to say: $1"
}

# until_true TRIES CONDITION...: waits until the command succeeds, ten tries a second.
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

# nobody_left: have all programs ended that have WORK/ in their command line? The pattern comes
# from a file, so that grep does not find itself.
printf %s "$work/" > "$work/pattern"
nobody_left() {
	! (cd "$work" && grep -qsFf pattern /proc/[0-9]*/cmdline)
}

# interrupted TARGET NAME [OPTIONS...]: interrupts a run while QEMU saves a snapshot; the run
# must leave nothing. TARGET is - for the process group, empty for modproof only.
interrupted() {
	target=$1 sign=$2
	shift 2
	(cd "$project" && exec setsid $dying "$modproof" --cache "$work" --kernel "$kernel" test \
		--filter "$case" "$@") > "$work/out" 2>&1 &
	pid=$!
	# The build comes before the boot: allow 300 s.
	until_true 3000 any_file "$work/kernels/*/warm-*.partial/tree/console.log"
	! nobody_left || fail "expected a QEMU that works in $work"
	kill -s INT -- "$target$pid"
	status=0
	wait "$pid" || status=$?
	pid=
	[ $status -eq 130 ] || fail "interrupted ($sign), it ended with $status"
	# Allow only 5 s: a guest that survived the interrupt would end by itself later.
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

echo "modproof replaces a snapshot that cannot be restored, with a warning"
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
modproof test --filter "$case" > "$work/out-other" 2>&1 &
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
[ -x "$work/runs/latest/$kernel:$case/again.sh" ] || fail "no script to boot it again"
! grep -qF "$work" "$work/runs/latest/$kernel:$case/again.sh" || fail "the script needs more than its folder"
$dying "$work/runs/latest/$kernel:$case/again.sh" < /dev/null > "$work/out" 2>&1 || fail "it does not boot by hand"
grep -q '^# modproof verdict: pass' "$work/runs/latest/$kernel:$case/ktap.again" || fail "it did not pass by hand"
run
[ ! -e "$work/runs/latest/$kernel:$case/again.sh" ] || fail "the script was left by a run that passed"

# tried STATUS WORDS [FILTER] [OPTIONS]: tests the project; expects STATUS and WORDS.
tried() {
	expected=$1 words=$2 filter=${3:-*}
	shift $(($# < 3 ? $# : 3))
	status=0
	modproof test --filter "$filter" "$@" > "$work/out" 2>&1 || status=$?
	[ $status -eq "$expected" ] || fail "${project##*/}: expected status $expected, seen $status"
	says "$words"
}

# broken SED-SCRIPT: selects a project: the example in C, changed by the script.
broken() {
	project=$work/projects/broken
	rm -rf "$project"
	cp -R "$examples/hello" "$project"
	sed -i -e 's/^#include <linux.module.h>/&\n#include <linux\/completion.h>\n#include <linux\/slab.h>/' \
		-e "$1" "$project/hello.c"
}

echo "a module in C passes, and one in Rust"
tried 0 '^3 passed, 0 failed, 1 skipped$'
project=$work/projects/hello-rust
tried 0 '^3 passed, 0 failed, 1 skipped$'

echo "a skip that nobody declared fails"
project=$work/projects/undeclared
cp -R "$examples/hello" "$project"
cat >> "$project/modproof.toml" << 'EOF'
[kernel.mine]
root = "trixie"
from.stock = { suite = "trixie-backports", flavour = "amd64" }
EOF
mkdir "$work/kernels/mine"
cp -P "$work"/kernels/trixie-backports/* "$work/kernels/mine" 2> /dev/null || :
usual=$kernel
kernel=mine
tried 1 'skipped, and no \[\[skip\]\] expects that here: the kernel has no fault injection' 'hello/every-*'
kernel=$usual

echo "one that leaks fails"
broken 's/pr_info("saying/barrier_data(kmalloc(8, GFP_KERNEL)); &/'
tried 1 'leak: the kernel holds more than 200 rounds before: .*kmalloc[^ ]*-8 by 2[0-9][0-9] objects' hello/over-and-over
echo "one that is silent fails"
broken 's/pr_info("saying/pr_info("not saying/'
tried 1 'expected a line that matches "^hello: saying ahoy' "$case"
echo "one that warns fails"
broken 's/pr_info("saying/WARN_ON(1); &/'
tried 1 'kernel warning: .* hello_init' "$case"
echo "one that hangs fails"
broken 's/pr_info("saying/DECLARE_COMPLETION_ONSTACK(never); wait_for_completion(\&never); &/'
tried 1 'hang: ' "$case" --timeout 20
echo "one that does not compile fails"
broken 's/pr_info("saying/no_such_function(); &/'
tried 1 'hello.c.* error: .*no_such_function'

project=$work/projects/hello
echo "a saved guest is in doubt after a crash of what was started from it"
run
says 'came to grief.*: making it anew'
