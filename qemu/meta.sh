#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# meta.sh [name...] - the tests of the harness itself: bad guests that it has
# to report as failures, with the right reason, and good ones that it must let
# pass. meta/cases lists them. make meta, or qemu/meta.sh <name> for one.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test.sh
. "$here/test.sh"
# shellcheck source=um/boot.sh
. "$here/um/boot.sh"

HANG_LIMIT=16
PASSED=0
FAILED=0

# meta_build <profile>: a kernel and the bad module for it, once per profile.
# The debug one is the default, the others are the newest.
declare -A META_KERNEL META_MODULE
meta_build() {
	local role=newest profile=$1 dir args=()
	if [[ -n ${META_KERNEL[$1]:-} ]]; then
		return
	fi
	case $1 in
	debug) role=default ;;
	um) profile=um-debug ;;
	esac
	META_KERNEL[$1]=$("$here/kernel.sh" build "$role" "$profile" | tail -n 1)
	dir=$(cache_dir)/meta/${META_KERNEL[$1]##*/}
	mkdir -p "$dir"
	cp -u "$here"/meta/{Kbuild,badmod.c} "$dir/"
	if [[ $1 == um ]]; then
		mapfile -t args < <(um_make_args "${META_KERNEL[$1]}")
	fi
	if ! make -s -C "${META_KERNEL[$1]}" M="$dir" "${args[@]}" modules \
		>"$dir/build.log" 2>&1; then
		tail -n 12 "$dir/build.log" >&2
		die "the bad module does not build" "see $dir/build.log"
	fi
	META_MODULE[$1]=$dir/badmod.ko
}

# What else has to be bad about this guest, outside the module.
meta_minimum() {
	echo "badmod 5"
	case $1 in
	absent) echo "absent 1" ;;
	few) echo "total 6" ;;
	esac
}

meta_channels() {
	local verdict=$GUEST_DIR/verdict
	if [[ $1 == full ]]; then
		verdict=/dev/full
	fi
	guest_ticks
	if [[ $1 != closed ]]; then
		guest_channel kmsg
	fi
	guest_channel verdict "$verdict"
}

# The user-mode kernel is a process: once its test runs, somebody kills it.
meta_killer() {
	local pid=''
	until [[ -n $pid ]] && grep -qs 'Subtest: badmod' "$GUEST_DIR/kmsg"; do
		sleep 0.2
		pid=$(pgrep -f "^$1 .*initrd=$GUEST_DIR/" || true)
	done
	kill -ABRT "$pid"
}

meta_um() { # seconds, META
	local linux=${META_KERNEL[um]}/linux killer=''
	if [[ $2 == killed ]]; then
		meta_killer "$linux" &
		killer=$!
	fi
	um_boot "$linux" 512 "$1"
	if pgrep -f "initrd=$GUEST_DIR/" >/dev/null; then
		echo "  FAIL a process is left of it"
	fi
	if [[ -n $killer ]]; then
		kill "$killer" 2>/dev/null || true
	fi
}

# meta_run <name> <profile> <mode> <meta>: the report goes to report.
meta_run() {
	local limit=120 boot=(qemu_boot "${META_KERNEL[$2]}")
	export PROFILE=$2 FILTER=
	if [[ $3 == hang || $3 == spin || $3 == freeze ]]; then
		limit=$HANG_LIMIT
	fi
	boot+=("$limit")
	if [[ $2 == um ]]; then
		PROFILE=debug boot=(meta_um "$limit" "$4")
	fi
	test_guest "meta-$1" "$limit"
	guest_conf META "$4"
	meta_channels "$4"
	guest_module "${META_MODULE[$2]}" "mode=$3"
	meta_minimum "$4" >"$GUEST_DIR/minimum"
	MINIMUM=$GUEST_DIR/minimum test_boot "$limit" "" "${boot[@]}"
}

# A bad guest has to be refused, with a count that says so, for this reason.
meta_judge() {
	local want=$1 code=$2 report=$3 last
	last=$(tail -n 1 "$report")
	if grep -q 'a process is left' "$report"; then
		return 1
	fi
	if [[ $want == passes ]]; then
		[[ $code == 0 && $last =~ ^[0-9]+\ passed,\ 0\ failed,\ [0-9]+\ skipped$ ]]
		return
	fi
	[[ $code != 0 && $last =~ ^[0-9]+\ passed,\ [1-9][0-9]*\ failed, ]] &&
		grep -Eq -- "FAIL .*$want|$want" "$report"
}

meta_case() {
	local name=$1 profile=$2 mode=$3 meta=$4 want=$5 code=0 begun=$SECONDS report
	report=$(mktemp)
	meta_build "$profile"
	# In a subshell without errexit: a failure is what is wanted.
	(meta_run "$name" "$profile" "$mode" "${meta#-}") >"$report" || code=$?
	if meta_judge "$want" "$code" "$report"; then
		PASSED=$((PASSED + 1))
		printf '  ok    %-14s %3d s  %s\n' "$name" $((SECONDS - begun)) "$want"
	else
		FAILED=$((FAILED + 1))
		printf '  FAIL  %-14s wanted: %s; exit %d, and:\n' "$name" "$want" "$code"
		sed 's/^/    > /' "$report"
	fi
	rm -f "$report"
}

# A parser on what guests have said; no guest, no time.
meta_parser() { # name, test
	local out code=0
	out=$(python3 -B "$here/meta/$2") || code=$?
	grep FAIL <<<"$out" || true
	if [[ ${out##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
		PASSED=$((PASSED + BASH_REMATCH[1]))
		FAILED=$((FAILED + BASH_REMATCH[2]))
	else
		FAILED=$((FAILED + 1))
	fi
	printf '  %-5s %-14s %3d s  %s\n' "$( ((code)) && echo FAIL || echo ok)" \
		"$1" 0 "${out##*$'\n'}"
}

# Scenarios that make scenarios has to report as meta/scenarios_want says.
meta_scenarios() {
	local out code=0 want lost='' begun=$SECONDS
	out=$(SCENARIO_DIR=$here/meta/scenarios KERNEL=newest PROFILE=plain FILTER='' SCENARIO='' \
		"$here/scenarios.sh" 2>&1) || code=$?
	while IFS= read -r want; do
		if [[ $want != \#* ]] && ! grep -Eq -- "$want" <<<"$out"; then
			lost+="    wanted: $want"$'\n'
		fi
	done <"$here/meta/scenarios_want"
	if [[ -z $lost && $code == 1 ]]; then
		PASSED=$((PASSED + 1))
		printf '  ok    %-14s %3d s\n' scenarios $((SECONDS - begun))
	else
		FAILED=$((FAILED + 1))
		printf '  FAIL  %-14s exit %d\n%s' scenarios "$code" "$lost"
		printf '%s\n' "$out" | sed 's/^/    > /'
	fi
}

meta_main() {
	local name profile mode meta want
	"$here/deps.sh" guest
	step "meta: guests that the harness must refuse, and some that it must not"
	if (($# == 0)); then
		meta_parser logs ktap_test.py
		meta_parser bench bench_test.py
		meta_parser split split_test.py
	fi
	if (($# == 0)) || [[ " $* " == *" scenarios "* ]]; then
		meta_scenarios
	fi
	while read -r name profile mode meta want <&3; do
		if [[ -z $name || $name == \#* ]]; then
			continue
		fi
		if (($#)) && [[ " $* " != *" $name "* ]]; then
			continue
		fi
		meta_case "$name" "$profile" "$mode" "$meta" "$want"
	done 3<"$here/meta/cases"
	if ((PASSED + FAILED == 0)); then
		die "no such meta test: $*" "their names are in qemu/meta/cases"
	fi
	echo "$PASSED passed, $FAILED failed, 0 skipped"
	((FAILED == 0))
}

meta_main "$@"
